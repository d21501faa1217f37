/** A governed database with a history and its published log, and copies of it to tamper with. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres, { type Sql } from 'postgres';
import type { Retain } from '../../app/context.ts';
import type { DatabaseFinding } from '../../app/ledger/compare/findings.ts';
import { compareDatabase, type VerifiedLog } from '../../app/ledger/compare-database.ts';
import { folderSink } from '../../app/ledger/folder-sink.ts';
import { startingPolicy } from '../../app/ledger/key-admin.ts';
import { publish } from '../../app/ledger/publish.ts';
import { requireHead } from '../../app/ledger/sequence.ts';
import { installSchedule } from '../../app/schedules.ts';
import { folderSource } from '../../cli/log-source.ts';
import { openControlDb } from '../../db/client.ts';
import { parseCheckpoint, type TreeHead } from '../../ledger/checkpoint.ts';
import { parseNote } from '../../ledger/note.ts';
import { parsePolicy } from '../../ledger/policy-file.ts';
import { proveConsistency } from '../../ledger/proofs.ts';
import type { LogSource } from '../../ledger/verify/log-source.ts';
import { type VerifyReport, verifyLog } from '../../ledger/verify/verify-log.ts';
import { createDatabase } from './database.ts';
import { type LedgerSite, ledgerSite } from './ledger-site.ts';
import { timestampAuthority } from './timestamp-authority.ts';

export interface Published {
  readonly source: LogSource;
  readonly dir: string;
  /** Appends everything that waits, signs the head and publishes it. */
  publish(): Promise<TreeHead>;
  head(): Promise<TreeHead>;
  /** What is published, as the verifier takes it in; throws when it finds anything wrong. */
  verified(): Promise<VerifiedLog>;
  end(): Promise<void>;
}

export async function publishedSite(site: LedgerSite): Promise<Published> {
  const dir = await mkdtemp(join(tmpdir(), 'retain-published-'));
  const head = async () => parseCheckpoint(parseNote(await readFile(join(dir, 'checkpoint'))).text);
  const source = folderSource(dir);
  const { retain } = site.governed;
  const known = new Map<string, VerifiedLog>();
  // Kept from here on: whoever verifies later asks the databases nothing.
  let policy = '';
  return {
    ...{ dir, head, source },
    async verified() {
      const name = (await head()).root.toString('hex');
      const before = known.get(name);
      if (before !== undefined) return before;
      const log = verifiedLog(
        source,
        await verifyLog(source, parsePolicy(Buffer.from(policy)), { now: 0 }),
      );
      known.set(name, log);
      return log;
    },
    async publish() {
      const { ledgerSigner: signer, control } = retain;
      await site.sequence();
      const now = await requireHead(control.ledger);
      const reader = await site.reader();
      const last = await signer.last();
      const proof = last ? await proveConsistency(reader.tile, last.size, now.size) : [];
      const note = await signer.sign(now, proof);
      await control.ledger.addCheckpoint(now.size, note);
      await publish(folderSink(dir), reader, note);
      policy = await startingPolicy(retain);
      return head();
    },
    end: () => rm(dir, { recursive: true }),
  };
}

/** A log that the report is about; throws when anything is wrong with it. */
export function verifiedLog(
  source: LogSource,
  { head, errors, findings, replays }: VerifyReport,
): VerifiedLog {
  if (head === undefined || errors > 0) throw new Error(JSON.stringify(findings));
  return { source, head, replays };
}

/** What the tampering tests name: placeholders of their statements and of what is found. */
export type Named = Readonly<Record<string, string>>;

/**
 * A history with everything in it: holds placed and released, a run of two lanes after a small one, one that is
 * open, a rejected plan, a second schedule version. Answers what of it has which name.
 */
export async function fullHistory(site: LedgerSite): Promise<Named> {
  const { governed } = site;
  const { sql, retain } = governed;
  await sql`select retain_guard.open_matter('M-1', 'A matter', 'helena')`;
  for (const parcel of ['900001', '900002']) {
    await sql`select retain_guard.place_hold('M-1', 'complaint', 'a letter', 'helena', '2030-01-01',
      '{parcel}', ${[parcel]}, '{addressee}', ${[parcel]})`;
  }
  await sql`select retain_guard.confirm_freeze(1)`;
  const early = await site.destroySome(7);
  await sql`select retain_guard.release_hold(2, 'helena', 'settled')`;
  const run = await destroyInTwoLanes(site);
  await sql`insert into public.parcel values (800000, '2010-01-01')`;
  const { document, digest } = await governed.plan();
  await sql`select retain_guard.decide_plan(${document.run}, ${digest}, 'reject', 'benedict')`;
  const [schedule] = await sql<
    { text: string }[]
  >`select document as text from retain.schedule_version`;
  await installSchedule(retain, {
    text: (schedule?.text ?? '').replace('Small Test', 'Small Test Again'),
    ...{ fileName: 'test.yaml', actor: 'installer', allowShorter: [] },
  });
  const open = await governed.plan();
  await governed.carryOut(open);
  const [names] = await sql<Record<string, string>[]>`
    select b.batch_id::text as batch, e.event_no::text as event, k.key_epoch as epoch
      from retain_guard.batch b, retain_guard.event e, retain_guard.key_epoch k
     where b.run_id = ${run} and b.lane_no = 2 and b.seq = 2
       and e.kind = 'plan' and e.body ->> 'run' = ${run}`;
  return {
    ...{ ...names, run, early, lane: `${run}/1/2`, open: open.document.run },
    ...{ rejected: document.run, nobody: '00000000-0000-4000-8000-000000000000' },
  };
}

