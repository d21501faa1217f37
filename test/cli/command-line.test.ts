import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type Answer, retainAsked, retain as run } from '../support/command-line.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';
import '../support/provided.ts';

const EXAMPLE = 'examples/housing/retention.yaml';
const CANARY = 'canary-8841';

const SCHEDULE = `
format: retain/1
organisation: Harbour Homes
timezone: Europe/London
stores:
  housing: { kind: postgres, connection: env:TEST_STORE_URL, backups_kept_for: P35D }
record_classes:
  customer: { title: Customer record, store: housing, table: public.customer, key: [id] }
rules:
  customer_6_years:
    applies_to: customer
    trigger: { event: closed, column: closed_on }
    keep: { at_least: P6Y }
    then: delete
    authority: Limitation Act 1980, section 5
    owner: dpo@harbour.example
`;

let housing: Governed;
let environment: Record<string, string>;

beforeAll(async () => {
  housing = await governedDatabase({
    setup: (sql) =>
      sql.unsafe(`create table customer (id bigint primary key, closed_on date);
        create index on customer (closed_on);
        insert into customer select i, date '2010-01-01' from generate_series(1, 5) i`),
    schedule: SCHEDULE,
  });
  environment = {
    DATABASE_URL: housing.url,
    TEST_STORE_URL: housing.url,
    RETAIN_KEY_DIR: housing.keyDir,
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    TEMPORAL_NAMESPACE: inject('temporalNamespace'),
  };
});
afterAll(() => housing.end());

const retain = (...args: string[]): Promise<Answer> => run(args, environment);

function withoutPassword(url: string): string {
  const wrong = new URL(url);
  wrong.username = 'nobody_of_that_name';
  wrong.password = CANARY;
  return wrong.href;
}

