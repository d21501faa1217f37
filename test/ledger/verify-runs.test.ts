/**
 * What a run comes to, and what a restore makes of it: one lie a test. Somebody with all the keys writes a log that could not have happened. Every lie
 * alone is found by its own code, so that each test is red without its check.
 */
import { describe, expect, it } from 'vitest';
import type { FindingCode } from '../../ledger/verify/findings.ts';
import {
  EARLY,
  ELSEWHERE,
  found,
  foundAfter,
  HEX,
  inside,
  type Lie,
  lying,
  onLanes,
  openRun,
  SOME_RUN,
  set,
  told,
} from '../support/lies.ts';
import { headOf } from '../support/log-builder.ts';
import {
  type Change,
  EPOCH,
  logTeller,
  type Piece,
  type Teller,
  type ToldRun,
} from '../support/log-teller.ts';
import { codes, verified } from '../support/verified.ts';

describe('runs', () => {
  it.each<[string, (teller: Teller) => Piece[]]>([
    [
      'without a decision',
      (teller) => {
        const { run: one, piece } = teller.plan([{ class: 'customer', destroys: 1 }]);
        return [piece, teller.openRun(one), teller.closeRun(one)];
      },
    ],
    [
      'although it was rejected',
      (teller) => {
        const { run: one, piece } = teller.plan([{ class: 'customer', destroys: 1 }]);
        return [piece, teller.decide(one, 'reject'), teller.openRun(one), teller.closeRun(one)];
      },
    ],
    [
      'without a plan',
      (teller) => {
        const { run: one } = logTeller({ seed: 6 }).plan([{ class: 'customer', destroys: 1 }]);
        return [teller.openRun(one), teller.closeRun(one)];
      },
    ],
  ])('one begins %s', async (_, tell) => {
    expect(await foundAfter(tell)).toEqual(['E_RUN']);
  });

  it.each<[string, FindingCode[], Change]>([
    ['one begins with another digest', ['E_RUN'], lying('run.open', set({ sha256: HEX }))],
    [
      'one begins when its plan has expired',
      ['E_RUN', 'E_TIME'],
      lying('plan', set({ expires_at: EARLY })),
    ],
    [
      'the batches that were closed with are others',
      ['E_TOTALS'],
      lying('run.close', set({ batches: 3 })),
    ],
    [
      'the records that were closed with are others',
      ['E_TOTALS'],
      lying('run.close', set({ records: 279 })),
    ],
    [
      'the batches of a class are others',
      ['E_TOTALS'],
      lying('run.close', set({ classes: { customer: { batches: 3, records: 280 } } })),
    ],
    [
      'the records of a class are others',
      ['E_TOTALS'],
      lying('run.close', set({ classes: { customer: { batches: 4, records: 281 } } })),
    ],
    ['a class is missing', ['E_TOTALS'], lying('run.close', set({ classes: {} }))],
    [
      'a class is named that has nothing',
      ['E_TOTALS'],
      lying('run.close', inside('classes', { lease: { batches: 0, records: 0 } })),
    ],
    [
      'a lane is missing',
      ['E_RUNCHAIN'],
      lying(
        'run.close',
        onLanes((lanes) => lanes.slice(1)),
      ),
    ],
    [
      'a lane is named twice',
      ['E_RUNCHAIN'],
      lying(
        'run.close',
        onLanes(([lane]) => [lane!, lane!]),
      ),
    ],
    [
      'a lane ends at another number',
      ['E_RUNCHAIN'],
      lying(
        'run.close',
        onLanes(([a, b]) => [{ ...a!, seq: 1 }, b!]),
      ),
    ],
    [
      'a lane ends with another header',
      ['E_RUNCHAIN'],
      lying(
        'run.close',
        onLanes(([a, b]) => [{ ...a!, last: HEX }, b!]),
      ),
    ],
    [
      'it closed before its last batch',
      ['E_CLOCK', 'E_TIME'],
      lying('run.close', set({ at: EARLY })),
    ],
  ])('%s', async (_, expected, change) => {
    expect(await found(change)).toEqual(expected);
  });

  it('one begins twice, one closes twice, one in another store', async () => {
    const again = (teller: Teller) =>
      openRun(teller, (one) => [teller.openRun(one), teller.closeRun(one)]);
    expect(await foundAfter(again)).toEqual(['E_RUN']);
    const closed = (teller: Teller) =>
      openRun(teller, (one) => [teller.closeRun(one), teller.closeRun(one)]);
    expect(await foundAfter(closed)).toEqual(['E_RUN']);
    const begun = (teller: Teller): Piece[] => {
      const { run: one, piece } = teller.plan([{ class: 'customer', destroys: 1 }]);
      const body = { run: one.run, sha256: one.sha256, opened_by: teller.ref('ann') };
      const open = teller.tell('run.open', body, ELSEWHERE);
      return [piece, teller.decide(one), open];
    };
    expect(await foundAfter(begun)).toEqual(['E_RUN', 'E_RUNOPEN']);
  });

  it('one closes in another store than it began', async () => {
    const change = lying('run.close', set({ source: ELSEWHERE, n: 1, prev: '0'.repeat(64) }), 2);
    const pieces = told(
      (teller) => openRun(teller, (one) => [teller.closeRun(one)]),
      logTeller({ change }),
    );
    expect(codes(await verified(pieces))).toEqual(['E_RUN']);
  });

  it('one that is not over is a warning', async () => {
    const report = await verified(told((teller) => openRun(teller, () => [])));
    expect(codes(report)).toEqual(['E_RUNOPEN']);
    expect(report).toMatchObject({ verdict: 'verified', exitCode: 1, warnings: 1, errors: 0 });
  });
});

