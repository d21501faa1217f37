/** Says, as a sequencer would, what happens in an installation: entries of a log with all their chains. */
import { hash } from 'node:crypto';
import type { CanonicalValue } from '../../ledger/canonical.ts';
import { type KeyRole, type SigningKey, signingKey } from '../../ledger/ed25519.ts';
import { entrySha256, type SignedKind, signEntry } from '../../ledger/entry.ts';
import { nameReference } from '../../ledger/names.ts';
import { formatVkey, NOTE_SIGNATURE } from '../../ledger/note-key.ts';
import { sortReferences } from '../../ledger/sort-references.ts';
import { NO_PREVIOUS, type StatementOf } from '../../ledger/statements.ts';

/** A signed entry and, behind the header of a batch, its packed references. */
export interface Piece {
  readonly kind: SignedKind;
  readonly entry: Buffer;
  readonly refs?: Buffer;
}

export type Body = Record<string, CanonicalValue>;
/** Changes a body before it is signed: the lie of somebody who has the keys. `nth` of its kind, from 1. */
export type Change = (kind: SignedKind, body: Body, nth: number) => Body;

export interface TellerOptions {
  readonly origin?: string;
  readonly store?: string;
  readonly seed?: number;
  readonly change?: Change;
}

export interface StepSpec {
  readonly class: string;
  /** Records that the plan counts. */
  readonly destroys: number;
  readonly action?: 'delete' | 'anonymise' | 'reduce';
}

/** A run as far as it has been told. */
export interface ToldRun {
  readonly run: string;
  readonly sha256: string;
  readonly steps: StatementOf<'plan'>['steps'];
  readonly scheduleVersion: number;
  readonly scheduleSha256: string;
  readonly lanes: Map<string, { step: number; lane: number; seq: number; last: string }>;
  readonly classes: Map<string, { batches: number; records: number }>;
}

export interface BatchSpec {
  readonly step?: number;
  readonly lane?: number;
  readonly records: number;
  readonly epoch?: string;
  /** Version of the holds it has checked; the last one when missing. */
  readonly holds?: number;
}

export type Teller = ReturnType<typeof logTeller>;

/** The epoch key that batches use unless they say otherwise. */
export const EPOCH = 'customer/2026Q4';
export const ORIGIN = 'retain.example.com/housing';
/** Nothing here lasts longer than this installation has existed. */
const BEGAN_MS = Date.parse('2026-11-21T09:00:00Z');
const SECOND_MS = 1_000;
const PLAN_DAYS_MS = 7 * 86_400_000;

/** A key that is the same in every test. */
export function testKey(role: KeyRole, seed: number): SigningKey {
  return signingKey(role, Buffer.from(digest(`${role} ${seed}`), 'hex'));
}