describe('without any environment', () => {
  it('answers when a record may go, in words and in exactly five fields', async () => {
    const args = [
      'schedule',
      'when',
      'customer_6_years',
      '--trigger',
      '2020-02-29',
      '--file',
      EXAMPLE,
    ];
    const words = await run(args);
    expect(words).toMatchObject({ exitCode: 0, stderr: '' });
    expect(words.stdout).toMatchInlineSnapshot(`
      "Customer record, 6 years after contract closed (Limitation Act 1980, section 5)
        contract closed        29 Feb 2020
        kept through           28 Feb 2026
        may be destroyed from  1 Mar 2026 00:00 Europe/London  (2026-03-01T00:00:00Z)
      "
    `);
    const data = await run([...args, '--json']);
    expect(JSON.parse(data.stdout)).toEqual({
      rule: 'customer_6_years',
      trigger: '2020-02-29',
      cutoff: '2020-02-29',
      keptThrough: '2026-02-28',
      destroyableFrom: '2026-03-01T00:00:00Z',
    });
  });

  it('checks a file offline, and names every problem with its place', async () => {
    expect(await run(['schedule', 'validate', '--offline', EXAMPLE])).toMatchObject({
      exitCode: 0,
    });
    const broken = join(housing.keyDir, 'broken.yaml');
    const text = await readFile(EXAMPLE, 'utf8');
    await writeFile(broken, text.replace('P30D', 'PT30D').replace('owner: dpo', 'owenr: dpo'));
    const answer = await run(['schedule', 'validate', '--offline', broken]);
    expect(answer.exitCode).toBe(64);
    expect(answer.stdout).toMatch(
      /broken\.yaml:\d+:\d+ +error +PERIOD_HAS_TIME +rules\.cctv_30_days/,
    );
    expect(answer.stdout).toContain('Did you mean "owner"?');
    expect(answer.stdout.trimEnd()).toMatch(/errors\. Nothing was installed\.$/);
    const json = await run(['schedule', 'validate', '--offline', broken, '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({ schemaVersion: 1, valid: false });
  });

  it('says that a store could not be looked at, instead of calling the file valid', async () => {
    const answer = await run(['schedule', 'validate', EXAMPLE]);
    expect(answer.exitCode).toBe(64);
    expect(answer.stderr).toContain('HOUSING_DATABASE_URL is not set');
    expect(answer.stdout).not.toContain('is valid');
  });

  it.each([
    [['schedul'], 'Unknown command'],
    [['schedule', 'when', 'x'], '--trigger'],
    [['run', 'plan', '--nonsense'], '--nonsense'],
    [['run', 'list'], 'DATABASE_URL is not set'],
    [['help', 'nothing'], 'no such topic'],
    [['schedule', 'validate', 'no-such-file.yaml'], 'There is no file'],
  ])('%j is a usage error of one line', async (args, words) => {
    const answer = await run(args);
    expect(answer.exitCode).toBe(64);
    expect(answer.stderr).toMatch(/^error [A-Z_]+: .*\n$/);
    expect(answer.stderr).toContain(words);
  });

  it('explains exit codes and environment, and lists its commands', async () => {
    expect((await run(['help', 'exit-codes'])).stdout).toContain('64');
    expect((await run(['help', 'environment'])).stdout).toContain('RETAIN_KEY_DIR');
    const help = await run(['--help']);
    expect(help).toMatchObject({ exitCode: 0, stderr: '' });
    expect(help.stdout).toContain('schedule');
  });
});

it('is a program: exit code, words on standard error, none of a stack', () => {
  const words = ['--import', 'tsx', 'cli/main.ts', 'schedul'];
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' });
  expect({ status, stdout }).toEqual({ status: 64, stdout: '' });
  expect(stderr).toMatch(/^error USAGE: Unknown command 'schedul'.*\n$/);
});

describe('exit codes', () => {
  it('1: the database does not answer', async () => {
    const DATABASE_URL = 'postgres://retain@127.0.0.1:1/retain';
    const answer = await run(['run', 'list'], { ...environment, DATABASE_URL });
    expect(answer).toMatchObject({ exitCode: 1, stdout: '' });
    expect(answer.stderr).toMatch(/^error STORE_UNAVAILABLE: /);
  });

  it('1: Temporal does not answer, and then nothing is planned', async () => {
    const before = await housing.sql`select run_id from retain_guard.plan`;
    const answer = await run(['run', 'plan', '--as', 'amira'], {
      ...environment,
      TEMPORAL_ADDRESS: '127.0.0.1:1',
    });
    expect(answer.exitCode).toBe(1);
    expect(answer.stderr).toMatch(/^error TEMPORAL_UNAVAILABLE: /);
    expect(await housing.sql`select run_id from retain_guard.plan`).toEqual(before);
  });

  it('3: who is asked types something else, and nothing is approved', async () => {
    const plan = await housing.plan();
    const id = plan.document.run;
    const approve = ['run', 'approve', id, '--as', 'benedict'];
    const answer = await retainAsked(approve, environment, { types: `${id.slice(0, 4)} 4` });
    expect(answer.exitCode).toBe(3);
    expect(answer.stderr).toContain(
      'You approve the destruction of 5 records, requested by amira.',
    );
    expect(answer.stderr).toMatch(/error DECLINED: .*\n$/);
    const decisions = await housing.sql`select * from retain_guard.decision where run_id = ${id}`;
    expect(decisions).toHaveLength(0);
  });

  it('4: the login is refused, and the password is not repeated', async () => {
    const DATABASE_URL = withoutPassword(housing.url);
    const answer = await run(['run', 'list', '--json'], { ...environment, DATABASE_URL });
    expect(answer.exitCode).toBe(4);
    expect(JSON.parse(answer.stderr)).toMatchObject({ error: { code: 'CREDENTIALS_REJECTED' } });
    expect(answer.stderr).not.toContain(CANARY);
  });

  it('5: an approval by the requester, with another digest, unseen or with --yes', async () => {
    const planned = await retain('run', 'plan', '--as', 'amira', '--json');
    expect(planned.exitCode).toBe(0);
    const { run: id, digest } = JSON.parse(planned.stdout) as { run: string; digest: string };
    const attempts = [
      ['APPROVAL_SAME_PERSON', '--as', 'amira', '--confirm', digest],
      ['APPROVAL_DIGEST', '--as', 'benedict', '--confirm', `sha256:${'0'.repeat(64)}`],
      ['CONFIRMATION_MISSING', '--as', 'benedict'],
      ['CONFIRMATION_MISSING', '--as', 'benedict', '--yes'],
    ];
    for (const [code, ...args] of attempts) {
      const answer = await retain('run', 'approve', id, ...args);
      expect([answer.exitCode, answer.stderr.split(':')[0]]).toEqual([5, `error ${code}`]);
    }
    const decisions = await housing.sql`select * from retain_guard.decision where run_id = ${id}`;
    expect(decisions).toHaveLength(0);
  });

  it('6: a right too many is found by the check', async () => {
    await housing.sql`grant delete on public.customer to retain_worker`;
    try {
      const answer = await retain('store', 'check', '--json');
      expect(answer.exitCode).toBe(6);
      expect(answer.stdout).toContain('RIGHTS_EXCESS');
    } finally {
      await housing.sql`revoke delete on public.customer from retain_worker`;
    }
  });

  it('7 for a run that ended with something left, 0 for a completed one', async () => {
    const incomplete = await housing.plan();
    await housing.approve(incomplete);
    await housing.open(incomplete);
    await housing.close(incomplete);
    const watched = await retain('run', 'watch', incomplete.document.run);
    expect(watched.exitCode).toBe(7);
    expect(watched.stdout).toContain('NOT COMPLETE: 5 planned records are still there.');

    const complete = await housing.plan();
    await housing.carryOut(complete);
    await housing.close(complete);
    const waited = await retain('run', 'wait', complete.document.run);
    expect(waited.exitCode).toBe(0);
    expect(waited.stdout).toContain('5 deleted');
    expect(waited.stdout).toContain('Every due record is accounted for.');
  });

  it('64: a key of the wrong type, which is never repeated', async () => {
    const review = ['--because', 'x', '--review', '2027-02-21', '--matter', 'M-1'];
    const attempts = [
      ['log', 'lookup', 'customer', CANARY],
      ['record', 'explain', 'customer', CANARY],
      ['hold', 'place', '--key', 'customer', CANARY, ...review],
      ['hold', 'place', '--key', `customer:${CANARY}`, ...review, '--json'],
    ];
    for (const args of attempts) {
      const answer = await retain(...args);
      expect(answer.exitCode).toBe(64);
      expect(answer.stderr).toContain('KEY_INVALID');
      expect(answer.stdout + answer.stderr).not.toContain(CANARY);
    }
  });
});

it('stops and pauses with Temporal down, and says that the store was told', async () => {
  await housing.sql`insert into customer select i, date '2010-01-01' from generate_series(50, 55) i`;
  const plan = await housing.plan();
  await housing.approve(plan);
  await housing.open(plan);
  const down = { ...environment, TEMPORAL_ADDRESS: '127.0.0.1:1' };
  const because = ['--because', 'wrong schedule', '--as', 'dora'];
  const paused = await run(['run', 'pause', plan.document.run, ...because], down);
  expect(paused).toMatchObject({ exitCode: 0 });
  expect(paused.stderr).toContain('the store itself was told');
  const [row] =
    await housing.sql`select control, control_by, control_reason from retain_guard.run where run_id = ${plan.document.run}`;
  expect(row).toMatchObject({
    control: 'pause',
    control_by: 'dora',
    control_reason: 'wrong schedule',
  });
  const lane = await housing.workLane(plan, 1, 1);
  expect(lane).toMatchObject({ outcome: 'paused', totals: { destroyed: 0 } });
});

it('places a hold over several keys and gives the receipt again as data', async () => {
  const placed = await retain(
    ...[
      'hold',
      'place',
      '--matter',
      'M-1',
      '--open-matter',
      'A matter',
      '--because',
      'x',
      '--review',
      '2027-02-21',
    ],
    ...['--key', 'customer', '50', '--key', 'customer:51', '--key', 'customer', '-7', '--json'],
  );
  expect(placed.exitCode).toBe(0);
  const receipt = JSON.parse(placed.stdout) as { hold: string };
  expect(receipt).toMatchObject({
    ...{ schemaVersion: 1, matter: 'M-1', tooLate: [] },
    covers: [{ table: 'public.customer', rows: 2 }],
  });
  const again = await retain('hold', 'receipt', receipt.hold, '--json');
  expect(JSON.parse(again.stdout)).toEqual(receipt);
});

it('exports the log as CSV, with the title line first', async () => {
  const answer = await retain('log', 'search', '--format', 'csv');
  const lines = answer.stdout.split('\r\n');
  expect(lines[0]).toMatch(/^executedAt,run,batchNo,/);
  expect(lines[1]).toContain(',customer,customer_6_years,1,delete,5,amira,benedict,');
});
