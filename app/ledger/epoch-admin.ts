/**
 * The end of epoch keys: on their day, or by a person's word. A store first writes down and tells the ledger that
 * the key is destroyed, then the key's file is; a crash in between is mended by the next look.
 */
import { type CalendarDate, parseCalendarDate } from '../../domain/civil.ts';
import { quarterOf } from '../../domain/epoch.ts';
import { type ErrorCode, RetentionError } from '../../domain/errors.ts';
import { instantFromMillis } from '../../domain/instant.ts';
import { keyCommitment } from '../../ledger/references.ts';
import type { StoreConnection, StoreRole } from '../../stores/postgres/connection.ts';
import { type CommittedKey, epochGuard } from '../../stores/postgres/epoch-guard.ts';
import { storeLedger } from '../../stores/postgres/ledger-source.ts';
import { type Retain, scheduleInForce, storeNamed, withStore } from '../context.ts';
import { requireLedgerInStep, requireStoreInStep } from './in-step.ts';
import { isDestroyed, type LoggedEpoch, lastDay, loggedEpochs } from './logged-epochs.ts';
import { requireHead } from './sequence.ts';

/** Runs `work` on a connection to the store of that name. */
export type InStore = <T>(
  store: string,
  work: (connection: StoreConnection) => Promise<T>,
) => Promise<T>;

export interface EpochDependencies extends Pick<Retain, 'control' | 'ledgerSigner' | 'epochKeys'> {
  readonly inStore: InStore;
}

/** An epoch whose key must go and is still there. */
export interface PostponedEpoch {
  readonly epoch: string;
  readonly code: ErrorCode;
  /** Why; one sentence. */
  readonly message: string;
}

export interface DestroyedEpochs {
  /** Ids of epochs whose key was destroyed in this look. */
  readonly destroyed: readonly string[];
  readonly postponed: readonly PostponedEpoch[];
}

/** `writing`: its quarter is not over. `due`: its day is over, and the key is still there. */
export type EpochState = 'writing' | 'kept' | 'due' | 'destroyed';

export interface EpochView {
  readonly epoch: string;
  readonly stores: readonly string[];
  readonly state: EpochState;
  readonly destroyAfter: CalendarDate | null;
  /** RFC 3339 UTC; null while the key is in use. */
  readonly destroyedAt: string | null;
  /** Why a key that is due is still there; null when nothing keeps it, and for keys that are not due. */
  readonly postponed: PostponedEpoch | null;
}

/** For commands: a connection of its own each time, as `role`. */
export function ownConnections(retain: Retain, role: StoreRole): InStore {
  return async (store, work) => {
    const { schedule } = await scheduleInForce(retain);
    return withStore(retain, storeNamed(schedule, store), role, work);
  };
}

/**
 * Destroys every epoch key whose day is over by `nowMs` and by the clocks of the stores that used it, and the
 * files of keys that the log says are destroyed. Safe to call at any time and by several at once: a store tells
 * of each key once. One that must wait is in the answer with the reason. Throws `LEDGER_MISSING`,
 * `LEDGER_BEHIND`, and what a database that does not answer throws.
 */
export async function destroyDueEpochKeys(
  deps: EpochDependencies,
  nowMs: number,
): Promise<DestroyedEpochs> {
  await requireLedgerInStep(deps.control.ledger, deps.ledgerSigner);
  const destroyed: string[] = [];
  const postponed: PostponedEpoch[] = [];
  for (const epoch of await loggedEpochs(deps.control.ledger)) {
    const waits = await attempt(epoch, async () => {
      if (isDestroyed(epoch)) {
        if (await deps.epochKeys.destroy(epoch.id)) destroyed.push(epoch.id);
      } else if (isDue(epoch, nowMs)) {
        await destroy(deps, epoch, await requireDestroyable(deps, epoch, nowMs, true), true);
        destroyed.push(epoch.id);
      }
    });
    if (waits !== null) postponed.push(waits);
  }
  return { destroyed, postponed };
}

/**
 * The epoch, when its key may be destroyed by a person's word now, before its day too. Refused (`EPOCH_KEY_IN_USE`)
 * while its quarter is not over or its batches wait for sealing or for the ledger, and (`EPOCH_KEY_HELD`) while a
 * legal hold is in force in a store that used it. Throws `USAGE` for an epoch that the ledger does not know,
 * `EPOCH_KEY_MISSING` when its key is not here.
 */
export async function epochToDestroy(
  deps: EpochDependencies,
  id: string,
  nowMs: number,
): Promise<LoggedEpoch> {
  const epoch = await epochNamed(deps, id);
  if (!isDestroyed(epoch)) await requireDestroyable(deps, epoch, nowMs, false);
  return epoch;
}

