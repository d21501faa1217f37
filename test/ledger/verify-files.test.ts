/** Files of any bytes: every one of them gives a finding with a code, never a crash, a hang or `verified`. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { beforeAll, describe, expect, it } from 'vitest';
import type { LogSource } from '../../ledger/verify/log-source.ts';
import {
  type BuiltLog,
  buildLog,
  longStory,
  memorySource,
  run,
  signedCheckpoint,
  story,
} from '../support/log-builder.ts';
import { logTeller, ORIGIN, type Piece } from '../support/log-teller.ts';
import { seeded } from '../support/seeded.ts';
import { codes, PUBLISHED, verified, verifyBuilt } from '../support/verified.ts';

const LARGEST = Number.MAX_SAFE_INTEGER;

let log: BuiltLog;

beforeAll(async () => {
  log = await buildLog(story(), PUBLISHED);
});

/** The log with one file replaced. */
function withFile(path: string, bytes: Buffer | undefined): BuiltLog {
  const files = new Map(log.files);
  if (bytes === undefined) files.delete(path);
  else files.set(path, bytes);
  return { ...log, files, source: memorySource(files) };
}

/** A true checkpoint of the log key over whatever size. */
function claiming(size: number, source: LogSource): Pick<BuiltLog, 'source' | 'policy'> {
  const head = { origin: ORIGIN, size, root: Buffer.alloc(32, 3) };
  const checkpoint = signedCheckpoint(head, PUBLISHED);
  return {
    policy: log.policy,
    source: {
      read: (path, most) =>
        path === 'checkpoint' ? Promise.resolve(checkpoint) : source.read(path, most),
    },
  };
}

describe('every file of a log', () => {
  const random = seeded(41);
  const bytes = (length: number) => Buffer.from(Array.from({ length }, () => random.integer(256)));
  const spoilt: [string, (bytes: Buffer) => Buffer | undefined][] = [
    ['is missing', () => undefined],
    ['is empty', () => Buffer.alloc(0)],
    ['is one byte short', (all) => all.subarray(0, -1)],
    ['is one byte long', (all) => Buffer.concat([all, Buffer.of(10)])],
    ['is half of what it was', (all) => all.subarray(0, all.length / 2)],
    ['is there twice over', (all) => Buffer.concat([all, all])],
    ['is random', (all) => bytes(all.length)],
    ['is zeros', (all) => Buffer.alloc(all.length)],
    ['is 20 MB', () => Buffer.alloc(20_000_000, 0x41)],
  ];

  it.each(spoilt)('%s: found', async (_, spoil) => {
    for (const [path, all] of log.files) {
      const report = await verifyBuilt(withFile(path, spoil(all)));
      expect({ path, verdict: report.verdict }).toEqual({ path, verdict: 'failed' });
      expect(report.exitCode, path).toBeGreaterThanOrEqual(10);
    }
  });

  it.each(spoilt)('%s: found by a sample of enough entries', async (_, spoil) => {
    const paths = [...log.files.keys()].filter((path) => path !== 'checkpoint');
    for (const path of paths) {
      const report = await verifyBuilt(withFile(path, spoil(log.files.get(path)!)), {
        sample: 100,
      });
      expect({ path, verdict: report.verdict }).toEqual({ path, verdict: 'failed' });
    }
  });

  it('is named when it is missing', async () => {
    const { findings } = await verifyBuilt(withFile('tile/1/000.p/2', undefined));
    expect(findings).toMatchObject([{ code: 'E_MISSING', index: 0 }]);
    expect(findings[0]?.message).toContain('tile/1/000.p/2');
  });

  it('has an upper tile that does not fit: E_TILE, and the entries stand', async () => {
    const tile = Buffer.from(log.files.get('tile/1/000.p/2')!);
    tile[40]! ^= 1;
    const { findings, exitCode } = await verifyBuilt(withFile('tile/1/000.p/2', tile));
    expect(findings).toMatchObject([{ code: 'E_TILE', index: 256 }]);
    expect(exitCode).toBe(12);
  });

  it('may have grown: full files in place of the partial ones of the checkpoint', async () => {
    const teller = logTeller();
    const pieces = [...story({}, teller)];
    const grown = await buildLog(
      [...pieces, ...Array.from({ length: 200 }, () => teller.placeHold())],
      PUBLISHED,
    );
    const files = new Map([...grown.files].filter(([path]) => !path.includes('.p/')));
    for (const path of ['checkpoint', 'tile/1/000.p/2']) files.set(path, log.files.get(path)!);
    expect(await verifyBuilt({ ...log, source: memorySource(files) })).toMatchObject({
      exitCode: 0,
    });
    expect(await verifyBuilt({ ...log, source: memorySource(files) }, { sample: 9 })).toMatchObject(
      { exitCode: 0 },
    );
  });
});

