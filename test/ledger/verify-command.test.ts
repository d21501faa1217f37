/** `retain log verify`: what an auditor runs, on a machine that has nothing of ours but the program. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VERIFY_EXIT_MEANINGS, verifyExitCodeOf } from '../../cli/exit-codes.ts';
import { keptCheckpoints } from '../../cli/kept-checkpoints.ts';
import { RetentionError } from '../../domain/errors.ts';
import { FINDING_CODES } from '../../ledger/verify/findings.ts';
import { type Answer, retain } from '../support/command-line.ts';
import { folderSink, policyFor, publish, story, WITNESS } from '../support/log-builder.ts';
import { type Piece, testKey } from '../support/log-teller.ts';
import { PUBLISHED } from '../support/verified.ts';

const WITNESSED = { ...PUBLISHED, witnesses: [WITNESS] };
const ROOT = join(import.meta.dirname, '../..');

const base = mkdtempSync(join(tmpdir(), 'retain-verify-'));
const pieces: readonly Piece[] = [...story()];
let servers: Server[] = [];
let place: string;
let dir: string;
let policy: string;

beforeEach(async () => {
  place = mkdtempSync(join(base, 'case-'));
  dir = join(place, 'log');
  policy = join(place, 'policy.txt');
  writeFileSync(policy, policyFor(WITNESSED));
  await publish(pieces, WITNESSED, folderSink(dir));
});
afterEach(() => {
  for (const server of servers) server.closeAllConnections();
  for (const server of servers) server.close();
  servers = [];
});
afterAll(() => rmSync(base, { recursive: true }));

const verify = (...args: string[]): Promise<Answer> =>
  retain(['log', 'verify', '--policy', policy, ...args], { HOME: place });

/** Publishes another log in the place of the first. */
async function republish(changed: readonly Piece[], published = WITNESSED): Promise<void> {
  rmSync(dir, { recursive: true });
  await publish(changed, published, folderSink(dir));
}

function spoil(path: string, at: number): void {
  const bytes = readFileSync(join(dir, path));
  bytes[at]! ^= 1;
  writeFileSync(join(dir, path), bytes);
}

function makePipe(path: string): void {
  const program = 'mkfifo';
  execFileSync(program, [path]);
}

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const files: RequestListener = (request, response) => {
  try {
    response.end(readFileSync(join(dir, request.url ?? '')));
  } catch {
    response.writeHead(404).end();
  }
};

describe('a log that is as it must be', () => {
  it('is verified in plain words, and its checkpoint kept', async () => {
    const { exitCode, stdout, stderr } = await verify('--dir', dir);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const words = stdout.replace(/, \d[^,]* ago,/, ', … ago,').replaceAll(place, '~');
    expect(words).toMatchInlineSnapshot(`
      "Log retain.example.com/housing: VERIFIED.
        checkpoint     642 entries, root DSHmdur+Rtrj7mXSC/lGKDsFiHZtsuzx6aIf0ejc31w=
        signed by      retain.example.com/housing+f3583201
        witnesses      w1 (21 Nov 2026 12:00:00 UTC)
        last heard of  21 Nov 2026 12:00:00 UTC, … ago, by its witnesses
        read           642 entries of 642
        records        610 in 7 batches
        statements     25
        runs           2 closed, 0 abandoned, 0 open
        compared with  nothing: trusted on first use. What was taken away before now cannot be seen
        kept in        ~/.local/state/retain/checkpoints/retain.example.com%2Fhousing.checkpoint
      "
    `);
    expect(readdirSync(join(place, '.local/state/retain/checkpoints'))).toEqual([
      'retain.example.com%2Fhousing.checkpoint',
    ]);
  });

  it('is compared with the kept checkpoint the next time', async () => {
    await verify('--dir', dir);
    const { exitCode, stdout } = await verify('--dir', dir);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/compared with +the checkpoint kept here\n/);
  });

  it('is not kept with --no-save, nor after a sample', async () => {
    await verify('--dir', dir, '--no-save');
    await verify('--dir', dir, '--sample', '10');
    expect((await verify('--dir', dir)).stdout).toContain('trusted on first use');
  });

  it('is kept where XDG says', async () => {
    const XDG_STATE_HOME = join(place, 'state');
    await retain(['log', 'verify', '--policy', policy, '--dir', dir], { XDG_STATE_HOME });
    expect(readdirSync(join(XDG_STATE_HOME, 'retain/checkpoints'))).toHaveLength(1);
  });

  it('is kept under a name that every file system takes, however long its own', () => {
    const kept = keptCheckpoints(place);
    for (const origin of ['..', `example.com/${'a/'.repeat(120)}`, `${'ä'.repeat(127)}`]) {
      expect(kept.read(origin)).toBeUndefined();
      expect(kept.keep(origin, Buffer.from(origin)).startsWith(join(place, 'checkpoints/'))).toBe(
        true,
      );
      expect(kept.read(origin)?.toString()).toBe(origin);
    }
    expect(readdirSync(join(place, 'checkpoints'))).toHaveLength(3);
  });

  it('is verified although nothing can be kept', async () => {
    writeFileSync(join(place, '.local'), 'in the way');
    const { exitCode, stderr } = await verify('--dir', dir);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 0,
      stderr:
        'The checkpoint could not be kept: the next verification trusts on first use again.\n',
    });
  });

  it('is never called verified by a sample', async () => {
    const { exitCode, stdout } = await verify('--dir', dir, '--sample', '30');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('SAMPLED, not verified');
    expect(stdout).not.toContain('VERIFIED');
    expect(stdout).toMatch(/proved +30 entries\n/);
  });

  it('continues the checkpoint that --since names', async () => {
    const since = join(place, 'old');
    const { checkpoint } = await publish(pieces.slice(0, 9), WITNESSED, () => undefined);
    writeFileSync(since, checkpoint);
    const { exitCode, stdout } = await verify('--dir', dir, '--since', since);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`compared with  the checkpoint ${since}\n`);
  });

  it('speaks JSON: one object a finding, then a summary', async () => {
    const { stdout } = await verify('--dir', dir, '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      ...{
        schemaVersion: 1,
        verdict: 'verified',
        exitCode: 0,
        errors: 0,
        warnings: 0,
        entries: 642,
      },
      counts: { records: 610, batches: 7, statements: 25 },
      log: { origin: 'retain.example.com/housing', size: 642, cosigners: [{ name: 'w1' }] },
      ...{ firstUse: true, comparedWith: [] },
    });
  });
});

