/** After a power cut at any moment a folder shows a whole log, or none. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { folderSink } from '../../../app/ledger/folder-sink.ts';
import { publish } from '../../../app/ledger/publish.ts';
import {
  type ForgetfulDisk,
  forgetfulDisk,
  type Leftovers,
  type Syncable,
} from '../../support/forgetful-disk.ts';
import { memoryLog } from '../../support/memory-log.ts';
import { checkFolder } from '../../support/published-folder.ts';

type Files = typeof import('node:fs/promises');

const use = vi.hoisted((): { disk?: ForgetfulDisk } => ({}));
vi.mock('node:fs/promises', async (original) => {
  const real = await original<Files>();
  const through =
    (name: keyof ForgetfulDisk['files']) =>
    (...args: unknown[]): unknown =>
      Reflect.apply(use.disk?.files[name] ?? real[name], undefined, args);
  const names = ['open', 'link', 'rename', 'unlink', 'mkdir'] as const;
  return { ...real, ...Object.fromEntries(names.map((name) => [name, through(name)])) };
});

const SIZES = [3, 300, 700, 1000];
const log = memoryLog(1000);
let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'power-cut-'));
});
afterEach(() => {
  delete use.disk;
  rmSync(home, { recursive: true });
});

/** What is left of a log that grew, by the moment of the cut; `deaf` from the second head on. */
async function cutsOf(deaf?: Syncable): Promise<readonly Leftovers[]> {
  const disk = forgetfulDisk(await vi.importActual<Files>('node:fs/promises'), home);
  use.disk = disk;
  const sink = folderSink(join(home, 'some/place/log'));
  for (const size of SIZES) {
    await publish(sink, log.reader, log.note(size));
    if (deaf !== undefined) disk.deafen(deaf);
  }
  delete use.disk;
  return disk.cuts;
}

/** The size that a reader confirms; 0 where there is no checkpoint, undefined where something is missing. */
function shownBy(left: Leftovers): number | undefined {
  const dir = mkdtempSync(join(home, 'left-'));
  for (const [path, bytes] of left) {
    const file = join(dir, relative(home, path));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
  if (!left.has(join(home, 'some/place/log/checkpoint'))) return 0;
  try {
    return checkFolder(join(dir, 'some/place/log')).size;
  } catch {
    return undefined;
  }
}

const sizesShown = (cuts: readonly Leftovers[]) => new Set(cuts.map(shownBy));

test('a power cut at any moment leaves the log before or the next one, whole', async () => {
  const shown = [...sizesShown(await cutsOf())];
  expect(shown).toEqual([0, ...SIZES]);
});

test.each(['files', 'folders'] as const)(
  'twin: on a disk that syncs no %s, a checkpoint would be read whose files cannot be',
  async (deaf) => {
    expect(sizesShown(await cutsOf(deaf))).toContain(undefined);
  },
);

test('a folder of partial tiles that somebody removed meanwhile stops nothing', async () => {
  const dir = join(home, 'log');
  const sink = folderSink(dir);
  await sink.write('tile/0/000.p/3', await log.reader.tile(0, 0, 3), 'immutable');
  rmSync(join(dir, 'tile'), { recursive: true });
  await publish(sink, log.reader, log.note(300));
  expect(checkFolder(dir).size).toBe(300);
});