describe('a source', () => {
  it('that fails is asked for nothing more', async () => {
    let asked = 0;
    const failing: LogSource = {
      read: () => {
        asked += 1;
        return Promise.reject(Object.assign(new Error('secret of the server'), { code: 'EIO' }));
      },
    };
    const report = await verifyBuilt(claiming(100_000, failing));
    expect(codes(report)).toEqual(['E_UNREADABLE']);
    expect(report.findings[0]?.message).toMatch(/could not be read \(EIO\)\.$/);
    expect(asked).toBeLessThan(30);
    expect(await verifyBuilt({ ...log, source: failing })).toMatchObject({ exitCode: 14 });
  });

  it.each([LARGEST, 2 ** 40])(
    'that claims %i entries it does not have is done with at once',
    async (size) => {
      let asked = 0;
      const nothing: LogSource = {
        read: () => {
          asked += 1;
          return Promise.resolve(undefined);
        },
      };
      const report = await verifyBuilt(claiming(size, nothing));
      expect(report).toMatchObject({ verdict: 'failed', exitCode: 14, entries: 0 });
      expect(asked).toBeLessThan(40);
      expect(await verifyBuilt(claiming(size, nothing), { sample: 100 })).toMatchObject({
        exitCode: 14,
      });
    },
  );

  it('that has hashes for ever and no entries is left after a hundred', async () => {
    const endless: LogSource = {
      read: (path, most) =>
        Promise.resolve(path.includes('entries') ? undefined : Buffer.alloc(Math.min(most, 8_192))),
    };
    const report = await verifyBuilt(claiming(LARGEST, endless));
    expect(report).toMatchObject({ verdict: 'failed', exitCode: 14 });
    expect(report.entries).toBeLessThan(30_000);
  });

  it('of an empty log has no genesis', async () => {
    const empty = await buildLog([], PUBLISHED);
    expect(codes(await verifyBuilt(empty))).toEqual(['E_GENESIS', 'E_LOGKEY']);
    expect(codes(await verifyBuilt(empty, { sample: 5 }))).toEqual(['E_GENESIS']);
  });
});

describe('an entry', () => {
  const bare = (json: string, kind = 0x30): Piece => ({
    kind: 'hold.place',
    entry: Buffer.concat([Buffer.of(1, kind), Buffer.alloc(64), Buffer.from(json)]),
  });
  const deep = `{"kind":"hold.place","v":1,"x":${'['.repeat(32_000)}${']'.repeat(32_000)}}`;

  it.each<[string, Piece]>([
    ['of no bytes', { kind: 'key', entry: Buffer.alloc(0) }],
    ['of one byte', { kind: 'key', entry: Buffer.of(1) }],
    ['of another version', { kind: 'key', entry: Buffer.alloc(70, 2) }],
    ['of an unknown kind', bare('{}', 0x99)],
    ['that is nested 32,000 deep', bare(deep)],
    ['whose JSON is not canonical', bare('{ "v":1,"kind":"hold.place"}')],
    ['with a name twice', bare('{"kind":"hold.place","v":1,"v":1}')],
    ['with a name that prototypes have', bare('{"__proto__":{},"kind":"hold.place","v":1}')],
    ['without its fields', bare('{"kind":"hold.place","v":1}')],
    ['of 65,535 bytes', { kind: 'key', entry: Buffer.alloc(65_535, 0x01) }],
  ])('%s is found where it stands', async (_, piece) => {
    const report = await verified([...story(), piece]);
    expect(report.findings).toMatchObject([{ code: 'E_ENTRY', index: 642 }]);
    expect(report.exitCode).toBe(15);
  });

  it('in a log of nothing else: a hundred findings, and all of them counted', async () => {
    const piece: Piece = { kind: 'key', entry: Buffer.alloc(5, 9) };
    const report = await verified(Array.from({ length: 1_000 }, () => piece));
    expect(report.findings).toHaveLength(100);
    expect(report.errors).toBe(1_002);
  });
});

describe('size', () => {
  it.each([255, 256, 257, 512, 65_535, 65_536, 65_537])(
    'a log of %i entries verifies',
    async (size) => {
      const teller = logTeller();
      const statements = 8;
      const pieces = [
        ...[teller.genesis(), teller.scheduleVersion(1)],
        ...run(teller, { batches: 1, records: size - statements }),
      ];
      const built = await buildLog(pieces, PUBLISHED);
      expect(built.head.size).toBe(size);
      expect(await verifyBuilt(built)).toMatchObject({
        verdict: 'verified',
        exitCode: 0,
        entries: size,
      });
      expect(await verifyBuilt(built, { sample: 20 })).toMatchObject({
        verdict: 'sampled',
        exitCode: 0,
      });
    },
  );

  it('takes no memory', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const used = () => {
      collect();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers;
    };
    const built = await buildLog(longStory(20, 10_000), PUBLISHED);
    const seen: number[] = [];
    await verifyBuilt(built, {
      onProgress: (entries) => {
        if (entries % 10_240 === 0) seen.push(used());
      },
    });
    // Collected buffers are given back a little later: the least of several looks is what is kept.
    const [first, second] = [seen.slice(0, 9), seen.slice(-9)].map((looks) => Math.min(...looks));
    // 8 bytes more for each of the 100,000 records between would be more than this.
    expect((second ?? 0) - (first ?? 0)).toBeLessThan(700_000);
  });
});

it('a sample says what it is', async () => {
  const report = await verifyBuilt(log, { sample: 25 });
  expect(report).toMatchObject({ verdict: 'sampled', entries: 25, counts: undefined });
});
