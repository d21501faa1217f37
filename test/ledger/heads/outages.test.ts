/** Places that are down are left alone for a while, told of once, and hold nobody else up. */
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DeliverySettings } from '../../../app/ledger/delivery.ts';
import { folderSink } from '../../../app/ledger/folder-sink.ts';
import { noOutages } from '../../../app/ledger/outages.ts';
import { type LogSink, publish } from '../../../app/ledger/publish.ts';
import { signingKey } from '../../../ledger/ed25519.ts';
import { formatVkey, NOTE_SIGNATURE } from '../../../ledger/note-key.ts';
import { openCheckpoint } from '../../../ledger/policy.ts';
import {
  type DeliveredLog,
  deliveredLog,
  type Place,
  shownIn,
} from '../../support/delivered-log.ts';
import { memoryLog } from '../../support/memory-log.ts';
import { waitFor } from '../../support/wait.ts';

const SIZE = 200;
/** One second after the first failure, then twice as long each time, and never more than a minute. */
const ASKED_AT = [0, 1, 3, 7, 15, 31, 63, 123, 183];

let site: DeliveredLog;
let dir: string;
beforeEach(() => {
  site = deliveredLog(SIZE);
  dir = join(site.home, 'published');
});
afterEach(() => site.end());

const noAnswer = (_: unknown, response: { writeHead(status: number): { end(): unknown } }) =>
  void response.writeHead(503).end();

interface Kind {
  readonly settings: (place: Place) => Partial<DeliverySettings>;
  readonly name: string;
  readonly code: string;
}

const kinds: Record<string, Kind> = {
  witness: {
    settings: ({ server }) => {
      // Not asked for by the quorum: heads are published without it.
      const { publicKey } = signingKey('log', Buffer.alloc(32, 7));
      const key = formatVkey('witness.example.org/w1', publicKey, NOTE_SIGNATURE.cosignature);
      return {
        policy: site.policyOf(`witness w1 ${key} ${server.url}`, 'quorum none'),
        sinks: [folderSink(dir)],
      };
    },
    ...{ name: 'witness w1', code: 'nonsense' },
  },
  bucket: {
    settings: ({ server }) => ({ sinks: [folderSink(dir), site.bucketAt(server)] }),
    ...{ name: 'bucket', code: 'LEDGER_SINK_UNAVAILABLE' },
  },
  'timestamp authority': {
    settings: ({ server }) => ({ tsaUrl: server.url }),
    ...{ name: 'timestamps', code: 'TIMESTAMP_UNAVAILABLE' },
  },
};

describe.each(Object.entries(kinds))('a %s that is down', (_, { settings, name, code }) => {
  let place: Place;
  beforeEach(async () => {
    place = await site.place(noAnswer);
  });

  test('is asked ever less often, whatever is signed meanwhile, and told of once; the rest goes on', async () => {
    const places = site.start({ sinks: [folderSink(dir)], ...settings(place) });
    for (let size = 1; size < SIZE; size += 1) {
      await places.deliver(site.log.note(size), site.log.reader);
      expect(shownIn(dir)).toBe(size);
      site.later(1);
    }
    expect(place.askedAt()).toEqual(ASKED_AT);
    expect(site.heard()).toEqual([`${name} ${code}`]);
  });

  test('is asked for one head as often as for many', async () => {
    const places = site.start({ sinks: [folderSink(dir)], ...settings(place) });
    const note = site.log.note(5);
    for (; site.seconds() < 190; site.later(1)) {
      // As a round does: the head is not new, and only what is due is done.
      if (places.due(5)) await places.deliver(note, site.log.reader);
    }
    // A witness that no quorum asks for is asked with the next head.
    expect(place.askedAt()).toEqual(name === 'witness w1' ? [0] : ASKED_AT);
    expect(site.heard()).toEqual([`${name} ${code}`]);
  });
});