describe('a log that is not', () => {
  it('is not verified, and every finding is in the table', async () => {
    spoil('tile/entries/001', 700);
    const { exitCode, stdout } = await verify('--dir', dir);
    expect(exitCode).toBe(12);
    expect(stdout).toMatch(
      /^Log retain\.example\.com\/housing: NOT VERIFIED: 1 error \(exit code 12\)\.\n/,
    );
    expect(stdout).toMatch(
      /\n {2}E_LEAF +266 +Entry 266 does not have its published leaf hash\.\n/,
    );
    expect((await verify('--dir', dir)).stdout).toContain('trusted on first use');
  });

  it('speaks JSON', async () => {
    rmSync(join(dir, 'tile/entries/000'));
    const lines = (await verify('--dir', dir, '--json')).stdout.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { finding: { code: 'E_MISSING', severity: 'error', index: 0 } },
      { schemaVersion: 1, verdict: 'failed', exitCode: 14 },
    ]);
  });

  it('is a rollback or a fork of what was verified here before', async () => {
    await verify('--dir', dir);
    await republish(pieces.slice(0, -1));
    expect(await verify('--dir', dir)).toMatchObject({ exitCode: 13 });
    const other = [...story({ seed: 3 })];
    await republish(other, { ...WITNESSED, logKey: testKey('log', 1) });
    expect((await verify('--dir', dir)).stdout).toContain('E_FORK');
  });

  it('cannot hide behind a kept checkpoint that was spoilt', async () => {
    await verify('--dir', dir);
    const kept = join(
      place,
      '.local/state/retain/checkpoints/retain.example.com%2Fhousing.checkpoint',
    );
    writeFileSync(kept, 'spoilt');
    expect(await verify('--dir', dir)).toMatchObject({ exitCode: 10 });
    rmSync(kept);
    makePipe(kept);
    const { exitCode, stdout } = await verify('--dir', dir);
    expect(exitCode).toBe(10);
    expect(stdout).toContain('E_OLDER');
  });

  it('is too old for --max-age, although it fits', async () => {
    expect(await verify('--dir', dir, '--max-age', '1s')).toMatchObject({ exitCode: 17 });
  });

  it('has a pipe in place of a file: nobody waits for it', async () => {
    rmSync(join(dir, 'tile/entries/001'));
    makePipe(join(dir, 'tile/entries/001'));
    const { exitCode, stdout } = await verify('--dir', dir);
    expect(exitCode).toBe(14);
    expect(stdout).toContain('could not be read (NOT_A_FILE)');
  });
});

