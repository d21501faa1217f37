/**
 * Who may say what: keys, chains, schedules, plans, approvals, holds, epochs: one lie a test. Somebody with all the keys writes a log that could not have happened. Every lie
 * alone is found by its own code, so that each test is red without its check.
 */
import { describe, expect, it, test } from 'vitest';
import { EARLY, found, foundAfter, HEX, lying, set, told } from '../support/lies.ts';
import { story } from '../support/log-builder.ts';
import { type Change, logTeller, type Piece, type Teller, testKey } from '../support/log-teller.ts';
import { codes, verified } from '../support/verified.ts';

test('a log in which everything is as it must be has no finding', async () => {
  const report = await verified(story());
  expect(report).toMatchObject({ verdict: 'verified', exitCode: 0, findings: [] });
  expect(report.counts).toEqual({
    ...{ statements: 25, batches: 7, records: 610 },
    runs: { opened: 2, closed: 2, abandoned: 0 },
  });
});

describe('the beginning', () => {
  it.each([
    ['without a genesis', [...story()].slice(1), 'E_GENESIS'],
    ['a second genesis', [...story(), logTeller().genesis()], 'E_GENESIS'],
  ] as const)('%s', async (_, pieces, code) => {
    expect(codes(await verified(pieces))).toContain(code);
  });

  it('names another log than the policy', async () => {
    const pieces = [...story({ origin: 'retain.example.com/other' })];
    expect(codes(await verified(pieces))).toEqual(['E_ORIGIN', 'E_LOGKEY']);
  });

  it('does not name the key that signed the checkpoint', async () => {
    expect(codes(await verified(story(), { logKey: testKey('log', 77) }))).toEqual(['E_LOGKEY']);
  });

  it('names a key of the log that was revoked since', async () => {
    expect(await foundAfter((teller) => [teller.logKey(teller.log, 'revoked')])).toEqual([
      'E_LOGKEY',
    ]);
  });

  it('takes a later key of the log', async () => {
    expect(await verified(story(), { logKey: testKey('log', 2_001) })).toMatchObject({
      exitCode: 0,
    });
  });
});

describe('keys and signatures', () => {
  it('a key that nobody named', async () => {
    const pieces = told((teller) => {
      teller.signWith(testKey('worker', 77));
      return [teller.placeHold()];
    });
    expect(codes(await verified(pieces))).toEqual(['E_KEY']);
  });

  it('a key after it was revoked, and not before', async () => {
    const revoked = (teller: Teller) => [
      teller.placeHold(),
      teller.key('worker', teller.worker(), 'revoked'),
    ];
    expect(await foundAfter(revoked)).toEqual([]);
    expect(await foundAfter((teller) => [...revoked(teller), teller.placeHold()])).toEqual([
      'E_KEY',
    ]);
  });

  it.each<[string, (teller: Teller) => Piece[]]>([
    [
      'revokes a key that was never valid',
      (t) => [t.key('worker', testKey('worker', 77), 'revoked')],
    ],
    [
      'revives a revoked key',
      (t) => [t.key('worker', t.worker(), 'revoked'), t.key('worker', t.worker(), 'active')],
    ],
    ['revokes a log key that was never valid', (t) => [t.logKey(testKey('log', 77), 'revoked')]],
    [
      'is signed by an admin key that the log does not have',
      () => [logTeller({ seed: 5 }).key('worker', testKey('worker', 5), 'active')],
    ],
  ])('a key statement that %s', async (_, tell) => {
    expect(await foundAfter(tell)).toEqual(['E_KEY']);
  });

  it.each([
    ['genesis', 'E_STATEMENTSIG'],
    ['plan', 'E_STATEMENTSIG'],
    ['key', 'E_STATEMENTSIG'],
    ['batch', 'E_WORKERSIG'],
  ] as const)('a bad signature of a %s', async (kind, code) => {
    const pieces = [...told((teller) => [teller.key('worker', testKey('worker', 8), 'active')])];
    const at = pieces.findIndex((piece) => piece.kind === kind);
    const entry = Buffer.from(pieces[at]!.entry);
    entry[20]! ^= 1;
    const report = await verified(pieces.with(at, { ...pieces[at]!, entry }));
    expect(report.findings[0]).toMatchObject({ code, severity: 'error' });
  });

  it('a statement that is badly signed grants nothing', async () => {
    const pieces = [...told(() => [])];
    const at = pieces.findIndex(({ kind }) => kind === 'approval');
    const entry = Buffer.from(pieces[at]!.entry);
    entry[20]! ^= 1;
    const report = await verified(pieces.with(at, { ...pieces[at]!, entry }));
    expect(codes(report)).toEqual(['E_STATEMENTSIG', 'E_SOURCE', 'E_RUN']);
  });
});

describe('the chain of a source', () => {
  it.each<[string, Change]>([
    [
      'a number is left out',
      lying('approval', (body) => ({ ...body, n: (body['n'] as number) + 1 })),
    ],
    [
      'a number comes twice',
      lying('approval', (body) => ({ ...body, n: (body['n'] as number) - 1 })),
    ],
    ['another statement is named before it', lying('approval', set({ prev: HEX }))],
  ])('%s', async (_, change) => {
    expect(await found(change)).toEqual(['E_SOURCE']);
  });

  it('a statement is gone', async () => {
    const pieces = [...story()];
    const at = pieces.findIndex(({ kind }) => kind === 'guard.install');
    expect(codes(await verified(pieces.toSpliced(at, 1)))).toEqual(['E_SOURCE']);
  });

  it.each<[string, (teller: Teller) => Piece]>([
    [
      'a store tells of a schedule version',
      (t) => t.tell('rule.version', { version: 2, sha256: HEX, installed_by: HEX }),
    ],
    [
      'the control database tells of a guard',
      (t) => t.tell('guard.install', { guard_version: 1 }, 'control'),
    ],
  ])('%s', async (_, tell) => {
    expect(await foundAfter((teller) => [tell(teller)])).toEqual(['E_SOURCE']);
  });

  it('a clock that went back is a warning', async () => {
    const report = await verified(story({ change: lying('hold.release', set({ at: EARLY })) }));
    expect(codes(report)).toEqual(['E_CLOCK']);
    expect(report).toMatchObject({ verdict: 'verified', exitCode: 1, warnings: 1 });
  });
});
