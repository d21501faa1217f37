/** The receipt of a hold: from when it holds, what it covers now, and what it came too late for. */
import { RetentionError } from '../domain/errors.ts';
import type { FreezeMode, RetentionSchedule } from '../domain/schedule.ts';
import type { StoreConnection } from '../stores/postgres/connection.ts';
import { freezeModes } from '../stores/postgres/freeze-places.ts';
import { confirmFreeze, type Freeze, type Writer } from '../stores/postgres/freeze-state.ts';
import type { HoldRow } from '../stores/postgres/guard-app.ts';
import type { ResolvedStore } from '../stores/postgres/reality.ts';
import { findDestroyed } from './destroyed-records.ts';
import { type Covered, coveredRows, type HoldScopes } from './hold-coverage.ts';
import { keyColumnsOf, subjectColumns } from './record-keys.ts';
import type { StoreView } from './store-views.ts';

/** A record that a run had destroyed before the hold took effect. */
export interface TooLate {
  readonly recordClass: string;
  readonly key: readonly string[];
  readonly action: 'delete' | 'anonymise' | 'reduce';
  readonly run: string;
  readonly batchNo: number;
  readonly batch: string;
  readonly executedAt: string;
}

export interface HoldReceipt {
  /** `H-31`; with the store in front where the schedule has several: `housing/H-31`. */
  readonly hold: string;
  readonly store: string;
  readonly zone: string;
  readonly matter: string;
  readonly reason: string;
  readonly because: string;
  readonly placedBy: string;
  /** RFC 3339 UTC: when it was asked for. */
  readonly placedAt: string;
  /** RFC 3339 UTC: every batch after this instant leaves what the hold covers. */
  readonly effectiveAt: string;
  /** RFC 3339 UTC: nobody, not only no run, changes or deletes what it covers after this. Null: not yet. */
  readonly frozenAt: string | null;
  /** The transactions older than the hold that it waits for to be frozen. */
  readonly waitsFor: readonly Writer[];
  /** Tables whose rows are not frozen, or against deleting only, because the schedule says so. */
  readonly notFrozen: readonly { readonly table: string; readonly freeze: FreezeMode }[];
  readonly reviewOn: string;
  readonly releasedAt: string | null;
  readonly covers: readonly Covered[];
  /** Null when it could not be found out; a note says why. */
  readonly tooLate: readonly TooLate[] | null;
  readonly notes: readonly string[];
}

/** `H-31` in a schedule of one store, `housing/H-31` where there are several. */
export function holdName(
  schedule: RetentionSchedule,
  store: string,
  holdNo: number | string,
): string {
  return Object.keys(schedule.stores).length === 1 ? `H-${holdNo}` : `${store}/H-${holdNo}`;
}

export async function holdReceipt(view: StoreView, hold: HoldRow): Promise<HoldReceipt> {
  const { connection, resolved, schedule } = view;
  const scopes = scopesOf(resolved, hold);
  const notes: string[] = [];
  const covers = await coveredRows(connection, resolved, scopes);
  const tooLate = await destroyedBefore(view, hold, scopes, notes);
  const { frozenAt, waitsFor } = await freezeOf(connection, hold);
  const named = new Set(covers.map(({ table }) => table));
  return {
    hold: holdName(schedule, connection.store, hold.hold_no),
    store: connection.store,
    zone: schedule.timezone,
    matter: hold.matter_id,
    reason: hold.reason,
    because: hold.because,
    placedBy: hold.placed_by,
    placedAt: hold.placed_at,
    effectiveAt: hold.effective_at,
    frozenAt,
    waitsFor,
    notFrozen: freezeModes(resolved).filter(
      ({ table, freeze }) => freeze !== 'refuse' && named.has(table),
    ),
    reviewOn: hold.review_on,
    releasedAt: hold.released_at,
    covers,
    tooLate,
    notes,
  };
}