describe('over the network', () => {
  it('reads the files below an address', async () => {
    const address = await serve(files);
    expect(await verify('--url', address)).toMatchObject({ exitCode: 0 });
    expect(await verify('--url', `${address}/`, '--sample', '5')).toMatchObject({ exitCode: 0 });
  });

  it('asks again for an answer that went missing', async () => {
    let asked = 0;
    const address = await serve((request, response) => {
      asked += 1;
      if (asked === 3) response.writeHead(503).end();
      else files(request, response);
    });
    expect(await verify('--url', address)).toMatchObject({ exitCode: 0 });
  });

  it('says what is missing, and what the server refuses', async () => {
    rmSync(join(dir, 'tile/entries/001'));
    expect(await verify('--url', await serve(files))).toMatchObject({ exitCode: 14 });
    const refusing = await serve((_, response) => void response.writeHead(403).end('secret'));
    const { exitCode, stdout } = await verify('--url', refusing);
    expect(exitCode).toBe(14);
    expect(stdout).toContain('could not be read (HTTP_403)');
    expect(stdout).not.toContain('secret');
  });

  it('takes no more than a file can have', async () => {
    let sent = 0;
    const address = await serve((_, response) => {
      const more = (): void => {
        sent += 65_536;
        if (response.write(Buffer.alloc(65_536, 0x41))) setImmediate(more);
        else response.once('drain', more);
      };
      more();
    });
    expect(await verify('--url', address)).toMatchObject({ exitCode: 10 });
    expect(sent).toBeLessThan(50_000_000);
  });
});

describe('usage', () => {
  it.each([
    [[], 'either --dir'],
    [['--dir', 'x', '--url', 'http://127.0.0.1/'], 'either --dir'],
    [['--dir', 'no-such-folder'], 'no such folder'],
    [['--url', 'ftp://127.0.0.1/'], 'http or https'],
    [['--url', 'http://me:secret@127.0.0.1/'], 'without password'],
    [['--dir', '.', '--max-age', 'soon'], '--max-age takes'],
    [['--dir', '.', '--sample', '0'], '--sample takes'],
    [['--dir', '.', '--sample', '5', '--database'], 'leave out --sample or --database'],
    [['--dir', '.', '--since', 'no-such-file'], '--since names no file'],
    [['--nonsense'], '--nonsense'],
  ])('%j is wrong: 2', async (args, words) => {
    const answer = await verify(...args);
    expect(answer).toMatchObject({ exitCode: 2, stdout: '' });
    expect(answer.stderr).toMatch(/^error USAGE: .*\n$/);
    expect(answer.stderr).toContain(words);
    expect(answer.stderr).not.toContain('secret');
  });

  it('asks for a policy, and refuses one that is none', async () => {
    const none = await retain(['log', 'verify', '--dir', dir], { HOME: place });
    expect(none).toMatchObject({ exitCode: 2, stdout: '' });
    writeFileSync(policy, 'log nobody\nquorum none\n');
    const wrong = await verify('--dir', dir);
    expect(wrong).toMatchObject({ exitCode: 10, stdout: '' });
    expect(wrong.stderr).toMatch(/^error POLICY_INVALID: /);
  });

  it('never ends with 1 for a failure of ours: 1 says verified', () => {
    expect(verifyExitCodeOf(new Error('unexpected'))).toBe(70);
    expect(verifyExitCodeOf(new RetentionError('INVARIANT_BROKEN', 'x'))).toBe(70);
    expect(verifyExitCodeOf(new RetentionError('STORE_UNAVAILABLE', 'x'))).toBe(70);
  });

  it('has all exit codes in its help, each once', async () => {
    const { stdout } = await retain(['log', 'verify', '--help'], { HOME: place });
    for (const [code, meaning] of VERIFY_EXIT_MEANINGS) {
      expect(stdout).toContain(`\n  ${String(code).padEnd(2)}  ${meaning}\n`);
    }
    const documented = VERIFY_EXIT_MEANINGS.map(([code]) => code);
    const used = new Set(Object.values(FINDING_CODES).map(({ exit }) => exit));
    expect([...used].filter((exit) => !documented.includes(exit))).toEqual([]);
    expect(new Set(documented).size).toBe(documented.length);
  });
});

it('runs with no environment at all and loads nothing that knows a database or a server', () => {
  const coverage = join(place, 'coverage');
  const words = [
    '--import',
    'tsx',
    'cli/main.ts',
    'log',
    'verify',
    '--dir',
    dir,
    '--policy',
    policy,
  ];
  const { status, stderr } = spawnSync(process.execPath, words, {
    cwd: ROOT,
    encoding: 'utf8',
    env: { NODE_V8_COVERAGE: coverage, HOME: place },
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const loaded = readdirSync(coverage).flatMap((file) => {
    const text = readFileSync(join(coverage, file), 'utf8');
    return (JSON.parse(text) as { result: { url: string }[] }).result.map(({ url }) => url);
  });
  expect(loaded.some((url) => url.endsWith('/cli/actions/log-verify.ts'))).toBe(true);
  const ours = loaded.flatMap((url) => url.split(`${ROOT.replace(/\/$/, '')}/`)[1] ?? []);
  expect(
    ours.filter((path) => /^(app|db|stores|worker|activities|workflows)\//.test(path)),
  ).toEqual([]);
  expect(
    ours.filter((path) =>
      /node_modules\/(postgres|drizzle-orm|@temporalio\/(client|worker))\//.test(path),
    ),
  ).toEqual([]);
});
