/** A published folder is always a whole log: the one before, or the next. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkedTiles } from '../../../app/ledger/checked-tiles.ts';
import { folderSink } from '../../../app/ledger/folder-sink.ts';
import type { LogReader } from '../../../app/ledger/log-reader.ts';
import { type LogSink, publish } from '../../../app/ledger/publish.ts';
import type { ReadTile } from '../../../ledger/proofs.ts';
import { memoryLog } from '../../support/memory-log.ts';
import { checkFolder, filesOf } from '../../support/published-folder.ts';

const log = memoryLog(1000);
const FORKED = { code: 'LEDGER_FORKED' };
const BROKEN = { code: 'LEDGER_BROKEN' };

let home: string;
let dir: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'publish-'));
  dir = join(home, 'published/log');
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const publishAt = (size: number, of = log) => publish(folderSink(dir), of.reader, of.note(size));
const checkpoint = () => readFileSync(join(dir, 'checkpoint'), 'utf8');

describe('a new folder', () => {
  test.each([1, 2, 255, 256, 257, 511, 512, 1000])(
    'has the whole log of %i entries',
    async (size) => {
      expect(await publishAt(size)).toEqual({ state: 'published', size });
      expect(checkFolder(dir).size).toBe(size);
      expect(filesOf(dir)).toEqual(checkFolder(dir).paths);
      expect(checkpoint()).toBe(log.note(size));
    },
  );

  test('has the tiles of every level where the tree has several', async () => {
    const large = memoryLog(65_537 + 256);
    await publishAt(65_537 + 256, large);
    expect(checkFolder(dir).size).toBe(65_793);
    expect(filesOf(dir)).toEqual(checkFolder(dir).paths);
    expect(filesOf(dir)).toEqual(
      expect.arrayContaining(['tile/2/000.p/1', 'tile/1/000', 'tile/1/001.p/1', 'tile/0/257.p/1']),
    );
  });

  test('can be read by whoever serves it', async () => {
    await publishAt(257);
    for (const file of filesOf(dir)) expect(statSync(join(dir, file)).mode & 0o444).toBe(0o444);
  });
});

describe('a folder that grows', () => {
  test('is whole after every step, and full tiles are not written again', async () => {
    let before = new Map<string, number>();
    for (const size of [1, 5, 256, 300, 511, 513, 700, 1000]) {
      await publishAt(size);
      expect(checkFolder(dir).size).toBe(size);
      const now = new Map(
        filesOf(dir)
          .filter((path) => path !== 'checkpoint')
          .map((path) => [path, statSync(join(dir, path)).ino]),
      );
      for (const [path, inode] of before) expect(now.get(path)).toBe(inode);
      before = now;
    }
  });

  test('reads only the entries that are new, from the beginning of their bundle', async () => {
    await publishAt(600);
    const asked: [number, number][] = [];
    const reader: LogReader = {
      ...log.reader,
      entries: (from, to) => {
        asked.push([from, to]);
        return log.reader.entries(from, to);
      },
    };
    await publish(folderSink(dir), reader, log.note(700));
    expect(asked).toEqual([[512, 700]]);
  });

  test('takes the same tree again for more signatures, and is left alone for the same note', async () => {
    await publishAt(300);
    expect(await publishAt(300)).toEqual({ state: 'unchanged', size: 300 });
    const cosigned = `${log.note(300)}— witness.example.com/w1 ${'A'.repeat(104)}\n`;
    await publish(folderSink(dir), log.reader, cosigned);
    expect(checkpoint()).toBe(cosigned);
  });

  test('that has more already does not shrink', async () => {
    await publishAt(600);
    expect(await publishAt(300)).toEqual({ state: 'ahead', size: 600 });
    expect(checkpoint()).toBe(log.note(600));
  });

  test('that somebody else brought further meanwhile does not shrink', async () => {
    await publishAt(300);
    const sink = folderSink(dir);
    let overtaken = false;
    const slow: LogSink = {
      ...sink,
      write: async (...file) => {
        if (!overtaken) await publishAt(900);
        overtaken = true;
        await sink.write(...file);
      },
    };
    expect(await publish(slow, log.reader, log.note(600))).toEqual({ state: 'ahead', size: 900 });
    expect(checkFolder(dir).size).toBe(900);
  });
});

describe('what is not this log is not published onto', () => {
  test.each<[string, () => Promise<unknown>]>([
    ['another origin', () => publishAt(700, memoryLog(700, 700, 'retain.example.com/other'))],
    ['a history that differs before the published size', () => publishAt(700, memoryLog(700, 599))],
    ['another tree of the same size', () => publishAt(600, memoryLog(600, 599))],
  ])('%s', async (_, attempt) => {
    await publishAt(600);
    const before = filesOf(dir);
    await expect(attempt()).rejects.toMatchObject(FORKED);
    expect(filesOf(dir)).toEqual(before);
    expect(checkpoint()).toBe(log.note(600));
  });

  test('a checkpoint that is none stops publication', async () => {
    await publishAt(600);
    writeFileSync(join(dir, 'checkpoint'), log.note(600).slice(0, 40));
    await expect(publishAt(700)).rejects.toMatchObject({ code: 'LEDGER_MALFORMED' });
  });

  test('a tile with other bytes stays, and no checkpoint covers it', async () => {
    await publishAt(300);
    mkdirSync(join(dir, 'tile/0/002.p'));
    writeFileSync(join(dir, 'tile/0/002.p/88'), 'something else');
    await expect(publishAt(600)).rejects.toMatchObject(FORKED);
    expect(readFileSync(join(dir, 'tile/0/002.p/88'), 'utf8')).toBe('something else');
    expect(checkFolder(dir).size).toBe(300);
  });
});

describe('what the databases changed after it was signed is not published', () => {
  const changed = (change: Partial<LogReader>): LogReader => ({ ...log.reader, ...change });
  const flipped = (level: number, index: number): LogReader =>
    changed({
      tile: async (l, i, width) => {
        const tile = Buffer.from(await log.reader.tile(l, i, width));
        if (l === level && i === index) tile.writeUInt8(tile.readUInt8(0) ^ 1, 0);
        return tile;
      },
    });
  const entriesInstead = (entry: (i: number) => Buffer | undefined): LogReader =>
    changed({
      entries: async function* (from, to) {
        let i = from;
        for await (const real of log.reader.entries(from, to)) {
          const other = entry(i);
          if (other !== undefined) yield other.length === 0 ? real : other;
          i += 1;
        }
      },
    });
  const same = Buffer.alloc(0);

  test.each<[string, LogReader]>([
    ['an entry of a full bundle', entriesInstead((i) => (i === 300 ? Buffer.from('x') : same))],
    ['an entry of the last bundle', entriesInstead((i) => (i === 699 ? Buffer.from('x') : same))],
    ['an entry that is gone', entriesInstead((i) => (i === 300 ? undefined : same))],
    ['the last entry, gone', entriesInstead((i) => (i === 699 ? undefined : same))],
    ['a hash of level 0', flipped(0, 2)],
    ['a hash of level 1', flipped(1, 0)],
  ])('%s', async (_, reader) => {
    const written: string[] = [];
    const sink = folderSink(dir);
    const watched: LogSink = {
      ...sink,
      write: (path, bytes, kind) => {
        written.push(path);
        return sink.write(path, bytes, kind);
      },
    };
    await expect(publish(watched, reader, log.note(700))).rejects.toMatchObject(BROKEN);
    // Whatever was written before is part of the true log.
    for (const path of written) expect(path).not.toBe('checkpoint');
    await publishAt(700);
    expect(checkFolder(dir).size).toBe(700);
  });

  test('a whole tree that is consistent in itself and is not the one that was signed', async () => {
    const other = memoryLog(700, 690);
    await expect(publish(folderSink(dir), other.reader, log.note(700))).rejects.toMatchObject(
      BROKEN,
    );
    expect(existsSync(dir)).toBe(false);
  });

  test('a tile, full or open, of any level', async () => {
    const size = 65_537 + 300;
    const large = memoryLog(size);
    const spoilt =
      (level: number, index: number): ReadTile =>
      async (l, i, width) => {
        const tile = Buffer.from(await large.reader.tile(l, i, width));
        if (l === level && i === index) tile.writeUInt8(tile.readUInt8(0) ^ 1, 0);
        return tile;
      };
    for (const [level, index] of [
      [0, 257],
      [1, 0],
      [1, 1],
      [2, 0],
    ] as const) {
      const read = async (readTile: ReadTile) =>
        (await checkedTiles(readTile, large.head(size))).tile(level, index);
      await expect(read(spoilt(level, index))).rejects.toMatchObject(BROKEN);
      await expect(read(large.reader.tile)).resolves.toHaveLength(
        32 * Math.min(256, Math.floor(size / 256 ** level) - index * 256),
      );
    }
  });
});

describe('interrupted', () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });

  test('before any of its writes, the old checkpoint stays valid and the next attempt ends it', async () => {
    await publishAt(300);
    let done = false;
    for (let writes = 0; !done; writes += 1) {
      rmSync(dir, { recursive: true });
      await publishAt(300);
      const sink = folderSink(dir);
      let left = writes;
      const failing: LogSink = {
        ...sink,
        write: async (...file) => {
          left -= 1;
          if (left < 0) throw full;
          await sink.write(...file);
        },
      };
      done = await publish(failing, log.reader, log.note(800)).then(
        () => true,
        () => false,
      );
      expect(checkFolder(dir).size).toBe(done ? 800 : 300);
      expect(writes < 20).toBe(true);
      await publishAt(800);
      expect(checkFolder(dir).size).toBe(800);
    }
  });

  test('by a file that cannot be written to its end, there is no such file', async () => {
    await publishAt(200);
    const script = `
      import { folderSink } from ${moduleUrl('../../../app/ledger/folder-sink.ts')};
      import { publish } from ${moduleUrl('../../../app/ledger/publish.ts')};
      import { memoryLog } from ${moduleUrl('../../support/memory-log.ts')};
      const log = memoryLog(400);
      const failed = await publish(folderSink(process.argv[1]), log.reader, log.note(400)).catch((e) => e);
      process.stdout.write(failed.code + ' ' + failed.cause.code);
    `;
    // A level 0 tile has 8 KiB: the limit of 4 KiB ends it halfway.
    const output = execFileSync('bash', [
      '-c',
      'ulimit -f 4; exec "$@"',
      'bash',
      ...node(script, dir),
    ]);
    expect(output.toString()).toBe('LEDGER_SINK_UNAVAILABLE EFBIG');
    expect(checkFolder(dir).size).toBe(200);
    expect(filesOf(dir)).not.toContain('tile/0/000');
    expect(filesOf(dir).filter((path) => /(^|\/)\./.test(path))).toEqual([]);
    await publishAt(400);
    expect(checkFolder(dir).size).toBe(400);
  });

  test('by a kill at any moment, the folder is whole and grows on', async () => {
    const script = `
      import { folderSink } from ${moduleUrl('../../../app/ledger/folder-sink.ts')};
      import { publish } from ${moduleUrl('../../../app/ledger/publish.ts')};
      import { memoryLog } from ${moduleUrl('../../support/memory-log.ts')};
      const log = memoryLog(4000);
      for (let size = Number(process.argv[2]) + 3; size < 4000; size += 3) {
        await publish(folderSink(process.argv[1]), log.reader, log.note(size));
        process.stdout.write(size + '\\n');
      }
    `;
    let size = 1;
    await publishAt(size);
    for (const steps of [1, 2, 5, 9]) {
      const [program = '', ...args] = node(script, dir, String(size));
      const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      const exited = once(child, 'exit');
      let seen = 0;
      for await (const _ of createInterface(child.stdout)) {
        seen += 1;
        if (seen === steps) child.kill('SIGKILL');
      }
      await exited;
      const after = checkFolder(dir).size;
      expect(after).toBeGreaterThanOrEqual(size + 3 * steps);
      size = after;
    }
  });

  test('drafts that a crash left are in nobody’s way', async () => {
    await publishAt(300);
    writeFileSync(join(dir, '.checkpoint.0123456789abcdef'), 'half a che');
    writeFileSync(join(dir, 'tile/entries/.002.0123456789abcdef'), 'half a bun');
    await publishAt(800);
    expect(checkFolder(dir).size).toBe(800);
  });
});

describe('the folder sink', () => {
  test.each([
    '../x',
    '/etc/x',
    'tile/0/../../x',
    'tile/0/1',
    'tile/entries/000.p/256',
    'other',
    '',
  ])('writes no file called "%s"', async (path) => {
    const write = folderSink(dir).write(path, Buffer.from('x'), 'immutable');
    await expect(write).rejects.toMatchObject({ code: 'INVARIANT_BROKEN' });
  });

  test('the folder may be named in any way', async () => {
    const sink = folderSink(`${dir}/./x/../`);
    await publish(sink, log.reader, log.note(300));
    expect(checkFolder(dir).size).toBe(300);
  });

  test('a folder that is a file is unavailable, with its name', async () => {
    mkdirSync(join(home, 'published'));
    writeFileSync(dir, '');
    chmodSync(dir, 0o600);
    await expect(publishAt(300)).rejects.toMatchObject({
      code: 'LEDGER_SINK_UNAVAILABLE',
      facts: { sink: dir },
    });
  });
});

function moduleUrl(path: string): string {
  return JSON.stringify(new URL(path, import.meta.url).href);
}

function node(script: string, ...args: string[]): string[] {
  return [process.execPath, '--import', 'tsx', '--input-type=module', '-e', script, ...args];
}