describe('a witness that the quorum needs', () => {
  test('is told of when it is back, and left alone for a second only when it fails again', async () => {
    const w1 = await site.witness('w1');
    const policy = site.policyOf(w1.line, 'quorum w1');
    const places = site.start({ policy, sinks: [folderSink(dir)] });
    const secondsOf = async (from: number, to: number): Promise<void> => {
      for (let size = from; size < to; size += 1) {
        await places.deliver(site.log.note(size), site.log.reader);
        site.later(1);
      }
    };
    await w1.server.shut();
    await secondsOf(1, 5);
    expect(site.heard()).toEqual(['witness w1 unreachable', 'witnesses quorum']);
    await w1.server.open();
    await secondsOf(5, 10);
    expect(site.heard()).toEqual(['witness w1 works', 'witnesses works']);
    expect(shownIn(dir)).toBe(9);
    await w1.server.shut();
    await secondsOf(10, 11);
    expect(site.heard()).toEqual(['witness w1 unreachable', 'witnesses quorum']);
    await w1.server.open();
    await secondsOf(11, 12);
    expect(shownIn(dir)).toBe(11);
  });

  test('is never missed for longer than a minute once it is back, and the others are not asked again', async () => {
    const [w1, w2] = [await site.witness('w1'), await site.witness('w2')];
    const policy = site.policyOf(w1.line, w2.line, 'group both all w1 w2', 'quorum both');
    const places = site.start({ policy, sinks: [folderSink(dir)] });
    await w2.server.shut();
    const note = site.log.note(5);
    let shownAfter: number | undefined;
    for (; shownAfter === undefined; site.later(1)) {
      if (site.seconds() === 70) await w2.server.open();
      if (places.due(5)) await places.deliver(note, site.log.reader);
      if (shownIn(dir) === 5) shownAfter = site.seconds() - 70;
    }
    expect(shownAfter).toBe(123 - 70);
    expect(w1.askedAt()).toEqual([0]);
    expect(places.due(5)).toBe(false);
  });

  test('is asked again for a head that waits for a place for more than an hour', async () => {
    const w1 = await site.witness('w1');
    const policy = site.policyOf(w1.line, 'quorum w1');
    const place = await site.place(noAnswer);
    const places = site.start({ policy, sinks: [site.bucketAt(place.server)] });
    for (let minutes = 0; minutes <= 61; minutes += 1) {
      await places.deliver(site.log.note(5), site.log.reader);
      site.later(60);
    }
    expect(w1.askedAt()).toEqual([0, 3_600]);
  });
});

describe('a place that is slow', () => {
  let goOn: () => void;
  let slow: LogSink;
  let slowDir: string;
  beforeEach(() => {
    slowDir = join(site.home, 'slow');
    const folder = folderSink(slowDir);
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    slow = { ...folder, readCheckpoint: () => held.then(() => folder.readCheckpoint()) };
  });

  test('holds up no other place', async () => {
    const places = site.start({ sinks: [slow, folderSink(dir)], patienceMs: 60_000 });
    const delivering = places.deliver(site.log.note(5), site.log.reader);
    while (shownIn(dir) !== 5) await nextTurn();
    expect(shownIn(slowDir)).toBe(0);
    goOn();
    await delivering;
    expect([shownIn(slowDir), places.due(5)]).toEqual([5, false]);
  });

  test('is left to end by itself, with one head at a time, while the others get the next', async () => {
    const places = site.start({ sinks: [slow, folderSink(dir)], patienceMs: 1 });
    for (const size of [5, 6, 7]) {
      await places.deliver(site.log.note(size), site.log.reader);
      await waitFor(() => shownIn(dir) === size && !places.due(size), { what: `head ${size}` });
    }
    expect(shownIn(slowDir)).toBe(0);
    goOn();
    await waitFor(() => places.due(7), { what: 'the slow place to be free' });
    expect(shownIn(slowDir)).toBe(5);
    await places.deliver(site.log.note(7), site.log.reader);
    await waitFor(() => shownIn(slowDir) === 7, { what: 'the next head to be there' });
    expect(site.heard()).toEqual([]);
  });

  test('that turns out to have another history stops everything all the same', async () => {
    const other = memoryLog(9, 2);
    await publish(folderSink(slowDir), other.reader, other.note(3));
    const places = site.start({ sinks: [slow], patienceMs: 1 });
    await places.deliver(site.log.note(5), site.log.reader);
    goOn();
    await waitFor(() => places.due(5), { what: 'the slow place to be free' });
    const again = places.deliver(site.log.note(5), site.log.reader);
    await expect(again).rejects.toMatchObject({ code: 'LEDGER_FORKED' });
  });
});