/** Destroys an epoch key by a person's word; throws as `epochToDestroy` does, and when it is gone already. */
export async function destroyEpochKey(
  deps: EpochDependencies,
  id: string,
  nowMs: number,
): Promise<void> {
  const epoch = await epochNamed(deps, id);
  if (!isDestroyed(epoch)) {
    await destroy(deps, epoch, await requireDestroyable(deps, epoch, nowMs, false), false);
  } else if (!(await deps.epochKeys.destroy(id))) {
    throw new RetentionError('EPOCH_KEY_MISSING', `The key of ${id} was destroyed before.`);
  }
}

/** Every epoch that the log tells of, oldest quarter first within a class, and what keeps those that are due. */
export async function listEpochs(deps: EpochDependencies, nowMs: number): Promise<EpochView[]> {
  await requireHead(deps.control.ledger);
  const views: EpochView[] = [];
  for (const epoch of await loggedEpochs(deps.control.ledger)) {
    const state = stateOf(epoch, nowMs);
    views.push({
      ...{ epoch: epoch.id, stores: epoch.uses.map(({ store }) => store), state },
      destroyAfter: lastDay(epoch),
      destroyedAt:
        state === 'destroyed'
          ? (epoch.uses
              .map(({ destroyedAt }) => destroyedAt)
              .sort()
              .at(-1) ?? null)
          : null,
      postponed:
        state === 'due'
          ? await attempt(epoch, async () => {
              await requireDestroyable(deps, epoch, nowMs, true);
            })
          : null,
    });
  }
  return views;
}

async function epochNamed(
  { control: { ledger }, ledgerSigner }: EpochDependencies,
  id: string,
): Promise<LoggedEpoch> {
  await requireLedgerInStep(ledger, ledgerSigner);
  const epoch = (await loggedEpochs(ledger)).find((one) => one.id === id);
  if (epoch !== undefined) return epoch;
  throw new RetentionError(
    'USAGE',
    'The ledger knows no such epoch, named like customer/2026Q4. Run: retain keys epochs',
  );
}

function stateOf(epoch: LoggedEpoch, nowMs: number): EpochState {
  if (isDestroyed(epoch)) return 'destroyed';
  if (epoch.quarter >= quarterOf(instantFromMillis(nowMs))) return 'writing';
  return isDue(epoch, nowMs) ? 'due' : 'kept';
}

function isDue(epoch: LoggedEpoch, nowMs: number): boolean {
  const day = lastDay(epoch);
  const today = parseCalendarDate(instantFromMillis(nowMs).slice(0, 10));
  return day !== null && today !== undefined && day < today;
}

/** Asks every store that used the key before any of them tells. Answers the key as they know it. */
async function requireDestroyable(
  deps: EpochDependencies,
  epoch: LoggedEpoch,
  nowMs: number,
  onDate: boolean,
): Promise<CommittedKey> {
  if (epoch.quarter >= quarterOf(instantFromMillis(nowMs))) {
    throw new RetentionError(
      'EPOCH_KEY_IN_USE',
      `${epoch.id} is still being written: its quarter is not over.`,
    );
  }
  const key = await deps.epochKeys.byId(epoch.id);
  if (key === undefined) {
    throw new RetentionError(
      'EPOCH_KEY_MISSING',
      `The key of ${epoch.id} is not in this key folder: use that of the worker.`,
    );
  }
  const committed = { epoch: epoch.id, commitment: keyCommitment(key).toString('hex') };
  key.fill(0);
  for (const { store } of inUse(epoch)) {
    await deps.inStore(store, async (connection) => {
      await requireStoreInStep(deps.control.ledger, storeLedger(connection));
      await epochGuard(connection).requireOver(committed, onDate);
    });
  }
  return committed;
}

async function destroy(
  { inStore, epochKeys }: EpochDependencies,
  epoch: LoggedEpoch,
  committed: CommittedKey,
  onDate: boolean,
): Promise<void> {
  for (const { store } of inUse(epoch)) {
    await inStore(store, (connection) => epochGuard(connection).destroy(committed, onDate));
  }
  await epochKeys.destroy(epoch.id);
}

function inUse({ uses }: LoggedEpoch): LoggedEpoch['uses'] {
  return uses.filter(({ destroyedAt }) => destroyedAt === undefined);
}

async function attempt(
  { id }: LoggedEpoch,
  work: () => Promise<void>,
): Promise<PostponedEpoch | null> {
  try {
    await work();
    return null;
  } catch (error) {
    if (!(error instanceof RetentionError)) throw error;
    return { epoch: id, code: error.code, message: error.message };
  }
}
