/** The place of publication is full in the middle of a head: readers keep the old one, and get the new one whole. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { folderSink } from '../../../app/ledger/folder-sink.ts';
import type { LogSink } from '../../../app/ledger/publish.ts';
import { ledgerRound } from '../../../app/ledger/round.ts';
import { requireHead } from '../../../app/ledger/sequence.ts';
import { toolEnvironment } from '../../../config/env.ts';
import { RetentionError } from '../../../domain/errors.ts';
import { publishedSite } from '../../support/published-site.ts';
import type { TinyDisk } from '../../support/tiny-disk.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const TINY_DISK = fileURLToPath(new URL('../../support/tiny-disk.ts', import.meta.url));

/** No space is left from the write of this number on, counted from 1. */
function fullFrom(sink: LogSink, nth: number): LogSink {
  let writes = 0;
  return {
    ...sink,
    write: async (path, bytes, kind) => {
      writes += 1;
      if (writes >= nth) throw new RetentionError('LEDGER_SINK_UNAVAILABLE', 'No space is left.');
      await sink.write(path, bytes, kind);
    },
  };
}

it('a disk full at any write leaves the old head valid, and the new one is complete when there is space', async () => {
  const site = await publishedSite();
  onTestFinished(() => site.end());
  const folder = folderSink(site.dir);
  await ledgerRound(site.rounds());
  const shown = await site.published();
  // More than one bundle, and a tile of level 1.
  await site.destroySome(520);
  let failures = 0;
  let nowMs = Date.now();
  for (;;) {
    const rounds = site.rounds({ sinks: [fullFrom(folder, failures + 1)], now: () => nowMs });
    await ledgerRound(rounds);
    const { size } = await requireHead(site.deps.ledger);
    expect(await site.verify()).toMatchObject({ verdict: 'verified', findings: [] });
    if (site.reported().length === 0) {
      expect(rounds.delivery.due(size)).toBe(false);
      break;
    }
    nowMs += 1_000;
    expect(rounds.delivery.due(size)).toBe(true);
    expect(await site.published()).toEqual(shown);
    failures += 1;
  }
  // Bundle and leaf tile of three places, the tile above them, the checkpoint.
  expect(failures).toBe(3 + 3 + 1 + 1);
  expect(await site.published()).toMatchObject(
    await requireHead(site.deps.ledger).then(({ size, root }) => ({ size, root })),
  );
});

it('a file system that is really full does the same, byte for byte', async ({ skip }) => {
  const dir = await mkdtemp(join(tmpdir(), 'retain-tiny-disk-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  const inNamespace = (...command: string[]) =>
    run('unshare', ['--user', '--map-root-user', '--mount', ...command], {
      cwd: ROOT,
      env: toolEnvironment({}),
    });
  try {
    await inNamespace('mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', dir);
  } catch {
    return skip('this system lets nobody but root mount a file system of its own');
  }
  const { stdout } = await inNamespace(process.execPath, '--import', 'tsx', TINY_DISK, dir);
  const told = JSON.parse(stdout) as TinyDisk;
  expect(told.failedAt).toBeGreaterThan(told.validMeanwhile);
  expect(told).toMatchObject({ code: 'LEDGER_SINK_UNAVAILABLE', cause: 'ENOSPC' });
  expect(told.validMeanwhile).toBeGreaterThan(0);
  expect(told.validAfterwards).toBe(told.failedAt);
});
