/** Long-lived connections of a worker process: one per store and role, opened when first needed. */
import type { RetentionSchedule } from '../domain/schedule.ts';
import {
  connectStore,
  type StoreConnection,
  type StoreRole,
} from '../stores/postgres/connection.ts';
import { type Retain, scheduleInForce, storeNamed } from './context.ts';

export interface StorePool {
  connection(store: string, role: StoreRole): Promise<StoreConnection>;
  end(): Promise<void>;
}

/** Two connections a lane: one destroys while the other seals. */
export function storePool(
  retain: Retain,
  maxConnections: number,
  schedule?: RetentionSchedule,
): StorePool {
  const open = new Map<string, Promise<StoreConnection>>();
  return {
    connection(store, role) {
      const name = `${role} ${store}`;
      const found = open.get(name);
      if (found) return found;
      const opening = (async () => {
        const inForce = schedule ?? (await scheduleInForce(retain)).schedule;
        return connectStore(store, retain.urlOf(storeNamed(inForce, store)), role, {
          maxConnections,
        });
      })();
      open.set(name, opening);
      // A failed attempt must not be remembered: the database may be back for the next one.
      opening.catch(() => open.delete(name));
      return opening;
    },
    async end() {
      const connections = await Promise.allSettled(open.values());
      for (const result of connections) {
        if (result.status === 'fulfilled') await result.value.end();
      }
    },
  };
}