test('a note is delivered with every cosignature that came, however many attempts that took', async () => {
  const [w1, w2] = [await site.witness('w1'), await site.witness('w2')];
  const policy = site.policyOf(w1.line, w2.line, 'group both all w1 w2', 'quorum both');
  const places = site.start({ policy, sinks: [folderSink(dir)] });
  await w2.server.shut();
  const note = site.log.note(5);
  expect(await places.deliver(note, site.log.reader)).toBe(note);
  await w2.server.open();
  site.later(1);
  const delivered = await places.deliver(note, site.log.reader);
  const { cosigners } = openCheckpoint(Buffer.from(delivered), policy);
  expect(cosigners.map(({ name }) => name)).toEqual(['w1', 'w2']);
});

describe('a sink that has more than the head', () => {
  const ahead = () => site.start({ sinks: [folderSink(dir)] });

  test('stops everything when nobody here ever signed so much, and is named', async () => {
    await ahead().deliver(site.log.note(9), site.log.reader);
    const restored = site.start({ sinks: [folderSink(dir)], signedSize: async () => 8 });
    for (let attempts = 0; attempts < 2; attempts += 1) {
      expect(restored.due(5)).toBe(true);
      const delivering = restored.deliver(site.log.note(5), site.log.reader);
      await expect(delivering).rejects.toMatchObject({
        code: 'LEDGER_BEHIND',
        kind: 'integrity',
        message: expect.stringContaining(`${dir} has 9 entries`),
        facts: { sink: dir, size: 9, signed: 8 },
      });
    }
    expect(shownIn(dir)).toBe(9);
    expect(site.heard()).toEqual([]);
  });

  test('is left alone when another keeper was quicker, and gets the next head', async () => {
    const slower = site.start({ sinks: [folderSink(dir)], signedSize: async () => 9 });
    await ahead().deliver(site.log.note(9), site.log.reader);
    await slower.deliver(site.log.note(5), site.log.reader);
    expect(shownIn(dir)).toBe(9);
    expect(slower.due(5)).toBe(true);
    await slower.deliver(site.log.note(10), site.log.reader);
    expect(shownIn(dir)).toBe(10);
    expect(slower.due(10)).toBe(false);
    expect(site.heard()).toEqual([]);
  });
});

describe('outages', () => {
  test('a place that fails in another way is told of again, and works once', () => {
    const heard: string[] = [];
    const outages = noOutages({
      report: (place, code) => void heard.push(`${place} ${code}`),
      recovered: (place) => void heard.push(`${place} works`),
      now: () => 0,
    });
    for (const code of ['timeout', 'timeout', 'nonsense', 'timeout']) outages.failed('w', code);
    outages.worked('v');
    outages.worked('w');
    outages.worked('w');
    expect(heard).toEqual(['w timeout', 'w nonsense', 'w timeout', 'w works']);
  });

  test('a clock that is set back or on keeps nobody waiting for longer', () => {
    let nowMs = 1_000_000;
    const outages = noOutages({ report: () => undefined, now: () => nowMs });
    outages.failed('w', 'timeout');
    expect(outages.mayAsk('w')).toBe(false);
    expect(outages.mayAsk('v')).toBe(true);
    for (const [to, may] of [
      [0, true],
      [999_999, true],
      [1_000_999, false],
      [1_001_000, true],
      [9_000_000, true],
    ] as const) {
      nowMs = to;
      expect(outages.mayAsk('w')).toBe(may);
    }
  });
});
