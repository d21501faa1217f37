/** Files are written several at a time; the checkpoint alone, and last. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { inParallel } from '../../../app/ledger/in-parallel.ts';
import type { LogReader } from '../../../app/ledger/log-reader.ts';
import { type LogSink, publish } from '../../../app/ledger/publish.ts';
import { memoryLog } from '../../support/memory-log.ts';
import { seeded } from '../../support/seeded.ts';
import { waitFor } from '../../support/wait.ts';

const log = memoryLog(5_000);
const AT_ONCE = 8;
const full = new Error('no space is left');

interface SlowSink extends LogSink {
  /** Most files that were under way at once. */
  readonly most: () => number;
  readonly underWay: () => number;
  /** Paths in the order in which their writing ended. */
  readonly ended: readonly string[];
  /** What was under way when the checkpoint was begun. */
  readonly atCheckpoint: () => number | undefined;
}

/** Each write ends when `until` does. */
function slowSink(until: (path: string) => Promise<unknown>): SlowSink {
  let [underWay, most] = [0, 0];
  let atCheckpoint: number | undefined;
  const ended: string[] = [];
  return {
    name: 'slow',
    ended,
    most: () => most,
    underWay: () => underWay,
    atCheckpoint: () => atCheckpoint,
    readCheckpoint: async () => undefined,
    write: async (path, _, kind) => {
      if (kind === 'checkpoint') atCheckpoint = underWay;
      underWay += 1;
      most = Math.max(most, underWay);
      await until(path).finally(() => {
        underWay -= 1;
      });
      ended.push(path);
    },
  };
}

/** Some turns of the event loop, another number for each file: what was begun first ends last at times. */
function someTurns(): () => Promise<void> {
  const chance = seeded(20_261_122);
  return async () => {
    for (let turns = chance.integer(20); turns > 0; turns -= 1) await nextTurn();
  };
}

test('eight files at most are under way at once, and none when the checkpoint is begun', async () => {
  const sink = slowSink(someTurns());
  await publish(sink, log.reader, log.note(5_000));
  expect(sink.most()).toBe(AT_ONCE);
  expect(sink.atCheckpoint()).toBe(0);
  // Bundle and leaf tile of twenty places, the tile above them.
  expect(sink.ended).toHaveLength(2 * 20 + 1 + 1);
  expect(new Set(sink.ended).size).toBe(sink.ended.length);
  expect(sink.ended.at(-1)).toBe('checkpoint');
});

test.each(['tile/entries/000', 'tile/0/007', 'tile/1/000.p/19'])(
  'a failure of %s is told once nothing is under way any more, and there is no checkpoint',
  async (failing) => {
    const turns = someTurns();
    const sink = slowSink(async (path) => {
      await turns();
      if (path === failing) throw full;
    });
    await expect(publish(sink, log.reader, log.note(5_000))).rejects.toBe(full);
    expect(sink.underWay()).toBe(0);
    expect(sink.atCheckpoint()).toBeUndefined();
  },
);

test('no more of the log is read than is being written and made', async () => {
  let read = 0;
  const reader: LogReader = {
    ...log.reader,
    entries: async function* (from, to) {
      for await (const entry of log.reader.entries(from, to)) {
        read += 1;
        yield entry;
      }
    },
  };
  let goOn = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const sink = slowSink(() => held);
  const publishing = publish(sink, reader, log.note(5_000));
  await waitFor(async () => sink.underWay() === AT_ONCE, { what: 'eight writes' });
  for (let turns = 0; turns < 20; turns += 1) await nextTurn();
  expect(read).toBe((AT_ONCE / 2) * 256);
  goOn();
  await publishing;
  expect(read).toBe(5_000);
});

test('things that fail before there are more of them end the work, whatever else they are', async () => {
  const begun: number[] = [];
  const failing = async (item: number): Promise<void> => {
    begun.push(item);
    if (item === 2) throw full;
    await nextTurn();
  };
  await expect(inParallel(2, [1, 2, 3, 4, 5], failing)).rejects.toBe(full);
  expect(begun).toEqual([1, 2]);
  await inParallel(2, [], failing);
});

test('a source that fails is closed, told of, and what was begun is waited for', async () => {
  let [closed, ended] = [false, 0];
  async function* source(): AsyncGenerator<number> {
    try {
      yield 1;
      yield 2;
      throw full;
    } finally {
      closed = true;
    }
  }
  const work = async (): Promise<void> => {
    for (let turns = 0; turns < 5; turns += 1) await nextTurn();
    ended += 1;
  };
  await expect(inParallel(8, source(), work)).rejects.toBe(full);
  expect({ closed, ended }).toEqual({ closed: true, ended: 2 });
});
