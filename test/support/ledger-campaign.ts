/**
 * Kills cannot fork, lose or double the ledger: runs are worked and holds placed while both keepers of the
 * ledger, the workers and the database keep being killed; then everything that is left is looked at.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { startingPolicy } from '../../app/ledger/key-admin.ts';
import { rotateWorkerKey } from '../../app/ledger/rotate-keys.ts';
import { ledgerStatus } from '../../app/ledger/status.ts';
import type { PlanRequest } from '../../app/plan-run.ts';
import { storePool } from '../../app/store-pool.ts';
import { folderSource } from '../../cli/log-source.ts';
import { decodeEntry } from '../../ledger/entry.ts';
import { parsePolicy } from '../../ledger/policy-file.ts';
import { verifyLog } from '../../ledger/verify/verify-log.ts';
import { guardApp } from '../../stores/postgres/guard-app.ts';
import type { EstateSize } from './estate.ts';
import { type Broken, brokenAtTheEnd } from './estate-checks.ts';
import type { Governed } from './governed.ts';
import { A_HOLD, noteWhatIsThere } from './hold-placing.ts';
import { insist, type LedgerCrashSite, ledgerCrashSite } from './ledger-crash-site.ts';
import {
  brokenLedger,
  distinctHeads,
  type Head,
  headOfNote,
  publishedEntries,
  strayFiles,
  writtenHeads,
} from './ledger-evidence.ts';
import { type Kills, type KillsThatHit, killAll } from './ledger-killer.ts';
import { type Chance, seeded } from './seeded.ts';
import { waitFor } from './wait.ts';

export interface LedgerCampaign extends EstateSize {
  readonly kills: Kills;
  /** Small, so that runs last. */
  readonly batchRecords: number;
  /** Runs over which the estate is spread at most, before the last. */
  readonly windows: number;
}

export interface LedgerReport extends KillsThatHit {
  readonly seed: number;
  readonly runs: number;
  readonly holds: number;
  /** Different checkpoints that were seen published, and different heads that anybody signed. */
  readonly published: number;
  readonly heads: number;
  /** How often a smaller checkpoint took the place of a larger one: two publish at once. */
  readonly shrunk: number;
  readonly entries: number;
  /** Record entries of the log, records that are gone, and what the batches say they destroyed. */
  readonly records: number;
  readonly gone: number;
  readonly destroyed: number;
  readonly batches: number;
  /** Records that are due and still there; each is under a hold. */
  readonly held: number;
  readonly verdict: string;
  readonly findings: readonly string[];
  readonly broken: Broken;
}

const SETTLE_MS = 60_000;
const HOLDS_AT_FIRST = 5;
const HOLD_EVERY_MS = 1_000;
const BATCH_RECORDS_AT_THE_END = 100;
const ROTATE_EVERY_RUNS = 3;
const DAY_MS = 86_400_000;
const MS_PER_SECOND = 1_000;

export async function ledgerCampaign(options: LedgerCampaign): Promise<LedgerReport> {
  const site = await ledgerCrashSite(options);
  let [killing, working] = [true, true];
  try {
    const holder = await holderOf(site.governed, seeded(options.seed + 1));
    for (let nth = 0; nth < HOLDS_AT_FIRST; nth += 1) await holder.place();
    const [hit, runs] = await Promise.all([
      killAll(site, options.kills, seeded(options.seed), () => working).finally(() => {
        killing = false;
      }),
      workAll(site, options, () => killing).finally(() => {
        working = false;
      }),
      holder.placeWhile(() => working),
    ]);
    await settle(site);
    return await report(site, { seed: options.seed, ...hit, runs, holds: holder.placed() });
  } finally {
    await site.end();
  }
}

/** Run after run over ever later days while anybody is killed, and then one over everything that is left. */
async function workAll(
  site: LedgerCrashSite,
  { windows, batchRecords }: LedgerCampaign,
  killing: () => boolean,
): Promise<number> {
  const { retain, keyDir } = site.governed;
  let runs = 0;
  while (runs < windows && killing()) {
    await site.work(requestOf(runs, windows), batchRecords);
    runs += 1;
    if (runs % ROTATE_EVERY_RUNS === 0) await insist(() => rotateWorkerKey(retain, keyDir));
  }
  await site.work({}, BATCH_RECORDS_AT_THE_END);
  return runs + 1;
}

