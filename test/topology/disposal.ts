/** A small governed database, and the commands of four people on it, typed beside the worker. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import postgres, { type Sql } from 'postgres';
import { expect } from 'vitest';
import { closingTable, deleteAfter, scheduleText } from '../stores/small-schedule.ts';
import type { Site } from './site.ts';

/** What the schedule calls the URL of the governed database. */
export const STORE_VARIABLE = 'TEST_STORE_URL';
export const DUE_RECORDS = 1_200;
export const YOUNG_RECORDS = 30;

const CLI = ['node', 'dist/cli/main.js'];
const SCHEDULE = scheduleText({
  classes: { letter: { table: 'public.letter' } },
  rules: { letter_6_years: deleteAfter('letter', 'closed_on') },
});

/** Fills the database behind `sql`: letters that are due, and some that are not. */
export async function fillStore(sql: Sql): Promise<void> {
  await sql.unsafe(`
    ${closingTable('letter')}
    insert into letter select n, date '2001-01-01' + n from generate_series(1, ${DUE_RECORDS}) n;
    insert into letter select ${DUE_RECORDS} + n, current_date - n from generate_series(1, ${YOUNG_RECORDS}) n;
    analyze`);
}

/** One command of `retain` in the environment of the worker, as `docker compose exec` runs it. */
export async function retain(
  site: Site,
  args: readonly string[],
  settings: Readonly<Record<string, string>> = {},
): Promise<Record<string, unknown>> {
  const { exitCode, stdout, output } = await site.run(
    'retain-worker',
    [...CLI, ...args, '--json'],
    settings,
  );
  expect(exitCode, `retain ${args.join(' ')}: ${output}`).toBe(0);
  return JSON.parse(stdout) as Record<string, unknown>;
}

/**
 * Installs guard and schedule. The guard is installed by a superuser; from then on everybody, the worker
 * too, comes with the login that the worker's variable names.
 */
export async function installSchedule(site: Site, adminUrl: string, login: URL): Promise<void> {
  const file = join(site.folder, 'retention.yaml');
  writeFileSync(file, SCHEDULE);
  await retain(site, ['store', 'install', '--file', file], { [STORE_VARIABLE]: adminUrl });
  const sql = postgres(adminUrl, { max: 1 });
  try {
    await sql.unsafe(
      `create role ${login.username} login password '${login.password}' in role retain_worker, retain_app`,
    );
  } finally {
    await sql.end();
  }
  await retain(site, ['schedule', 'install', file, '--as', 'amira']);
}
