/** `docker-compose.yml` brought up with its own commands, on the real Temporal server and PostgreSQL. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import postgres, { type Sql } from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readEnv } from '../../config/env.ts';
import { SEARCH_ATTRIBUTES } from '../../embedded/temporal.ts';
import { purgeRunWorkflowId } from '../../workflows/messages.ts';
import { shownIn } from '../support/delivered-log.ts';
import { runFolder } from '../support/run-folder.ts';
import { waitFor } from '../support/wait.ts';
import { mountsOf, readCompose } from './compose-file.ts';
import {
  DUE_RECORDS,
  fillStore,
  installSchedule,
  retain,
  STORE_VARIABLE,
  YOUNG_RECORDS,
} from './disposal.ts';
import { findTemporalPrograms } from './programs.ts';
import { openSite, serviceOf } from './site.ts';
import { bringUp, checkHealth, LEFT_OUT, runJob, type Topology } from './up.ts';

const UP_MS = 180_000;
const RUN_MS = 180_000;
const NAMESPACE = 'retain';
const KEYWORD = 2;
const DAYS_KEPT = 30;

const secret = (): string => randomBytes(12).toString('hex');
const folder = runFolder('topology');
const keys = join(folder, 'keys');
const ledger = join(folder, 'ledger');
const login = new URL(`postgres://retain_service:${secret()}@retain-db:5432/records`);

let topology: Topology;
let adminUrl: string;
let store: Sql;
let temporal: Client;

beforeAll(async () => {
  mkdirSync(keys, { mode: 0o700 });
  mkdirSync(ledger);
  const stores = join(folder, 'stores.env');
  writeFileSync(stores, `${STORE_VARIABLE}='${login.href}'\n`);
  const compose = readCompose({
    ...{ RETAIN_DB_PASSWORD: secret(), TEMPORAL_DB_PASSWORD: secret() },
    ...{ RETAIN_KEYS: keys, RETAIN_LEDGER: ledger, RETAIN_STORES: stores },
  });
  const programs = await findTemporalPrograms(readEnv(), () => undefined);
  topology = await bringUp(openSite(compose, folder, programs));
  const server = postgres(topology.adminUrl('retain-db', 'postgres'), { max: 1 });
  await server`create database records`;
  await server.end();
  adminUrl = topology.adminUrl('retain-db', 'records');
  store = postgres(adminUrl, { max: 2, onnotice: () => undefined });
  await fillStore(store);
  await connectTemporal();
}, UP_MS);

afterAll(async () => {
  await temporal?.connection.close();
  await store?.end();
  await topology?.down();
}, UP_MS);

async function connectTemporal(): Promise<void> {
  const address = `127.0.0.1:${topology.site.portOf('temporal', 7233)}`;
  const connection = await Connection.connect({ address });
  temporal = new Client({ connection, namespace: NAMESPACE });
}

test('every service comes up with its own commands, in the order of the file', () => {
  const all = Object.keys(topology.site.compose.services);
  expect([...topology.started, ...LEFT_OUT].sort()).toEqual(all.sort());
});

test('the namespace keeps runs for thirty days and knows the search attributes', async () => {
  const { workflowService, operatorService } = temporal.connection;
  const { config } = await workflowService.describeNamespace({ namespace: NAMESPACE });
  const retention = Number(config?.workflowExecutionRetentionTtl?.seconds);
  expect(retention).toBe(DAYS_KEPT * 86_400);
  const { customAttributes } = await operatorService.listSearchAttributes({ namespace: NAMESPACE });
  expect(customAttributes).toEqual(
    Object.fromEntries(SEARCH_ATTRIBUTES.map((name) => [name, KEYWORD])),
  );
});

test.each(['temporal-schema', 'temporal-namespace', 'retain-migrate'])(
  '%s leaves alone what it finds at the next start',
  async (job) => {
    await runJob(topology.site, job);
  },
);

test(
  'a run is planned, approved and carried out to its end, over a restart of the Temporal server',
  async () => {
    const { site } = topology;
    await installSchedule(site, adminUrl, login);
    const planned = await retain(site, ['run', 'plan', '--as', 'amira']);
    expect(planned['destroys']).toBe(DUE_RECORDS);
    const [run, digest] = [String(planned['run']), String(planned['digest'])];

    await topology.restartTemporal();
    expect(await checkHealth(site, 'retain-worker')).toMatchObject({ exitCode: 0 });

    await retain(site, ['run', 'approve', run, '--as', 'benedict', '--confirm', digest]);
    await retain(site, ['run', 'apply', run, '--as', 'amira']);
    expect(await retain(site, ['run', 'watch', run])).toMatchObject({ status: 'completed' });

    const left = await store`
      select count(*)::integer as letters, count(*) filter (where closed_on < '2010-01-01')::integer as due
      from letter`;
    expect(left).toEqual([{ letters: YOUNG_RECORDS, due: 0 }]);
    await waitFor(() => isListed(purgeRunWorkflowId(run), 'COMPLETED'), {
      what: 'the run to stand in the list of Temporal',
    });
  },
  RUN_MS,
);

async function isListed(workflowId: string, status: string): Promise<boolean> {
  for await (const found of temporal.workflow.list({ query: `WorkflowId = '${workflowId}'` })) {
    return found.status.name === status;
  }
  return false;
}

test('the folder in which the worker made its keys is mounted to be written', () => {
  expect(readdirSync(keys, { recursive: true, encoding: 'utf8' })).toContainEqual(
    expect.stringMatching(/^letter\/\d{4}Q[1-4]\.key$/),
  );
  const mount = mountsOf(serviceOf(topology.site.compose, 'retain-worker')).find(
    ({ source }) => source === keys,
  );
  expect(mount?.writable).toBe(true);
});

test('the ledger of that run is published where the file says', async () => {
  await waitFor(() => shownIn(ledger) > DUE_RECORDS, { what: 'the run to be published' });
});

test('everything that was started is stopped', async () => {
  const pids = topology.pids();
  expect(pids).toHaveLength(4);
  await temporal.connection.close();
  await store.end();
  await topology.down();
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
});
