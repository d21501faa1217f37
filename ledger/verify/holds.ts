/** Holds of each store, and which of them a batch must have checked. */
import type { StatementOf } from '../statements.ts';
import type { ReportFinding } from './findings.ts';
import { isBefore, type SaidOf } from './said.ts';

interface StoreHolds {
  /** Of the last placing or releasing. */
  version: bigint;
  /** In the order of the log, and so of versions. */
  readonly placed: { readonly version: bigint; readonly effectiveAt: string }[];
  readonly inForce: Set<number>;
  readonly released: Set<number>;
  /** Placed before a restore, which may have taken them away: a hold placed anew has another number. */
  readonly doubtful: Set<number>;
}

export interface Holds {
  place(said: SaidOf<'hold.place'>): void;
  release(said: SaidOf<'hold.release'>): void;
  /** A restore may have brought back holds that were released: they can be released again. */
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
      store.inForce.add(hold);
      store.placed.push({ version: BigInt(version), effectiveAt: effective_at });
    },
    release(said) {
      const { statement, index } = said;
      const { source, hold } = statement;
      const store = of(source);
      advance(said);
      if (!store.inForce.delete(hold)) {
        const what = store.released.has(hold)
          ? 'is released twice'
          : 'is released and was never placed';
        report('E_HOLD', `Hold ${hold} of ${source} ${what}.`, { index });
      }
      store.released.add(hold);
    },
    restored(source) {
      const { inForce, released, doubtful } = of(source);
      for (const hold of released) inForce.add(hold);
      for (const hold of inForce) doubtful.add(hold);
      released.clear();
    },
    inForce(source) {
      const { inForce, doubtful } = of(source);
      return [...inForce].filter((hold) => !doubtful.has(hold));
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

function holdsOfStores(): (source: string) => StoreHolds {
  const stores = new Map<string, StoreHolds>();
  return (source) => {
    const known = stores.get(source);
    if (known !== undefined) return known;
    const none: StoreHolds = {
      ...{ version: 0n, placed: [], inForce: new Set(), released: new Set() },
      doubtful: new Set(),
    };
    stores.set(source, none);
    return none;
  };
}