const SPLIT_AT = 600_003;
/** One batch more than the first, which has 2,000 records. */
const LAST_ID = 602_100;

/** A second lane without the many records that a plan makes one for. */
async function destroyInTwoLanes({ governed }: LedgerSite): Promise<string> {
  const { sql } = governed;
  await sql`insert into public.parcel
    select n, '2010-01-01' from generate_series(600001::integer, ${LAST_ID}::integer) n`;
  await sql`analyze public.parcel`;
  const plan = await governed.plan();
  const { run } = plan.document;
  const bound = ['2010-01-01', String(SPLIT_AT)];
  await sql`update retain_guard.lane set upper_bound = ${bound} where run_id = ${run}`;
  await sql`insert into retain_guard.lane (run_id, step_no, lane_no, cursor_at)
    values (${run}, 1, 2, ${bound})`;
  await governed.carryOut(plan);
  await governed.close(plan);
  return run;
}

/** What a comparison says of these databases: its findings, and what it could not compare. */
export async function compared(
  retain: Retain,
  published: Pick<Published, 'verified'>,
): Promise<{ findings: DatabaseFinding[]; skipped: string[] }> {
  const findings: DatabaseFinding[] = [];
  const skipped: string[] = [];
  const log = await published.verified();
  const onSkipped = (what: string) => void skipped.push(what);
  for await (const finding of compareDatabase(retain, log, { onSkipped })) findings.push(finding);
  return { findings, skipped };
}

export interface Copy {
  readonly sql: Sql;
  readonly url: string;
  readonly retain: Retain;
  end(): Promise<void>;
}

/** A copy of the site's database as it is now; no session of it may be at work. */
export async function copyOf(site: LedgerSite): Promise<Copy> {
  const { retain, url } = site.governed;
  const name = decodeURIComponent(new URL(url).pathname.slice(1));
  const database = await createDatabase({ template: name });
  const sql = postgres(database.url, { max: 2, onnotice: () => undefined });
  const control = await openControlDb(database.url, { migrate: false });
  return {
    ...{ sql, url: database.url, retain: { ...retain, control, urlOf: () => database.url } },
    async end() {
      await control.end();
      await sql.end({ timeout: 5 });
      await database.drop();
    },
  };
}

export interface ComparedSite {
  readonly ledger: LedgerSite;
  readonly published: Published;
  readonly named: Named;
  end(): Promise<void>;
}

/** A full history, published, with nobody at work in its database, so that it can be copied. */
export async function comparedSite(): Promise<ComparedSite> {
  const ledger = await ledgerSite();
  const published = await publishedSite(ledger);
  const names = await fullHistory(ledger);
  await published.publish();
  await stamp(ledger);
  const [indexes] = await ledger.governed.sql<Record<string, string>[]>`
    select s.first_index::text as "index", (s.first_index + 1)::text as "nextIndex",
           e.first_index::text as "planIndex", o.first_index::text as "ruleIndex",
           h.size::text as size, (h.size - 1)::text as "beforeEnd", (h.size + 1)::text as "afterEnd",
           (e.event_no + 900)::text as "strayEvent"
      from retain.log_seq s, retain_guard.event e, retain.log_outbox o, retain.log_state h
     where s.batch_id = ${names['batch'] ?? ''} and e.event_no = ${names['event'] ?? ''}
       and o.kind = 'rule.version' and o.body ->> 'version' = '1'`;
  await letGo(ledger);
  return {
    ...{ ledger, published, named: { ...names, ...indexes } },
    async end() {
      await published.end();
      await ledger.end();
    },
  };
}

/** A timestamp of the newest head, of an authority that is made for it. */
async function stamp({ governed: { retain } }: LedgerSite): Promise<void> {
  const { ledger } = retain.control;
  const dir = await mkdtemp(join(tmpdir(), 'retain-authority-'));
  const checkpoint = await ledger.checkpoint();
  if (checkpoint === undefined) throw new Error('nothing was signed');
  const { size, note } = checkpoint;
  await ledger.addTimestamp(size, note, timestampAuthority(dir).stamp(Buffer.from(note)));
  await rm(dir, { recursive: true });
}

/** `text` with the names that it has in braces. */
export function filled(text: string, names: Named): string {
  return text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => names[name] ?? whole);
}

/** A finding as the tests name it: code, table (of a store: without its schema), row, columns. */
export function shown({ code, table, row, columns = [] }: DatabaseFinding): string {
  const parts = [code, table.replace(/^retain_guard\./, ''), row, columns.join(' ')];
  return parts.filter((part) => part !== undefined && part !== '').join(' ');
}

/** Lets go of the database, so that it can be copied; what is asked of it later connects again. */
export async function letGo(site: LedgerSite): Promise<void> {
  const { url } = site.governed;
  const name = decodeURIComponent(new URL(url).pathname.slice(1));
  const admin = postgres(new URL('/postgres', url).href, { max: 1, onnotice: () => undefined });
  await admin`select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = ${name}`;
  await admin.end();
}
