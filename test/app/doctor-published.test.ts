/** What `retain doctor` says of what is published, and while several keep the ledger. */
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { folderSink } from '../../app/ledger/folder-sink.ts';
import { ledgerRound, type RoundDependencies } from '../../app/ledger/round.ts';
import { requireHead } from '../../app/ledger/sequence.ts';
import { toolEnvironment } from '../../config/env.ts';
import { RetentionError } from '../../domain/errors.ts';
import { mayRetry } from '../../domain/retry.ts';
import { formatCheckpoint } from '../../ledger/checkpoint.ts';
import { formatNote, signNote } from '../../ledger/note.ts';
import { type DeliverySite, deliverySite, says } from '../support/delivery-site.ts';
import { complaints, doctorSays, type Keeper, keeperOf } from '../support/doctor.ts';
import { ORIGIN } from '../support/governed.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MINUTE_MS = 60_000;

let site: DeliverySite;
let keeping: Keeper;
beforeEach(async () => {
  site = await deliverySite();
  keeping = keeperOf(site);
  await site.destroySome(3);
});
afterEach(() => site.end());

const size = async () => (await requireHead(site.deps.ledger)).size;

describe('the published folder', () => {
  const about = async (environment = {}) =>
    (await complaints(site, { environment })).map((line) => line.replace(/^error ledger: /, ''));

  it('behind what was signed is an error until the rest is there', async () => {
    await ledgerRound(site.rounds({ sinks: [] }));
    expect(await about()).toEqual([
      `published LEDGER_LAGS: DIR has 0 of ${await size()} signed entries.`,
    ]);
    await ledgerRound(site.rounds());
    expect(await about()).toEqual([]);
  });

  it('of another log, of another history, or without a checkpoint that can be read is an error', async () => {
    const rounds = site.rounds();
    await ledgerRound(rounds);
    const checkpoint = join(site.dir, 'checkpoint');
    const ours = await readFile(checkpoint);
    const head = await site.published();
    const [log] = await site.governed.retain.ledgerKeys.log();
    const place = (origin: string, entries: number, root = head.root) => {
      const text = formatCheckpoint({ origin, size: entries, root });
      return writeFile(checkpoint, formatNote(text, [signNote(text, log, origin)]));
    };
    await place('log.example.org/other', head.size);
    expect(await about()).toEqual([
      'published LEDGER_FORKED: DIR has another log: nothing is published there. Give this log a place of its own, or run: retain log verify',
    ]);
    // Of the size of a signed head, and of one that was never signed here.
    for (const entries of [head.size, head.size - 1]) {
      await place(ORIGIN, entries, Buffer.alloc(32, 7));
      expect(await about()).toEqual([
        expect.stringMatching(/^published LEDGER_FORKED: DIR has another history of this log/),
      ]);
    }
    await place(ORIGIN, head.size + 1);
    expect(await about()).toEqual([
      `published LEDGER_BEHIND: DIR has ${head.size + 1} entries and the database ${head.size}: it was restored from a backup. Run: retain log recover`,
    ]);
    await writeFile(checkpoint, 'no checkpoint');
    expect(await about()).toEqual([
      expect.stringMatching(/^published LEDGER_MALFORMED: The checkpoint in DIR: /),
    ]);
    await rm(checkpoint);
    await mkdir(checkpoint);
    expect(await about()).toEqual([
      expect.stringMatching(/^published LEDGER_SINK_UNAVAILABLE: The published copy in DIR cannot/),
    ]);
    await rm(checkpoint, { recursive: true });
    await writeFile(checkpoint, ours);
    expect(await about()).toEqual([]);
  });

  it('on a disk that is full is said to be that, and well when there is room', async ({ skip }) => {
    await ledgerRound(site.rounds());
    const shown = await size();
    const copy = join(site.home, 'copy');
    await cp(site.dir, copy, { recursive: true });
    const full = { ...folderSink(site.dir), write: () => Promise.reject(noSpace()) };
    const rounds = site.rounds({ sinks: [full] });
    await site.destroySome(2);
    await ledgerRound(rounds);
    expect(await complaints(site, { keeping })).toEqual([
      `error ledger: published LEDGER_LAGS: DIR has ${shown} of ${await size()} signed entries, signed N s ago.`,
      `error delivery: DIR LEDGER_SINK_UNAVAILABLE: does not get signed heads; it is tried again within a minute`,
    ]);
    const stdout = await onFullDisk(copy);
    if (stdout === undefined) {
      return skip('this system lets nobody but root mount a file system of its own');
    }
    const { checks } = JSON.parse(stdout) as { checks: { what: string }[] };
    expect(checks).toContainEqual({
      what: 'ledger: published',
      state: 'error',
      code: 'LEDGER_SINK_UNAVAILABLE',
      message: expect.stringMatching(
        new RegExp(
          `^${site.dir} has ${shown} of .* Its disk is full: make room, and publication goes on`,
        ),
      ),
    });
    await ledgerRound(site.rounds());
    expect(await complaints(site)).toEqual([]);
  });

  const noSpace = () => new RetentionError('LEDGER_SINK_UNAVAILABLE', 'No space is left.');

  /** The program's answer where the published folder is this copy, on a file system with no room left. */
  async function onFullDisk(copy: string): Promise<string | undefined> {
    const unshare = ['--user', '--map-root-user', '--mount', 'sh', '-c'];
    const mounted = `mount -t tmpfs -o size=64k tmpfs "$0" || exit 99
      cp -a "$1"/. "$0"; cat /dev/zero > "$0/.rest" 2> /dev/null; shift; exec "$@"`;
    const program = [process.execPath, '--import', 'tsx', 'cli/main.ts', 'doctor', '--json'];
    const { url, keyDir } = site.governed;
    const env = toolEnvironment({
      DATABASE_URL: url,
      TEST_STORE_URL: url,
      RETAIN_KEY_DIR: keyDir,
      RETAIN_LEDGER_DIR: site.dir,
      TEMPORAL_ADDRESS: '127.0.0.1:1',
    });
    try {
      await run('unshare', [...unshare, mounted, site.dir, copy, ...program], { cwd: ROOT, env });
    } catch (error) {
      const { code, stdout } = error as { code: number; stdout: string };
      return code === 6 ? stdout : undefined;
    }
    throw new Error('a full disk was no error');
  }
});