/** The rules take turns; each sees a piece more of the days of the estate (`estate.ts`) than the time before. */
function requestOf(nth: number, windows: number): Partial<PlanRequest> {
  const [firstDay, days] = [Date.parse('2001-01-01'), 4_000];
  const [rule, keptDays] = nth % 2 === 0 ? ['recording_30_days', 31] : ['tenancy_6_years', 2_192];
  const day = Math.ceil(((nth + 1) * days) / windows) + Number(keptDays);
  return { rules: [String(rule)], asOf: new Date(firstDay + day * DAY_MS).toISOString() };
}

interface Holder {
  place(): Promise<void>;
  placeWhile(working: () => boolean): Promise<void>;
  placed(): number;
}

/** Somebody who places holds over records anywhere, most of them due, at any moment. */
async function holderOf(governed: Governed, chance: Chance): Promise<Holder> {
  const pool = storePool(governed.retain, 1);
  const app = async () => guardApp(await pool.connection(governed.store, 'retain_app'));
  await insist(async () => (await app()).openMatter('M-1', 'Campaign', 'helena'));
  let placed = 0;
  const place = async (): Promise<void> => {
    const recordClass = chance.oneOf(['tenancy', 'recording']);
    const [root] = await insist(
      () => governed.sql<{ key: string }[]>`
        select key from evidence.root where record_class = ${recordClass}
         order by md5(key || ${String(chance.integer(1_000_000))}) limit 1`,
    );
    const keys = [{ recordClass, keyText: root?.key ?? '' }];
    const request = { ...A_HOLD, matter: 'M-1', keys, subjects: [] };
    // One whose answer was lost is placed again, and covers the same once more.
    const { holdNo } = await insist(async () => (await app()).placeHold(request));
    await insist(() => noteWhatIsThere(governed, holdNo));
    placed += 1;
  };
  return {
    place,
    placed: () => placed,
    placeWhile: async (working) => {
      while (working()) {
        await delay(chance.integer(HOLD_EVERY_MS));
        await place();
      }
      await pool.end();
    },
  };
}

/** Everything is started once more, and what is left over finds its way by itself. */
async function settle(site: LedgerCrashSite): Promise<void> {
  await site.killDatabase();
  for (const which of [0, 1] as const) await site.killKeeper(which);
  await waitFor(
    async () => {
      const { waiting, size, signedSize } = await ledgerStatus(site.governed.retain);
      const shown = (await site.shown())?.size;
      return waiting === 0 && signedSize === size && shown === size;
    },
    { what: 'everything to be published', timeoutMs: SETTLE_MS, everyMs: 100 },
  );
}

async function report(
  site: LedgerCrashSite,
  told: KillsThatHit & Pick<LedgerReport, 'seed' | 'runs' | 'holds'>,
): Promise<LedgerReport> {
  const { governed, dir, notesDir, watch } = site;
  const heads = [...watch.heads(), ...writtenHeads(notesDir), ...(await storedHeads(governed))];
  const entries = publishedEntries(dir);
  const batches = await governed.sql<{ batch: string; destroyed: number }[]>`
    select batch_id::text as batch, destroyed::integer as destroyed from retain_guard.batch`;
  const known = new Map(batches.map(({ batch, destroyed }) => [batch, destroyed]));
  const policy = parsePolicy(Buffer.from(await startingPolicy(governed.retain)));
  const now = Math.floor(Date.now() / MS_PER_SECOND);
  const { verdict, findings } = await verifyLog(folderSource(dir), policy, { now });
  return {
    ...told,
    ...{ published: watch.published(), heads: distinctHeads(heads), shrunk: watch.shrunk() },
    ...{ entries: entries.length, batches: batches.length },
    records: entries.filter((entry) => decodeEntry(entry).kind === 'record').length,
    destroyed: batches.reduce((sum, { destroyed }) => sum + destroyed, 0),
    ...(await counted(governed)),
    ...{ verdict, findings: findings.map(({ code, message }) => `${code} ${message}`) },
    broken: {
      ...(await brokenAtTheEnd(governed.sql)),
      ...brokenLedger({ entries, heads, batches: known }),
      ...Object.fromEntries(strayFiles(dir, entries).map((path) => [path, 1])),
    },
  };
}

async function storedHeads({ sql }: Governed): Promise<Head[]> {
  const rows = await sql<{ note: string }[]>`select note from retain.log_checkpoint`;
  return rows.map(({ note }) => headOfNote(Buffer.from(note)));
}

async function counted({ sql }: Governed): Promise<{ gone: number; held: number }> {
  const [row] = await sql<{ gone: number; held: number }[]>`
    select (count(*) filter (where n.key is null))::integer as gone,
           (count(*) filter (where n.key is not null and r.due))::integer as held
      from evidence.root r left join evidence.root_now n using (record_class, key)`;
  return row ?? { gone: 0, held: 0 };
}
