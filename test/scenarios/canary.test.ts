import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { expect, inject, it, onTestFinished } from 'vitest';
import { folderSink } from '../../app/ledger/folder-sink.ts';
import { settledLedger } from '../../app/ledger/status.ts';
import {
  connectTemporal,
  sendApply,
  sendDecision,
  startPurgeRun,
  waitForPurgeRun,
} from '../../app/temporal-client.ts';
import { parseCheckpoint } from '../../ledger/checkpoint.ts';
import { parseNote } from '../../ledger/note.ts';
import { connectStore } from '../../stores/postgres/connection.ts';
import { guardApp } from '../../stores/postgres/guard-app.ts';
import { workerActivities } from '../../worker/activities.ts';
import { createLogger } from '../../worker/logging.ts';
import { NO_PUBLICATION } from '../../worker/publication.ts';
import { startWorker } from '../../worker/run-worker.ts';
import { governedDatabase } from '../support/governed.ts';
import { waitFor } from '../support/wait.ts';
import '../support/provided.ts';

// Every key and every value of the governed tables carries this word; nothing else here does.
const CANARY = 'zaunkoenig';
const BIRDS = 300;
const SETTLE_MS = 30_000;

const SCHEDULE = `
format: retain/1
organisation: Aviary
timezone: Europe/London
stores:
  aviary: { kind: postgres, connection: env:AVIARY_URL, backups_kept_for: P30D }
record_classes:
  bird:
    title: Bird
    store: aviary
    table: public.bird
    key: [id]
    subjects: { person: ringed_by }
    references: { feather_bird_id_fkey: owned, nest_bird_id_fkey: blocking }
rules:
  birds:
    applies_to: bird
    trigger: { event: released, column: released_on }
    keep: { at_least: P1Y }
    then: delete
    authority: aviary notice
    owner: dpo@aviary.example
`;

const SETUP = `
  create table public.bird (id text primary key, name text, ringed_by text, released_on date);
  create index on public.bird (released_on);
  create table public.feather (id text primary key, bird_id text references public.bird, note text);
  create index on public.feather (bird_id);
  create table public.nest (id text primary key, bird_id text references public.bird);
  create index on public.nest (bird_id);
  insert into public.bird select '${CANARY}-' || n, '${CANARY} the ' || n, '${CANARY}-ringer-' || n % 5, '2020-01-01'
    from generate_series(1, 300) n;
  insert into public.feather select '${CANARY}-f' || n, '${CANARY}-' || n, '${CANARY}' from generate_series(1, 300) n;
  -- A trigger that fails once with the row in its message, as applications do.
  create sequence public.failures;
  create function public.fail_once() returns trigger language plpgsql security definer as $$
  begin
    if nextval('public.failures') = 1 then
      raise exception 'cannot remove %', old.id using errcode = '40001', detail = 'row ' || old.id;
    end if;
    return old;
  end $$;
  create trigger fail_once before delete on public.bird for each row execute function public.fail_once();
`;