describe('a bucket', () => {
  it('has its age too, and is compared as the folder is', async () => {
    await ledgerRound(site.rounds());
    const server = await site.server(says(404, ''));
    const environment = {
      RETAIN_LEDGER_BUCKET: `${server.url}/evidence/log`,
      AWS_ACCESS_KEY_ID: 'AKID',
      AWS_SECRET_ACCESS_KEY: 'secret',
      AWS_REGION: 'eu-central-1',
    };
    const entries = await size();
    expect(await complaints(site, { environment })).toEqual([
      `error ledger: bucket LEDGER_LAGS: ${server.url}/evidence/log has 0 of ${entries} signed entries.`,
    ]);
    const checkpoint = await readFile(join(site.dir, 'checkpoint'), 'utf8');
    const paths: string[] = [];
    server.answer((request, response) => {
      paths.push(request.url ?? '');
      says(200, checkpoint)(request, response);
    });
    expect(await doctorSays(site, { environment })).toContain(
      `ok ledger: bucket: ${server.url}/evidence/log has ${entries} entries, signed N s ago`,
    );
    expect(paths).toEqual(['/evidence/log/checkpoint']);
    server.answer(says(403, '<Code>AccessDenied</Code>'));
    expect(await complaints(site, { environment })).toEqual([
      expect.stringMatching(/^error ledger: bucket LEDGER_SINK_UNAVAILABLE: .* 403, AccessDenied/),
    ]);
    expect(await complaints(site, { environment: { ...environment, AWS_REGION: '' } })).toEqual([
      'error ledger: bucket CONFIG_INVALID: RETAIN_LEDGER_BUCKET is set and AWS_REGION is not.',
    ]);
  });
});

describe('keepers of the ledger', () => {
  it('two at once are well at any moment, while they append, sign and publish', async () => {
    let ended = false;
    const keep = async (rounds: RoundDependencies): Promise<void> => {
      while (!ended) {
        await ledgerRound(rounds).catch((error: unknown) => {
          if (!(error instanceof RetentionError) || !mayRetry(error.code)) throw error;
        });
      }
    };
    await ledgerRound(site.rounds());
    const keepers = [site.rounds({ now: Date.now }), site.rounds({ now: Date.now })].map(keep);
    for (let looks = 0; looks < 5; looks += 1) {
      const [said] = await Promise.all([
        complaints(site, { patienceMs: 20_000 }),
        site.destroySome(20),
      ]);
      expect(said).toEqual([]);
    }
    ended = true;
    await Promise.all(keepers);
    await ledgerRound(site.rounds({ now: Date.now }));
    expect(await complaints(site)).toEqual([]);
  });

  it('one whose clock is set back does not sign again: the age says so, and a right clock mends it', async () => {
    await ledgerRound(site.rounds());
    await site.governed
      .sql`update retain.log_checkpoint set signed_at = signed_at - interval '3 hours'`;
    await ledgerRound(site.rounds({ now: () => Date.now() - 4 * 60 * MINUTE_MS }));
    expect(await complaints(site)).toEqual([
      'error ledger: signed LEDGER_LAGS: The newest signed head is 3 h old. Is a worker running?',
    ]);
    await ledgerRound(site.rounds());
    expect(await complaints(site)).toEqual([]);
  });
});
