/** Matters: the cases and enquiries that holds belong to. */
import { asStore } from '../stores/postgres/driver-error.ts';
import { guardApp } from '../stores/postgres/guard-app.ts';
import { actorNamed, type Retain, said } from './context.ts';
import { eachStore } from './store-views.ts';

export interface MatterRequest {
  readonly matter: string;
  readonly title: string;
  readonly actor: string;
}

/** Opens a matter in every store of the schedule; one that is open already stays as it is. */
export async function openMatter(retain: Retain, request: MatterRequest): Promise<void> {
  const actor = actorNamed(request.actor);
  const matter = said(request.matter, 'Name the matter.');
  const title = said(request.title, 'Say what the matter is about with --title TEXT.');
  await eachStore(retain, (_store, connection) =>
    guardApp(connection).openMatter(matter, title, actor),
  );
}

export interface ListedMatter {
  readonly matter: string;
  readonly title: string;
  readonly openedBy: string;
  readonly openedAt: string;
  readonly holdsInForce: number;
}

/** Matters of all stores; holds in force are counted over all of them. */
export async function listMatters(retain: Retain): Promise<ListedMatter[]> {
  const matters = new Map<string, ListedMatter>();
  await eachStore(retain, async (_store, connection) => {
    const rows = await asStore(
      connection.store,
      () => connection.sql<ListedMatter[]>`
      select matter_id as matter, title, opened_by as "openedBy",
             to_char(opened_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "openedAt",
             (select count(*) from retain_guard.hold h
               where h.matter_id = m.matter_id and h.released_at is null)::integer as "holdsInForce"
        from retain_guard.matter m order by opened_at`,
    );
    for (const row of rows) {
      const before = matters.get(row.matter);
      const holdsInForce = row.holdsInForce + (before?.holdsInForce ?? 0);
      matters.set(row.matter, { ...(before ?? row), holdsInForce });
    }
  });
  return [...matters.values()];
}