/** As of now: the first who asks after the last older writer has ended freezes it. */
export async function freezeOf(connection: StoreConnection, hold: HoldRow): Promise<Freeze> {
  if (hold.frozen_at !== null || hold.released_at !== null) {
    return { frozenAt: hold.frozen_at, waitsFor: [] };
  }
  return confirmFreeze(connection, Number(hold.hold_no));
}

function scopesOf(resolved: ResolvedStore, hold: HoldRow): HoldScopes {
  return {
    keys: hold.keys.map(({ record_class, key_text }) => ({
      recordClass: record_class,
      key: keyColumnsOf(key_text, resolved.aggregates.get(record_class)?.key.length ?? 1),
    })),
    subjects: hold.subjects.map(({ subject_kind, subject }) => ({ kind: subject_kind, subject })),
  };
}

/**
 * The log knows records by their key alone. So a subject can be looked up where it is the key of a
 * class, and a note names the classes where it is not.
 */
async function destroyedBefore(
  view: StoreView,
  hold: HoldRow,
  scopes: HoldScopes,
  notes: string[],
): Promise<TooLate[] | null> {
  const wanted = new Map<string, Map<string, readonly string[]>>();
  const want = (recordClass: string, key: readonly string[]) => {
    const keys = wanted.get(recordClass) ?? new Map<string, readonly string[]>();
    wanted.set(recordClass, keys.set(JSON.stringify(key), key));
  };
  for (const { recordClass, key } of scopes.keys) want(recordClass, key);
  const unknown = new Set<string>();
  for (const { kind, subject } of scopes.subjects) {
    for (const { aggregate, column } of subjectColumns(view.resolved, kind)) {
      const isKey = aggregate.key.length === 1 && aggregate.key[0]?.name === column.name;
      if (isKey) want(aggregate.recordClass.id, [subject]);
      else unknown.add(aggregate.recordClass.id);
    }
  }
  const blind = [...unknown].filter((id) => !wanted.has(id));
  if (blind.length > 0) {
    notes.push(
      `The log names records by their key, not by subject: whether records of ${blind.join(', ')} about this subject were destroyed before cannot be listed.`,
    );
  }
  const alongWith = [...wanted.keys()].flatMap((id) => ownersOf(view, id));
  if (alongWith.length > 0) {
    notes.push(
      `Parts are logged with their record and not by themselves: what went along with a destroyed ${[...new Set(alongWith)].join(' or ')} cannot be listed by its own key.`,
    );
  }
  const found: TooLate[] = [];
  for (const [recordClass, keys] of wanted) {
    const some = await lookUp(view, recordClass, [...keys.values()], notes);
    if (some === null) return null;
    found.push(...some.filter(({ executedAt }) => executedAt < hold.effective_at));
  }
  return found.sort((a, b) => (a.executedAt < b.executedAt ? -1 : 1));
}

/** Classes whose records take records of this class along. */
function ownersOf({ resolved }: StoreView, recordClass: string): string[] {
  const topOid = resolved.aggregates.get(recordClass)?.root.topOid;
  return [...resolved.aggregates.values()]
    .filter(({ owned }) => owned.some((part) => part.table.topOid === topOid))
    .map((aggregate) => aggregate.recordClass.id);
}

/** A missing key must not keep a hold from being placed: the receipt then says what it cannot say. */
async function lookUp(
  view: StoreView,
  recordClass: string,
  keys: readonly (readonly string[])[],
  notes: string[],
): Promise<TooLate[] | null> {
  try {
    const found = await findDestroyed(view.retain, view.connection, recordClass, keys);
    return found.map(({ key, batch: { action, run, batchNo, batch, executedAt } }) => ({
      ...{ recordClass, key, action, run, batchNo, batch, executedAt },
    }));
  } catch (error) {
    if (!(error instanceof RetentionError) || !error.code.startsWith('EPOCH_KEY')) throw error;
    notes.push(
      `Which records had been destroyed before is not known here: ${error.message} Then ask for the receipt again.`,
    );
    return null;
  }
}
