/**
 * What a run comes to: one lie a test. Somebody with all the keys writes a log that could not have happened. Every lie
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
  lying,
  onLanes,
  openRun,
  set,
  told,
} from '../support/lies.ts';
import { type Change, logTeller, type Piece, type Teller } from '../support/log-teller.ts';
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