describe('a replay after a restore', () => {
  /** A log whose second run is given up by a replay; `after` is told behind it. */
  const replayed = (
    lie: Lie = (body) => body,
    after: (teller: Teller, given: ToldRun) => Piece[] = () => [],
    change?: Change,
  ): Piece[] => {
    const teller = logTeller(change && { change });
    const before = [...told(() => [], teller)];
    const { run: given, piece } = teller.plan([{ class: 'customer', destroys: 9 }]);
    before.push(piece, teller.decide(given), teller.openRun(given), teller.releaseHold(1));
    before.push(teller.batch(given, { records: 2 }));
    const { size, root } = headOf(before);
    const body = {
      ...{ size_before: 3, size_after: size, root_after: root.toString('hex') },
      sources: { [teller.source]: teller.chain(teller.source) - 1 },
      ...{ runs_abandoned: [given.run], at: teller.tick() },
    };
    return [...before, teller.byAdmin('replay', lie(body)), ...after(teller, given)];
  };

  it('that fits gives up the runs that were open, and the log goes on', async () => {
    const report = await verified(replayed(undefined, (teller) => [teller.placeHold()]));
    expect(report).toMatchObject({ verdict: 'verified', exitCode: 0, findings: [] });
    expect(report.counts?.runs).toEqual({ opened: 2, closed: 1, abandoned: 1 });
  });

  it('may be followed by what a store had done and not told, and by what it tells once more', async () => {
    const late = (teller: Teller, given: ToldRun) => [
      teller.batch(given, { records: 3 }),
      teller.closeRun(given),
      teller.releaseHold(1),
      teller.epoch(EPOCH),
    ];
    const report = await verified(replayed(undefined, late));
    expect(report).toMatchObject({ exitCode: 0, findings: [] });
    expect(report.counts?.runs).toEqual({ opened: 2, closed: 2, abandoned: 0 });
  });

  it('takes numbers out of use, and the clock may be another one', async () => {
    const skip: Lie = (body) => {
      const sources = Object.entries(body['sources'] as Record<string, number>);
      return { ...body, sources: Object.fromEntries(sources.map(([name, n]) => [name, n + 5])) };
    };
    const later: Change = (kind, body, nth) =>
      kind === 'hold.place' && nth === 2
        ? { ...body, n: (body['n'] as number) + 5, at: EARLY }
        : body;
    const pieces = replayed(skip, (teller) => [teller.placeHold()], later);
    expect(codes(await verified(pieces))).toEqual([]);
    expect(codes(await verified(replayed(skip, (teller) => [teller.placeHold()])))).toEqual([
      'E_SOURCE',
    ]);
  });

  it.each<[string, Lie]>([
    ['another size', (body) => ({ ...body, size_after: (body['size_after'] as number) - 1 })],
    ['a smaller size than before', set({ size_before: 1_000 })],
    ['another root', set({ root_after: HEX })],
    ['fewer statements of a source', set({ sources: { 'store:housing': 2 } })],
    ['a run that is not open', set({ runs_abandoned: [SOME_RUN] })],
  ])('that names %s', async (what, lie) => {
    const open = what === 'a run that is not open' ? ['E_RUNOPEN'] : [];
    expect(codes(await verified(replayed(lie)))).toEqual(['E_REPLAY', ...open]);
  });

  it('that is badly signed takes no number out of use and ends no run', async () => {
    const pieces = replayed(undefined, (teller) => [teller.placeHold()]);
    const at = pieces.findIndex(({ kind }) => kind === 'replay');
    const entry = Buffer.from(pieces[at]!.entry);
    entry[20]! ^= 1;
    const report = await verified(pieces.with(at, { ...pieces[at]!, entry }));
    expect(codes(report)).toEqual(['E_STATEMENTSIG', 'E_RUNOPEN']);
  });

  it('that gives up a run twice', async () => {
    const twice: Lie = (body) => {
      const [run = ''] = body['runs_abandoned'] as string[];
      return { ...body, runs_abandoned: [run, run] };
    };
    expect(codes(await verified(replayed(twice)))).toEqual(['E_REPLAY']);
  });
});
