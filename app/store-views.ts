/** Several stores of the schedule in force at once, each with its live tables. */
import type { RetentionSchedule, StoreDefinition } from '../domain/schedule.ts';
import type { StoreConnection } from '../stores/postgres/connection.ts';
import type { ResolvedStore } from '../stores/postgres/reality.ts';
import { type Retain, scheduleInForce, withStore } from './context.ts';
import { matchLiveStore } from './match-store.ts';

export interface StoreView {
  readonly retain: Retain;
  readonly schedule: RetentionSchedule;
  readonly connection: StoreConnection;
  readonly resolved: ResolvedStore;
}

/** Connections to all the stores at once, each with its live tables. */
export async function withViews<T>(
  retain: Retain,
  schedule: RetentionSchedule,
  stores: readonly StoreDefinition[],
  work: (views: readonly StoreView[]) => Promise<T>,
  views: readonly StoreView[] = [],
): Promise<T> {
  const [store, ...others] = stores;
  if (!store) return work(views);
  return withStore(retain, store, 'retain_app', async (connection) => {
    const { resolved } = await matchLiveStore(connection, schedule);
    const view = { retain, schedule, connection, resolved };
    return withViews(retain, schedule, others, work, [...views, view]);
  });
}

/** One store after the other. */
export async function eachStore(
  retain: Retain,
  work: (store: StoreDefinition, connection: StoreConnection) => Promise<void>,
): Promise<void> {
  const { schedule } = await scheduleInForce(retain);
  for (const store of Object.values(schedule.stores)) {
    await withStore(retain, store, 'retain_app', (connection) => work(store, connection));
  }
}
