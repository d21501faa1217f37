/** Holds of each store, and which of them a batch must have checked. */
import type { StatementOf } from '../statements.ts';
import type { ReportFinding } from './findings.ts';
import { isBefore, type SaidOf } from './said.ts';

interface StoreHolds {
  /** Of the last placing or releasing. */
  version: bigint;
  /** In the order of the log, and so of versions. */
  readonly placed: { readonly version: bigint; readonly effectiveAt: string }[];
  /** With the instant at which they took effect. */
  readonly inForce: Map<number, string>;
  readonly frozen: Set<number>;
  readonly released: Map<number, string>;
  /** Placed before a restore, which may have taken them away: a hold placed anew has another number. */
  readonly doubtful: Set<number>;
}

export interface Holds {
  place(said: SaidOf<'hold.place'>): void;
  /** A hold in force is frozen once, and not before it took effect. */
  freeze(said: SaidOf<'hold.freeze'>): void;
  release(said: SaidOf<'hold.release'>): void;
  /** A restore may have brought back holds that were released or frozen: they can be so again. */
  restored(source: string): void;
  /** Holds of a source that were placed since the last restore and not released. */
  inForce(source: string): readonly number[];
  /** Version of the last hold statement of a source so far. */
  version(source: string): bigint;
  /**
   * What is wrong with the holds that a batch says it has checked, or undefined. The guard reads a hold's
   * `effective_at` while no batch runs: every batch executed later has seen it.
   */
  fault(source: string, header: StatementOf<'batch'>): string | undefined;
}

export function holds(report: ReportFinding): Holds {
  const of = holdsOfStores();
  const advance = ({ statement, index }: SaidOf<'hold.place' | 'hold.release'>): void => {
    const store = of(statement.source);
    const version = BigInt(statement.version);
    if (version <= store.version) {
      report('E_HOLD', `Hold version ${version} of ${statement.source} is not above the last.`, {
        index,
      });
    }
    if (version > store.version) store.version = version;
  };
  return {
    place(said) {
      const { statement, index } = said;
      const { source, hold, version, effective_at } = statement;
      const store = of(source);
      advance(said);
      if (store.inForce.has(hold) || store.released.has(hold)) {
        report('E_HOLD', `Hold ${hold} of ${source} is placed twice.`, { index });
      }
      store.inForce.set(hold, effective_at);
      store.placed.push({ version: BigInt(version), effectiveAt: effective_at });
    },
    freeze: (said) => freeze(of(said.statement.source), said, report),
    release(said) {
      const { statement, index } = said;
      const { source, hold } = statement;
      const store = of(source);
      advance(said);
      const effectiveAt = store.inForce.get(hold);
      if (effectiveAt === undefined) {
        const what = store.released.has(hold)
          ? 'is released twice'
          : 'is released and was never placed';
        report('E_HOLD', `Hold ${hold} of ${source} ${what}.`, { index });
      }
      store.inForce.delete(hold);
      store.released.set(hold, effectiveAt ?? store.released.get(hold) ?? '');
    },
    restored(source) {
      const { inForce, released, frozen, doubtful } = of(source);
      for (const [hold, effectiveAt] of released) inForce.set(hold, effectiveAt);
      for (const hold of inForce.keys()) doubtful.add(hold);
      released.clear();
      frozen.clear();
    },
    inForce(source) {
      const { inForce, doubtful } = of(source);
      return [...inForce.keys()].filter((hold) => !doubtful.has(hold));
    },
    version: (source) => of(source).version,
    fault(source, { holds: checked, executed_at }) {
      const { version, placed } = of(source);
      const seen = BigInt(checked.version);
      if (seen > version) return 'says that it checked holds that the log does not have before it';
      const due = placed.findLast(({ effectiveAt }) => isBefore(effectiveAt, executed_at));
      if (due === undefined || seen >= due.version) return undefined;
      return 'was executed after a hold took effect, and has not checked that hold';
    },
  };
}

function freeze(
  { inForce, frozen }: StoreHolds,
  { statement, index }: SaidOf<'hold.freeze'>,
  report: ReportFinding,
): void {
  const { source, hold, frozen_at } = statement;
  const effectiveAt = inForce.get(hold);
  const wrong = (what: string): void =>
    report('E_HOLD', `Hold ${hold} of ${source} is frozen ${what}.`, { index });
  if (effectiveAt === undefined) wrong('and is not in force');
  else if (isBefore(frozen_at, effectiveAt)) wrong('before it takes effect');
  if (frozen.has(hold)) wrong('twice');
  frozen.add(hold);
}

function holdsOfStores(): (source: string) => StoreHolds {
  const stores = new Map<string, StoreHolds>();
  return (source) => {
    const known = stores.get(source);
    if (known !== undefined) return known;
    const none: StoreHolds = {
      ...{ version: 0n, placed: [] },
      ...{ inForce: new Map<number, string>(), released: new Map<number, string>() },
      ...{ frozen: new Set<number>(), doubtful: new Set<number>() },
    };
    stores.set(source, none);
    return none;
  };
}
