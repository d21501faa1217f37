/** Legal holds that were placed: listing, receipts, releasing. */
import { RetentionError } from '../domain/errors.ts';
import type { StoreConnection } from '../stores/postgres/connection.ts';
import { guardApp, type HoldRow } from '../stores/postgres/guard-app.ts';
import { actorNamed, type Retain, said, scheduleInForce } from './context.ts';
import { freezeOf, type HoldReceipt, holdName, holdReceipt } from './hold-receipt.ts';
import { eachStore, type StoreView, withViews } from './store-views.ts';

export type { HoldReceipt };

export interface ListedHold extends HoldRow {
  readonly hold: string;
  readonly store: string;
}

/** Holds of all stores, the released ones too; only those of one matter when given. */
export async function listHolds(retain: Retain, matter?: string): Promise<ListedHold[]> {
  const holds: ListedHold[] = [];
  const { schedule } = await scheduleInForce(retain);
  await eachStore(retain, async (store, connection) => {
    for (const row of await guardApp(connection).holds({})) {
      if (matter !== undefined && row.matter_id !== matter) continue;
      const { frozenAt } = await freezeOf(connection, row);
      holds.push({
        ...row,
        frozen_at: frozenAt,
        hold: holdName(schedule, store.id, row.hold_no),
        store: store.id,
      });
    }
  });
  return holds;
}

/** The receipt of a hold, asked for again: coverage and losses as of now. */
export function receiptOf(retain: Retain, hold: string): Promise<HoldReceipt> {
  return onHold(retain, hold, (view, row) => holdReceipt(view, row));
}

/** Releases one hold. Records under another hold stay held, and due dates do not move. */
export async function releaseHold(
  retain: Retain,
  hold: string,
  asked: { readonly actor: string; readonly because: string },
): Promise<{ hold: string; matter: string; releasedAt: string; zone: string }> {
  const actor = actorNamed(asked.actor);
  const because = said(asked.because, 'Say why with --because TEXT.');
  return onHold(retain, hold, async ({ connection, schedule }, row) => {
    const releasedAt = await guardApp(connection).releaseHold(Number(row.hold_no), actor, because);
    const name = holdName(schedule, connection.store, row.hold_no);
    return { hold: name, matter: row.matter_id, releasedAt, zone: schedule.timezone };
  });
}

async function onHold<T>(
  retain: Retain,
  name: string,
  work: (view: StoreView, row: HoldRow) => Promise<T>,
): Promise<T> {
  const match = /^(?:([a-z][a-z0-9_]*)\/)?H-(\d{1,15})$/.exec(name);
  if (!match) throw new RetentionError('USAGE', 'A hold is named by its number, for example H-31.');
  const { schedule } = await scheduleInForce(retain);
  const stores = Object.values(schedule.stores);
  const named = stores.filter(({ id }) => match[1] === undefined || id === match[1]);
  if (named.length > 1) {
    const names = stores.map(({ id }) => `${id}/H-${match[2]}`).join(', ');
    throw new RetentionError('USAGE', `There are several stores; say which: ${names}.`);
  }
  return withViews(retain, schedule, named, async ([view]) => {
    if (!view) throw new RetentionError('HOLD_UNKNOWN', `There is no hold ${name}.`);
    return work(view, await holdIn(view.connection, Number(match[2])));
  });
}

/** The row of one hold; `HOLD_UNKNOWN`. */
export async function holdIn(connection: StoreConnection, holdNo: number): Promise<HoldRow> {
  const [row] = await guardApp(connection).holds({ holdNo });
  if (row) return row;
  throw new RetentionError('HOLD_UNKNOWN', `There is no hold H-${holdNo}. Run: retain hold list`);
}
