/** The checkpoint: who signed it, who has seen it, how old it is, and what was there before it. */
import { beforeAll, describe, expect, it } from 'vitest';
import { parsePolicy } from '../../ledger/policy-file.ts';
import {
  type BuiltLog,
  buildLog,
  NOW,
  policyFor,
  signedCheckpoint,
  story,
  WITNESS,
} from '../support/log-builder.ts';
import { type Piece, testKey } from '../support/log-teller.ts';
import { codes, PUBLISHED, verifyBuilt } from '../support/verified.ts';

const OTHER_WITNESS = { name: 'witness.example/w2', key: testKey('log', 901) };
const BOTH = { ...PUBLISHED, witnesses: [WITNESS, OTHER_WITNESS] };
const HOUR = 3_600;

let pieces: Piece[];
let log: BuiltLog;
let witnessed: BuiltLog;

beforeAll(async () => {
  pieces = [...story()];
  log = await buildLog(pieces, PUBLISHED);
  witnessed = await buildLog(pieces, BOTH);
});

const withCheckpoint = (built: BuiltLog, checkpoint: Buffer): BuiltLog => ({
  ...built,
  source: {
    read: (path, most) =>
      path === 'checkpoint' ? Promise.resolve(checkpoint) : built.source.read(path, most),
  },
});

const withText = (built: BuiltLog, change: (text: string) => string): BuiltLog =>
  withCheckpoint(built, Buffer.from(change(built.checkpoint.toString('utf8'))));

const policyOf = (change: (text: string) => string): BuiltLog['policy'] =>
  parsePolicy(Buffer.from(change(policyFor(BOTH))));

describe('signatures', () => {
  it.each<[string, (text: string) => string]>([
    ['a root that was changed', (text) => text.replace(/\n[^\n]+\n\n/, `\n${'A'.repeat(43)}=\n\n`)],
    ['another origin', (text) => text.replace(/^[^\n]+/, 'retain.example.com/other')],
    ['an extension line that nobody signed', (text) => text.replace('\n\n', '\nextra\n\n')],
  ])('%s breaks them', async (_, change) => {
    expect(codes(await verifyBuilt(withText(log, change)))).toEqual(['E_SIG']);
  });

  it.each<[string, (text: string) => string]>([
    ['without a signature', (text) => text.slice(0, text.indexOf('\n\n') + 2)],
    ['without an empty line', (text) => text.replace('\n\n', '\n')],
    ['with a size that has a zero in front', (text) => text.replace('\n642\n', '\n0642\n')],
    ['of nothing', () => ''],
  ])('a checkpoint %s is none', async (_, change) => {
    const report = await verifyBuilt(withText(log, change));
    expect(report).toMatchObject({ findings: [{ code: 'E_NOTE' }], exitCode: 10, entries: 0 });
  });

  it('of the log alone are enough when the policy asks for no witness', async () => {
    expect(await verifyBuilt(log)).toMatchObject({ exitCode: 0 });
  });

  it('of a witness that are bad are never passed over', async () => {
    const bad = withText(witnessed, (text) => {
      const lines = text.trimEnd().split('\n');
      const blob = Buffer.from(lines.at(-1)!.split(' ')[2]!, 'base64');
      blob[20]! ^= 1;
      return `${lines.with(-1, `\u2014 ${OTHER_WITNESS.name} ${blob.toString('base64')}`).join('\n')}\n`;
    });
    expect(codes(await verifyBuilt(bad))).toEqual(['E_SIG']);
  });
});

describe('the quorum', () => {
  const oneLess = () => withText(witnessed, (text) => text.replace(/[^\n]+\n$/, ''));

  it('that is met is named with its witnesses and their times', async () => {
    const { head, freshness } = await verifyBuilt(witnessed);
    expect(head?.cosigners).toEqual([
      { name: 'w1', unixSeconds: NOW },
      { name: 'w2', unixSeconds: NOW },
    ]);
    expect(freshness).toEqual({ by: 'witness', unixSeconds: NOW });
  });

  it('that is not met is an error, and the rest is looked at all the same', async () => {
    const report = await verifyBuilt(oneLess());
    expect(report).toMatchObject({ verdict: 'failed', exitCode: 11, entries: 642 });
    expect(report.findings).toMatchObject([{ code: 'E_WITNESS' }]);
    const policy = policyOf((text) => text.replace(' all ', ' any '));
    expect(await verifyBuilt({ ...oneLess(), policy })).toMatchObject({ exitCode: 0 });
  });
});

