/** `retain log export`: which destroyed records the readable extract has. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ledgerRound } from '../../app/ledger/round.ts';
import { retain } from '../support/command-line.ts';
import { type PublishedSite, publishedSite } from '../support/published-site.ts';

const RECORDS = 5;
const DAY_MS = 86_400_000;

let site: PublishedSite;
let to: string;
/** When the records were destroyed, RFC 3339 UTC with microseconds. */
let executedAt: string;

beforeAll(async () => {
  site = await publishedSite();
  to = join(site.dir, 'handed-out');
  await site.destroySome(RECORDS);
  await ledgerRound(site.rounds());
  const [row] = await site.governed.sql<{ at: string }[]>`
    select to_char(executed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at
      from retain_guard.batch`;
  executedAt = row?.at ?? '';
});
afterAll(() => site.end());

const dayAfter = (days: number): string =>
  new Date(Date.parse(executedAt) + days * DAY_MS).toISOString().slice(0, 10);

const exported = (...options: string[]) =>
  retain(['log', 'export', '--to', to, '--extract', 'jsonl', '--json', ...options], {
    DATABASE_URL: site.governed.url,
    TEST_STORE_URL: site.governed.url,
    RETAIN_KEY_DIR: site.governed.keyDir,
  });

async function lines(...options: string[]): Promise<number> {
  const { exitCode, stdout } = await exported(...options);
  expect(exitCode).toBe(0);
  const text = await readFile(join(to, 'records.jsonl'), 'utf8');
  const count = text.split('\n').length - 1;
  expect(JSON.parse(stdout)).toMatchObject({ lines: count });
  return count;
}

it('days are whole: --from begins with its first instant, --to-date ends with its last', async () => {
  expect(await lines()).toBe(RECORDS);
  expect(await lines('--from', dayAfter(0), '--to-date', dayAfter(0))).toBe(RECORDS);
  expect(await lines('--from', dayAfter(1))).toBe(0);
  expect(await lines('--to-date', dayAfter(-1))).toBe(0);
});

it('instants are exact: --from has its own, --to-date has not', async () => {
  const millisecond = `${executedAt.slice(0, 23)}Z`;
  const next = new Date(Date.parse(millisecond) + 1).toISOString();
  expect(await lines('--from', millisecond, '--to-date', next)).toBe(RECORDS);
  expect(await lines('--from', next)).toBe(0);
  expect(await lines('--to-date', millisecond)).toBe(0);
});

it.each([
  ['--from', 'yesterday'],
  ['--to-date', '2026-02-30T00:00:00+01:00'],
  ['--to-date', '2026'],
])('%s %s is refused, with the name of the option', async (option, text) => {
  const { exitCode, stderr } = await exported(option, text);
  expect(exitCode).toBe(64);
  expect(stderr).toContain(`${option} is a day (UTC) or an RFC 3339 instant that ends in Z.`);
});

it('an option of another command is no option of this one', async () => {
  const { exitCode, stderr } = await exported('--until', dayAfter(0));
  expect(exitCode).toBe(64);
  expect(stderr).toContain('--until');
});
