/**
 * What may be destroyed: schedules, plans, approvals, holds, epochs: one lie a test. Somebody with all the keys writes a log that could not have happened. Every lie
 * alone is found by its own code, so that each test is red without its check.
 */
import { describe, expect, it } from 'vitest';
import { decodeEntry, type SignedKind } from '../../ledger/entry.ts';
import { readStatement, type StatementOf } from '../../ledger/statements.ts';
import type { FindingCode } from '../../ledger/verify/findings.ts';
import { plans } from '../../ledger/verify/plans.ts';
import type { SaidOf } from '../../ledger/verify/said.ts';
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

/** A signed entry as the checks of its meaning see it. */
function said<K extends SignedKind>(kind: K, { entry }: Piece): SaidOf<K> {
  const decoded = decodeEntry(entry);
  if (decoded.kind !== kind) throw new Error(`a ${decoded.kind} and no ${kind}`);
  // Its kind was just looked at.
  const statement = readStatement(decoded) as StatementOf<K>;
  return { index: 0, statement, sha256: '', signed: true };
}

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
      // The hold that was meant stays in force.
      ['E_HOLD', 'E_EPOCH'],
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

  it('a hold that is released twice', async () => {
    expect(await foundAfter((t) => [t.releaseHold(1), t.releaseHold(1)])).toEqual(['E_HOLD']);
  });

  it('an epoch that is opened twice with other keys, or again after its end', async () => {
    const other = lying('epoch.open', set({ commitment: HEX }), 2);
    const pieces = told((t) => [t.epoch(EPOCH)], logTeller({ change: other }));
    expect(codes(await verified(pieces))).toEqual(['E_EPOCH']);
    const again = (t: Teller) => [t.releaseHold(1), t.epoch(EPOCH, 'destroy'), t.epoch(EPOCH)];
    expect(await foundAfter(again)).toEqual(['E_EPOCH']);
  });

  it('an epoch that is opened again with another day', async () => {
    const again = (t: Teller) => [t.epoch(EPOCH)];
    expect(await foundAfter(again)).toEqual([]);
    const other = logTeller({ change: lying('epoch.open', set({ destroy_after: null }), 2) });
    expect(codes(await verified(told(again, other)))).toEqual(['E_EPOCH']);
  });

  it('an epoch that is destroyed twice', async () => {
    const once = (t: Teller) => [t.releaseHold(1), t.epoch(EPOCH, 'destroy')];
    expect(await foundAfter(once)).toEqual([]);
    expect(await foundAfter((t) => [...once(t), t.epoch(EPOCH, 'destroy')])).toEqual(['E_EPOCH']);
  });

  it('an epoch key that is destroyed while a hold is in force, and only then', async () => {
    expect(await foundAfter((t) => [t.epoch(EPOCH, 'destroy')])).toEqual(['E_EPOCH']);
    const elsewhere = (t: Teller) => [t.releaseHold(1), t.placeHold(), t.epoch(EPOCH, 'destroy')];
    expect(await foundAfter(elsewhere)).toEqual(['E_EPOCH']);
    const free = (t: Teller) => [
      ...[t.placeHold(), t.releaseHold(2), t.releaseHold(1), t.epoch(EPOCH, 'destroy')],
    ];
    expect(await foundAfter(free)).toEqual([]);
  });
});

it('what a plan takes in memory is given back when it is rejected, as when its run is over', () => {
  const teller = logTeller();
  const known = plans(() => undefined);
  known.version(said('rule.version', teller.scheduleVersion(1)));
  for (const decision of ['reject', 'approve'] as const) {
    const { run, piece } = teller.plan([{ class: 'customer', destroys: 5 }]);
    known.register(said('plan', piece), 0n);
    expect(known.of(run.run)).toMatchObject({ approved: false });
    known.decide(said('approval', teller.decide(run, decision)));
    expect(known.of(run.run)?.approved).toBe(decision === 'approve' ? true : undefined);
    known.forget(run.run);
    expect(known.of(run.run)).toBeUndefined();
  }
});