describe('the age', () => {
  const at = (hours: number) => ({ now: NOW + hours * HOUR, maxAgeSeconds: 2 * HOUR });

  it('counts from when a quorum of witnesses last saw the checkpoint', async () => {
    expect(await verifyBuilt(witnessed, at(2))).toMatchObject({ exitCode: 0 });
    const late = await verifyBuilt(witnessed, at(2.01));
    expect(late).toMatchObject({ findings: [{ code: 'E_STALE' }], exitCode: 17 });
  });

  it('is not made younger by one witness where two are asked for', async () => {
    const [early, later] = [NOW - 3 * HOUR, NOW];
    const old = signedCheckpoint(log.head, { ...BOTH, cosignedAt: early }).toString('utf8');
    const fresh = signedCheckpoint(log.head, { ...BOTH, cosignedAt: later }).toString('utf8');
    const mixed = [...old.split('\n').slice(0, 6), ...fresh.split('\n').slice(6)].join('\n');
    const report = await verifyBuilt(withCheckpoint(witnessed, Buffer.from(mixed)), at(0));
    expect(report).toMatchObject({ findings: [{ code: 'E_STALE' }] });
    expect(report.freshness).toEqual({ by: 'witness', unixSeconds: early });
  });

  it('counts from the newest entry when nobody cosigned', async () => {
    const { freshness } = await verifyBuilt(log);
    expect(freshness?.by).toBe('entry');
    const seconds = freshness?.unixSeconds ?? 0;
    expect(await verifyBuilt(log, { now: seconds + 60, maxAgeSeconds: 60 })).toMatchObject({
      exitCode: 0,
    });
    expect(codes(await verifyBuilt(log, { now: seconds + 61, maxAgeSeconds: 60 }))).toEqual([
      'E_STALE',
    ]);
  });

  it('is never known from times that lie ahead of the clock, or from a sample', async () => {
    const options = { now: NOW - HOUR, maxAgeSeconds: HOUR };
    expect(codes(await verifyBuilt(witnessed, options))).toEqual(['E_STALE']);
    expect(codes(await verifyBuilt(log, { now: NOW, maxAgeSeconds: HOUR, sample: 3 }))).toEqual([
      'E_STALE',
    ]);
  });

  it('does not matter when nobody asks', async () => {
    expect(await verifyBuilt(witnessed, { now: NOW + 1e8 })).toMatchObject({ exitCode: 0 });
  });
});

describe('an older checkpoint', () => {
  const noteAt = async (count: number, changed: readonly Piece[] = pieces): Promise<Buffer> =>
    (await buildLog(changed.slice(0, count), PUBLISHED)).checkpoint;
  const against = (note: Buffer, built = log, sample?: number) =>
    verifyBuilt(built, {
      older: () => Promise.resolve([{ label: 'the checkpoint kept here', note }]),
      ...(sample !== undefined && { sample }),
    });
  const forkedAt = async (place: number): Promise<Buffer> => {
    const changed = [
      ...story({
        seed: 1,
        change: (kind, body) => (kind === 'guard.install' ? { ...body, guard_version: 3 } : body),
      }),
    ];
    return noteAt(place, changed);
  };

  it.each([1, 5, 9, 10, 11, 12, 14, 20, 30])(
    'of the first %i pieces is where the log came from',
    async (count) => {
      const note = await noteAt(count);
      expect(await against(note)).toMatchObject({ exitCode: 0, findings: [] });
      expect(await against(note, log, 3)).toMatchObject({
        verdict: 'sampled',
        exitCode: 0,
        findings: [],
      });
    },
  );

  it('of the same log is no fork', async () => {
    expect(await against(log.checkpoint)).toMatchObject({ exitCode: 0 });
  });

  it.each([3, 9, 12])('of %i pieces that are others is a fork', async (count) => {
    const note = await forkedAt(count);
    expect(await against(note)).toMatchObject({ findings: [{ code: 'E_FORK' }], exitCode: 13 });
    expect(await against(note, log, 3)).toMatchObject({
      findings: [{ code: 'E_FORK' }],
      exitCode: 13,
    });
  });

  it('of the same size with another root is a fork', async () => {
    const note = await forkedAt(pieces.length);
    expect(await against(note)).toMatchObject({ findings: [{ code: 'E_FORK' }], exitCode: 13 });
  });

  it('of a longer log is a rollback', async () => {
    const shorter = await buildLog(pieces.slice(0, -1), PUBLISHED);
    expect(await against(log.checkpoint, shorter)).toMatchObject({
      findings: [{ code: 'E_ROLLBACK' }],
    });
    expect(await against(log.checkpoint, shorter, 2)).toMatchObject({
      findings: [{ code: 'E_ROLLBACK' }],
    });
  });

  it('that is signed by another key, is of another log or is none is never passed over', async () => {
    const { checkpoint } = await buildLog(pieces, { ...PUBLISHED, logKey: testKey('log', 5) });
    expect(codes(await against(checkpoint))).toEqual(['E_OLDER']);
    expect(codes(await against(Buffer.alloc(0)))).toEqual(['E_OLDER']);
    const both = `${policyFor({ ...PUBLISHED, origin: 'retain.example.com/other', logKey: testKey('log', 6) })}`;
    const policy = parsePolicy(Buffer.from(log.policyText.replace('quorum none\n', '') + both));
    const other = { origin: 'retain.example.com/other', logKey: testKey('log', 6) };
    const note = signedCheckpoint({ ...log.head, ...other }, other);
    expect(codes(await against(note, { ...log, policy }))).toEqual(['E_OLDER']);
  });
});
