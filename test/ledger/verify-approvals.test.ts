/**
 * What may be destroyed: schedules, plans, approvals, holds, epochs: one lie a test. Somebody with all the keys writes a log that could not have happened. Every lie
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
  lying,
  onSteps,
  SOME_RUN,
  set,
  told,
} from '../support/lies.ts';
import { type Change, EPOCH, logTeller, type Piece, type Teller } from '../support/log-teller.ts';
import { codes, verified } from '../support/verified.ts';

describe('schedules, plans, approvals', () => {
  it.each<[string, FindingCode[], Change]>([
    [
      'a schedule version that is not above the last',
      ['E_RULE', 'E_PLAN'],
      lying('rule.version', set({ version: 1 }), 2),
    ],
    [
      'a plan for a schedule version that is not there',
      ['E_PLAN'],
      lying('plan', set({ schedule_version: 7 }), 4),
    ],
    [
      'a plan for other bytes of a schedule version',
      ['E_PLAN'],
      lying('plan', set({ schedule_sha256: HEX }), 4),
    ],
    ['a plan that saw holds to come', ['E_PLAN'], lying('plan', set({ hold_version: '9' }), 4)],
    [
      'a plan with two steps of one number',
      ['E_PLAN'],
      lying(
        'plan',
        onSteps((steps) => [...steps, ...steps]),
        4,
      ),
    ],
    ['a decision on another plan', ['E_APPROVAL'], lying('approval', set({ run: SOME_RUN }), 2)],
    ['a decision on another digest', ['E_APPROVAL'], lying('approval', set({ sha256: HEX }), 2)],
    [
      'a decision with another requester',
      ['E_APPROVAL'],
      lying('approval', set({ requested_by: HEX }), 2),
    ],
    [
      'an approval by whoever asked',
      ['E_FOUREYES'],
      lying('approval', (body) => ({ ...body, decided_by: body['requested_by']! })),
    ],
  ])('%s', async (_, expected, change) => {
    expect(await found(change)).toEqual(expected);
  });

  it('a plan that is registered twice', async () => {
    const change: Change = (kind, body, nth) => {
      if (kind === 'plan' && nth === 1) first = body['run'] as string;
      return kind === 'plan' && nth === 4 ? { ...body, run: first } : body;
    };
    let first = '';
    expect(await found(change)).toEqual(['E_PLAN']);
  });

  it('a second decision, and one that another store tells', async () => {
    const twice = (teller: Teller): Piece[] => {
      const { run: one, piece } = teller.plan([{ class: 'customer', destroys: 1 }]);
      return [piece, teller.decide(one, 'reject'), teller.decide(one)];
    };
    expect(await foundAfter(twice)).toEqual(['E_APPROVAL']);
    const elsewhere = (teller: Teller): Piece[] => {
      const { run: one, piece } = teller.plan([{ class: 'customer', destroys: 1 }]);
      const body = { run: one.run, sha256: one.sha256, decision: 'approve' };
      const names = { requested_by: teller.ref('ann'), decided_by: teller.ref('bob') };
      return [piece, teller.tell('approval', { ...body, ...names }, ELSEWHERE)];
    };
    expect(await foundAfter(elsewhere)).toEqual(['E_APPROVAL']);
  });
});

describe('holds and epochs', () => {
  it.each<[string, FindingCode[], Change]>([
    ['a hold that is placed twice', ['E_HOLD'], lying('hold.place', set({ hold: 1 }), 2)],
    [
      'a hold that is released and was never placed',
      ['E_HOLD'],
      lying('hold.release', set({ hold: 9 })),
    ],
    [
      'an epoch key that is destroyed and was never open',
      ['E_EPOCH'],
      lying('epoch.destroy', set({ epoch: 'lease/2026Q4' })),
    ],
    [
      'another epoch key that is destroyed',
      ['E_EPOCH'],
      lying('epoch.destroy', set({ commitment: HEX })),
    ],
  ])('%s', async (_, expected, change) => {
    expect(await found(change)).toEqual(expected);
  });

  it('a hold version that is not above the last', async () => {
    const change = lying('hold.release', set({ version: '1' }));
    const pieces = told((teller) => [teller.releaseHold(1)], logTeller({ change }));
    expect(codes(await verified(pieces))).toEqual(['E_HOLD']);
  });

  it('a hold that is frozen twice, before it takes effect, after it was released, or was never placed', async () => {
    expect(await foundAfter((t) => [t.freezeHold(1)])).toEqual([]);
    expect(await foundAfter((t) => [t.freezeHold(1), t.freezeHold(1)])).toEqual(['E_HOLD']);
    expect(await foundAfter((t) => [t.releaseHold(1), t.freezeHold(1)])).toEqual(['E_HOLD']);
    expect(await foundAfter((t) => [t.freezeHold(9)])).toEqual(['E_HOLD']);
    const change = lying('hold.freeze', set({ frozen_at: EARLY }));
    const pieces = told((teller) => [teller.freezeHold(1)], logTeller({ change }));
    expect(codes(await verified(pieces))).toEqual(['E_HOLD']);
  });

  it('a hold that is released twice, an epoch that is opened or destroyed twice', async () => {
    expect(await foundAfter((t) => [t.releaseHold(1), t.releaseHold(1)])).toEqual(['E_HOLD']);
    const other = lying('epoch.open', set({ commitment: HEX }), 2);
    const pieces = told((t) => [t.epoch(EPOCH)], logTeller({ change: other }));
    expect(codes(await verified(pieces))).toEqual(['E_EPOCH']);
    const opened = (t: Teller) => [t.epoch(EPOCH, 'destroy'), t.epoch(EPOCH)];
    expect(await foundAfter(opened)).toEqual(['E_EPOCH']);
    const twice = (t: Teller) => [t.epoch(EPOCH, 'destroy'), t.epoch(EPOCH, 'destroy')];
    expect(await foundAfter(twice)).toEqual(['E_EPOCH']);
  });
});
