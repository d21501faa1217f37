/** Epochs that are over: records are destroyed today under the key of a quarter long ago. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type EpochDependencies, ownConnections } from '../../app/ledger/epoch-admin.ts';
import { decodeEntry } from '../../ledger/entry.ts';
import { readStatement, type StatementOf } from '../../ledger/statements.ts';
import type { LedgerSite } from './ledger-site.ts';

/** The clock that says in which quarter epoch keys are made. */
export const LONG_AGO = () => '2020-02-10T12:00:00Z';
export const EPOCH = 'parcel/2020Q1';
/** Counted from 1 April 2020, the first day after the quarter. */
export const KEPT_FOR = 'P1Y';
export const LAST_DAY = '2021-04-01';
export const ON_LAST_DAY = Date.parse('2021-04-01T23:59:59Z');
export const AFTER_LAST_DAY = Date.parse('2021-04-02T00:00:00Z');

type Changed = Partial<EpochDependencies>;

/** What a worker has that looks for keys whose day is over. */
export function asWorker(
  { governed: { retain } }: Pick<LedgerSite, 'governed'>,
  changed: Changed = {},
): EpochDependencies {
  return { ...retain, inStore: ownConnections(retain, 'retain_worker'), ...changed };
}

/** What a person has. */
export function asPerson(
  { governed: { retain } }: Pick<LedgerSite, 'governed'>,
  changed: Changed = {},
): EpochDependencies {
  return { ...retain, inStore: ownConnections(retain, 'retain_app'), ...changed };
}

export function keyFileOf({ governed }: Pick<LedgerSite, 'governed'>, epoch = EPOCH): string {
  return join(governed.keyDir, `${epoch}.key`);
}

export function hasKey(site: Pick<LedgerSite, 'governed'>, epoch = EPOCH): boolean {
  return existsSync(keyFileOf(site, epoch));
}

/** What the log says of ends of epochs. */
export async function toldEnds(
  site: Pick<LedgerSite, 'entries'>,
): Promise<StatementOf<'epoch.destroy'>[]> {
  return (await site.entries()).flatMap((bytes) => {
    const entry = decodeEntry(bytes);
    const statement = entry.kind === 'epoch.destroy' ? readStatement(entry) : undefined;
    return statement?.kind === 'epoch.destroy' ? [statement] : [];
  });
}

/** A hold over anything in the site's store; answers its number. */
export async function placeHold({
  governed: { sql },
}: Pick<LedgerSite, 'governed'>): Promise<number> {
  await sql`select retain_guard.open_matter('M-1', 'A matter', 'helena')`;
  const [hold] = await sql<{ no: number }[]>`
    select hold_no::integer as no from retain_guard.place_hold('M-1', 'complaint', 'a letter', 'helena', '2030-01-01',
      '{parcel}', '{900001}', '{}', '{}')`;
  return hold?.no ?? 0;
}

export async function releaseHold(
  { governed: { sql } }: Pick<LedgerSite, 'governed'>,
  hold: number,
): Promise<void> {
  await sql`select retain_guard.release_hold(${hold}, 'helena', 'settled')`;
}

/** Destroys one record and leaves its batch unsealed. */
export async function leaveUnsealed({ governed }: Pick<LedgerSite, 'governed'>): Promise<void> {
  await governed.sql`insert into public.parcel values (700001, '2010-01-01')`;
  const plan = await governed.plan();
  await governed.approve(plan);
  await governed.open(plan);
  const lane = { run: plan.document.run, step: 1, lane: 1 };
  const { fence } = await governed.guard.claimLane(lane);
  await governed.guard.disposeBatch(lane, fence, 10);
}