it('shows no key and no value of a governed record in histories, worker logs, or any byte of the published log', async () => {
  const aviary = await governedDatabase({
    setup: (sql) => sql.unsafe(SETUP),
    schedule: SCHEDULE,
    ledger: 'waits',
  });
  onTestFinished(() => aviary.end());
  const lines: string[] = [];
  const logger = createLogger(
    'trace',
    new Writable({
      write: (chunk, _encoding, done) => {
        lines.push(String(chunk));
        done();
      },
    }),
  );
  const published = await mkdtemp(join(tmpdir(), 'retain-canary-'));
  const activities = workerActivities(aviary.retain, {
    queues: 'both',
    slots: 2,
    logger,
    publication: { ...NO_PUBLICATION, sinks: [folderSink(published)] },
  });
  const connection = { address: inject('temporalAddress') };
  const namespace = inject('temporalNamespace');
  const worker = await startWorker({
    ...activities,
    connection,
    namespace,
    bundlePath: inject('workflowBundlePath'),
    queues: 'both',
    slots: 2,
    logger,
    graceMs: 0,
  });
  const link = await connectTemporal({ connectionOptions: connection, namespace });
  const app = await connectStore('aviary', aviary.url, 'retain_app');
  try {
    await guardApp(app).openMatter('M-1', 'matter', 'diana');
    await guardApp(app).placeHold({
      matter: 'M-1',
      reason: 'complaint',
      because: 'letter',
      placedBy: 'diana',
      reviewOn: '2030-01-01',
      keys: [{ recordClass: 'bird', keyText: `${CANARY}-7` }],
      subjects: [{ kind: 'person', subject: `${CANARY}-ringer-3` }],
    });
    const plan = await aviary.plan();
    const { run, expiresAt } = plan.document;
    await startPurgeRun(link.client, {
      run,
      store: 'aviary',
      digest: plan.digest,
      requestedBy: 'amira',
      expiresAt,
    });
    await sendDecision(link.client, run, 'approve', { actor: 'benedict', digest: plan.digest });
    await sendApply(link.client, run, { actor: 'amira' });
    const ended = await waitForPurgeRun(link.client, run);
    expect(ended).toMatchObject({ status: 'completed' });

    const [left] = await aviary.sql<{ n: number }[]>`select count(*)::int as n from public.bird`;
    // The held record and the 60 birds of the held ringer.
    expect(left?.n).toBe(61);

    const histories = await Promise.all(
      [`purge-run/${run}`, `purge-run/${run}/step/1`].map(async (id) =>
        JSON.stringify(await link.client.workflow.getHandle(id).fetchHistory(), bytesAsLists),
      ),
    );
    const sealed =
      await aviary.sql`select convert_from(substring(header from 67), 'UTF8') as header, encode(refs, 'escape') as refs, key_epoch, sealed_by from retain_guard.batch_sealed`;
    const told = await aviary.sql`select kind, body from retain_guard.event`;
    const logged = await aviary.sql`select * from retain_guard.batch`;
    const plans = await aviary.sql`select document from retain_guard.plan`;
    const runs = await aviary.sql`select report::text from retain_guard.run`;
    const { signedSize } = await settledLedger(aviary.retain, SETTLE_MS);
    // A head is published right after it was signed, not in the same moment.
    await waitFor(
      async () => {
        const checkpoint = await folderSink(published).readCheckpoint();
        return checkpoint && parseCheckpoint(parseNote(checkpoint).text).size >= signedSize;
      },
      { what: 'the signed head to be published', timeoutMs: SETTLE_MS },
    );
    const bytes = await everyByte(published);
    // Each of the destroyed birds has its entry among them.
    expect(signedSize).toBeGreaterThan(BIRDS - 61);
    expect(bytes.length).toBeGreaterThan(66 * (BIRDS - 61));
    for (const name of ['amira', 'benedict', 'diana', 'M-1', 'letter']) {
      expect(bytes.includes(name), name).toBe(false);
    }
    expect(sealed.length).toBeGreaterThan(0);
    expect(told.length).toBeGreaterThan(0);
    expect(lines.length).toBeGreaterThan(0);
    // What stands in a payload can be found there at all.
    expect(decodePayloads(histories.join('\n'))).toContain('benedict');
    for (const [where, text] of Object.entries({
      histories: decodePayloads(histories.join('\n')),
      logs: lines.join(''),
      sealed: JSON.stringify(sealed),
      told: JSON.stringify(told),
      published: bytes,
      logged: JSON.stringify(logged),
      plans: JSON.stringify(plans),
      runs: JSON.stringify(runs),
    })) {
      expect(text.includes(CANARY), where).toBe(false);
    }
    // Keys wait for sealing only as long as it takes.
    expect(await aviary.sql`select 1 from retain_guard.batch_staged`).toHaveLength(0);
  } finally {
    await worker.stop();
    await activities.end();
    await app.end();
    await link.close();
  }
});

/** Of a folder, as text in which every byte is one character. */
async function everyByte(folder: string): Promise<string> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  const bytes = await Promise.all(
    files
      .filter((file) => file.isFile())
      .map((file) => readFile(join(file.parentPath, file.name), 'latin1')),
  );
  return bytes.join('\n');
}

/** Bytes as plain lists, whatever class holds them. */
function bytesAsLists(_name: string, value: unknown): unknown {
  return value instanceof Uint8Array ? { type: 'Buffer', data: [...value] } : value;
}

/** Payload bytes are base64 in a history's JSON: a word inside would hide from a plain search. */
function decodePayloads(json: string): string {
  const decoded = [...json.matchAll(/"([A-Za-z0-9+/=]{8,})"/g)].map(([, text]) =>
    Buffer.from(text ?? '', 'base64').toString('latin1'),
  );
  const bytes = [...json.matchAll(/\{"type":"Buffer","data":\[([\d,]*)\]\}/g)].map(([, list]) =>
    Buffer.from((list ?? '').split(',').map(Number)).toString('latin1'),
  );
  return [json, ...decoded, ...bytes].join('\n');
}

it('would notice a canary in a payload', () => {
  const hidden = JSON.stringify({ data: Buffer.from(`{"id":"${CANARY}-1"}`).toString('base64') });
  expect(hidden.includes(CANARY)).toBe(false);
  expect(decodePayloads(hidden).includes(CANARY)).toBe(true);
});
