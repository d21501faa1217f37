/**
 * The naive way: one Temporal activity for each record, which looks at the holds, deletes and logs in a
 * transaction of its own.
 */
import { fileURLToPath } from 'node:url';
import { NativeConnection, Worker } from '@temporalio/worker';
import postgres, { type Sql } from 'postgres';
import { bundleWorkflows } from '../worker/bundle.ts';
import { refill } from './data.ts';
import type { EndToEnd } from './end-to-end.ts';
import { type Figure, median } from './figures.ts';
import type { destroyEach, NaiveActivities } from './naive-workflow.ts';
import type { BenchServer } from './server.ts';

const RECORDS = 2_000;
const QUEUE = 'bench-naive';
/** The naive way takes a minute; what is compared differs by more than the noise. */
const ROUNDS = 2;
/** Activities at the same time, each with a connection. */
const SLOTS = 20;
const WORKFLOWS = fileURLToPath(new URL('./naive-workflow.ts', import.meta.url));

/** Destroys the same records our way, end to end with one lane, and the naive way, in turn. */
export async function measurePerRecord(
  server: BenchServer,
  { way, client }: EndToEnd,
): Promise<Figure[]> {
  const rates = { ours: [] as number[], naive: [] as number[] };
  const worker = await naiveWorker(server);
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      await refill(server.sql, RECORDS);
      const plan = await way.approvedPlan(1);
      const ours = await rate(() => way.carryOut(plan.document.run));
      await refill(server.sql, RECORDS);
      const ids = await dueIds(server.sql);
      const naive = await rate(() =>
        client.workflow.execute<typeof destroyEach>('destroyEach', {
          taskQueue: QUEUE,
          workflowId: `naive/${round}`,
          args: [ids],
        }),
      );
      rates.ours.push(ours);
      rates.naive.push(naive);
    }
  } finally {
    await worker.stop();
  }
  return figures(median(rates.ours), median(rates.naive));
}

function figures(ours: number, naive: number): Figure[] {
  const size = RECORDS.toLocaleString('en-GB');
  return [
    { what: `${size} records end to end, one lane`, value: ours, unit: 'records/s' },
    { what: `${size} records, one activity each`, value: naive, unit: 'records/s' },
    { what: 'ours against one activity each', value: ours / naive, unit: 'times' },
  ];
}

async function rate(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (RECORDS * 1_000) / (performance.now() - startedAt);
}

async function dueIds(sql: Sql): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    select id from public.record where closed_at < '2014-01-01'`;
  return rows.map(({ id }) => id);
}

async function naiveWorker(server: BenchServer): Promise<{ stop(): Promise<void> }> {
  if (!server.temporal) throw new Error('There is no Temporal server.');
  const sql = postgres(server.url, { max: SLOTS, onnotice: () => undefined });
  const connection = await NativeConnection.connect({ address: server.temporal.address });
  const worker = await Worker.create({
    connection,
    namespace: server.temporal.namespace,
    taskQueue: QUEUE,
    workflowBundle: { code: await bundleWorkflows(WORKFLOWS) },
    activities: { destroyOne: (id) => destroyOne(sql, id) } satisfies NaiveActivities,
    maxConcurrentActivityTaskExecutions: SLOTS,
  });
  const done = worker.run();
  return {
    async stop() {
      worker.shutdown();
      await done;
      await connection.close();
      await sql.end({ timeout: 5 });
    },
  };
}

async function destroyOne(sql: Sql, id: string): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock_shared(retain_guard.barrier_key())`;
    const held = await tx`
      select from retain_guard.hold_key where record_class = 'record' and key_text = ${id}`;
    if (held.length > 0) return;
    await tx`
      with gone as (
        delete from public.record where id = ${id} and closed_at < '2014-01-01' returning id
      )
      insert into bench.audit (record_id, record_class, rule, run_id, destroyed_at)
      select id, 'record', 'record_6_years', '00000000-0000-4000-8000-000000000000', clock_timestamp()
        from gone`;
  });
}