export function logTeller(options: TellerOptions = {}) {
  const { origin = ORIGIN, store = 'housing', seed = 1, change = (_, body) => body } = options;
  const source = `store:${store}`;
  const namesKey = Buffer.from(digest(`names ${seed}`), 'hex');
  const admin = testKey('admin', seed);
  const log = testKey('log', seed);
  const chains = new Map<string, { n: number; prev: string }>();
  const times = new Map<SignedKind, number>();
  let worker = testKey('worker', seed);
  let second = 0;
  let holdVersion = 0;
  let holds = 0;
  let drawn = 0;
  const openEpochs = new Set<string>();

  const ref = (name: string): string => nameReference(namesKey, name).ref.toString('hex');
  const tick = (): string => micros(BEGAN_MS + SECOND_MS * second++);
  const uuid = (): string => {
    const hex = digest(`uuid ${seed} ${drawn++}`);
    return [
      hex.slice(0, 8),
      hex.slice(8, 12),
      hex.slice(12, 16),
      hex.slice(16, 20),
      hex.slice(20, 32),
    ].join('-');
  };

  function sign(kind: SignedKind, body: Body, key: SigningKey): Buffer {
    const nth = (times.get(kind) ?? 0) + 1;
    times.set(kind, nth);
    return signEntry(kind, change(kind, { v: 1, kind, ...body }, nth), key);
  }

  function tell(kind: SignedKind, body: Body, from = source): Piece {
    const { n, prev } = chains.get(from) ?? { n: 1, prev: NO_PREVIOUS };
    const place = { source: from, n, prev, at: tick(), signed_by: worker.name };
    const entry = sign(kind, { ...body, ...place }, worker);
    chains.set(from, { n: n + 1, prev: entrySha256(entry).toString('hex') });
    return { kind, entry };
  }

  function byAdmin(kind: SignedKind, body: Body): Piece {
    return { kind, entry: sign(kind, { ...body, signed_by: admin.name }, admin) };
  }

  const vkey = (key: SigningKey): string =>
    formatVkey(origin, key.publicKey, NOTE_SIGNATURE.ed25519);
  const key64 = (key: SigningKey): string => key.publicKey.toString('base64');
  const named = (role: KeyRole, key: SigningKey) => ({
    role,
    name: key.name,
    public_key: key64(key),
  });

  return {
    ...{ origin, store, source, admin, log, ref, tell, byAdmin, vkey, uuid, tick },
    worker: () => worker,
    chain: (from: string) => chains.get(from)?.n ?? 1,

    genesis: (): Piece =>
      byAdmin('genesis', {
        ...{ origin, created_at: tick(), log_vkey: vkey(log) },
        keys: [named('admin', admin), named('worker', worker)],
      }),

    key: (role: 'admin' | 'worker', key: SigningKey, state: 'active' | 'revoked'): Piece =>
      byAdmin('key', { ...named(role, key), state, at: tick() }),

    logKey: (key: SigningKey, state: 'active' | 'revoked'): Piece =>
      byAdmin('key', { role: 'log', name: key.name, vkey: vkey(key), state, at: tick() }),

    /** From here on another worker key signs. */
    signWith(key: SigningKey): void {
      worker = key;
    },

    scheduleVersion: (version: number): Piece =>
      tell(
        'rule.version',
        { version, sha256: scheduleSha256(version), installed_by: ref('ann') },
        'control',
      ),

    hasEpoch: (epoch: string): boolean => openEpochs.has(epoch),

    epoch(epoch: string, state: 'open' | 'destroy' = 'open'): Piece {
      const body = { epoch, commitment: digest(`epoch ${epoch}`) };
      if (state === 'destroy') return tell('epoch.destroy', body);
      openEpochs.add(epoch);
      return tell('epoch.open', { ...body, destroy_after: '2034-01-01' });
    },

    placeHold(): Piece {
      holdVersion += 1;
      holds += 1;
      const at = tick();
      return tell('hold.place', {
        ...{
          hold: holds,
          version: String(holdVersion),
          matter: ref('matter-1'),
          reason: 'litigation',
        },
        ...{ placed_at: at, effective_at: at, review_on: '2027-01-31', placed_by: ref('ann') },
        ...{ classes: { customer: 3 }, subjects: { person: 1 } },
      });
    },

    freezeHold: (hold: number): Piece => tell('hold.freeze', { hold, frozen_at: tick() }),

    releaseHold(hold: number): Piece {
      holdVersion += 1;
      const body = {
        hold,
        version: String(holdVersion),
        released_at: tick(),
        released_by: ref('bob'),
      };
      return tell('hold.release', body);
    },

    plan(steps: readonly StepSpec[], scheduleVersion = 1): { run: ToldRun; piece: Piece } {
      const id = uuid();
      const run: ToldRun = {
        ...{ run: id, sha256: digest(`plan ${id}`), scheduleVersion },
        scheduleSha256: scheduleSha256(scheduleVersion),
        steps: steps.map((one, i) => ({
          ...{ step: i + 1, class: one.class, rule: `${one.class}_6_years` },
          ...{
            action: one.action ?? 'delete',
            table: `"public"."${one.class}"`,
            destroys: one.destroys,
          },
        })),
        ...{ lanes: new Map(), classes: new Map() },
      };
      const at = Date.parse(tick());
      const piece = tell('plan', {
        ...{ run: id, sha256: run.sha256, schedule_version: scheduleVersion },
        ...{
          schedule_sha256: run.scheduleSha256,
          as_of: micros(at),
          expires_at: micros(at + PLAN_DAYS_MS),
        },
        ...{ hold_version: String(holdVersion), requested_by: ref('ann'), steps: run.steps },
      });
      return { run, piece };
    },

    decide: (run: ToldRun, decision: 'approve' | 'reject' = 'approve'): Piece =>
      tell('approval', {
        ...{ run: run.run, sha256: run.sha256, decision },
        ...{ requested_by: ref('ann'), decided_by: ref('bob') },
      }),

    openRun: (run: ToldRun): Piece =>
      tell('run.open', { run: run.run, sha256: run.sha256, opened_by: ref('ann') }),

    /** A batch that the run itself never hears of. */
    forgedBatch(run: ToldRun, spec: BatchSpec): Piece {
      return this.batch({ ...run, lanes: new Map(run.lanes), classes: new Map(run.classes) }, spec);
    },

    batch(run: ToldRun, spec: BatchSpec): Piece {
      const { step = 1, lane = 1, records, epoch = EPOCH } = spec;
      const planned = run.steps.find((one) => one.step === step) ?? run.steps[0]!;
      const end = run.lanes.get(`${step} ${lane}`) ?? { seq: 0, last: NO_PREVIOUS };
      const refs = references(`${seed} ${run.run} ${step} ${lane} ${end.seq}`, records);
      const header: Body = {
        ...{ store, batch: uuid(), run: run.run, step, lane, seq: end.seq + 1, prev: end.last },
        ...{ class: planned.class, action: planned.action, table: planned.table },
        parts: { '"public"."letter"': 2 },
        rule: { id: planned.rule, version: run.scheduleVersion, sha256: run.scheduleSha256 },
        approval: { id: run.run, sha256: run.sha256 },
        ...{ schema_sha256: digest('schema'), executed_at: tick(), txid: String(700 + second) },
        holds: { checked: true, version: String(spec.holds ?? holdVersion) },
        items: { count: records, len: 32, order: 'asc', sha256: digest(refs) },
        ...{ key_epoch: epoch, worker: worker.name, recovered: false },
      };
      const entry = sign('batch', header, worker);
      const last = entrySha256(entry).toString('hex');
      run.lanes.set(`${step} ${lane}`, { step, lane, seq: end.seq + 1, last });
      const sum = run.classes.get(planned.class) ?? { batches: 0, records: 0 };
      const totals = { batches: sum.batches + 1, records: sum.records + records };
      run.classes.set(planned.class, totals);
      return { kind: 'batch', entry, refs };
    },

    closeRun(run: ToldRun): Piece {
      const sums = [...run.classes.values()];
      return tell('run.close', {
        ...{ run: run.run, outcome: 'completed', held: 0, blocked: 0, changed: 0, gone: 0 },
        batches: sums.reduce((all, one) => all + one.batches, 0),
        records: sums.reduce((all, one) => all + one.records, 0),
        ...{ classes: Object.fromEntries(run.classes), lanes: [...run.lanes.values()] },
      });
    },
  };
}

/** Packed, ascending, the same for the same name. */
export function references(name: string, count: number): Buffer {
  const refs = Buffer.allocUnsafe(count * 32);
  const start = digest(name);
  for (let i = 0; i < count; i += 1)
    refs.write(hash('sha256', `${start} ${i}`, 'binary'), i * 32, 'latin1');
  return sortReferences(refs);
}

export function digest(of: string | Buffer): string {
  return hash('sha256', of, 'hex');
}

function scheduleSha256(version: number): string {
  return digest(`schedule ${version}`);
}

function micros(epochMs: number): string {
  return new Date(epochMs).toISOString().replace('Z', '000Z');
}
