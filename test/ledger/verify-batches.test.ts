/**
 * What was destroyed: headers of batches and their records: one lie a test. Somebody with all the keys writes a log that could not have happened. Every lie
 * alone is found by its own code, so that each test is red without its check.
 */
import { describe, expect, it } from 'vitest';
import type { CanonicalValue } from '../../ledger/canonical.ts';
import { entrySha256 } from '../../ledger/entry.ts';
import { recordEntry } from '../../ledger/record-entries.ts';
import type { FindingCode } from '../../ledger/verify/findings.ts';
import {
  EARLY,
  found,
  foundAfter,
  HEX,
  inside,
  type Lie,
  lying,
  openRun,
  set,
} from '../support/lies.ts';
import { story } from '../support/log-builder.ts';
import { type Change, EPOCH, type Piece, type Teller } from '../support/log-teller.ts';
import { codes, verified } from '../support/verified.ts';

const LATE = '2027-01-01T00:00:00.000000Z';
const NONE = Buffer.alloc(0);
describe('the header of a batch', () => {
  const lies: [string, FindingCode[], Lie][] = [
    ['is of another store', ['E_BATCH', 'E_TOTALS', 'E_RUNCHAIN'], set({ store: 'elsewhere' })],
    ['names another digest', ['E_SCOPE'], inside('approval', { sha256: HEX })],
    ['names another schedule version', ['E_SCOPE'], inside('rule', { version: 2 })],
    ['names other bytes of the schedule', ['E_SCOPE'], inside('rule', { sha256: HEX })],
    ['names another rule', ['E_SCOPE'], inside('rule', { id: 'customer_1_year' })],
    ['names a step that is not there', ['E_SCOPE', 'E_RUNCHAIN'], set({ step: 9 })],
    ['is of another class', ['E_SCOPE', 'E_EPOCH', 'E_TOTALS'], set({ class: 'lease' })],
    ['does something else', ['E_SCOPE'], set({ action: 'anonymise' })],
    ['is of another table', ['E_SCOPE'], set({ table: '"public"."lease"' })],
    ['was executed before the run', ['E_TIME'], set({ executed_at: EARLY })],
    ['was executed after the plan had expired', ['E_TIME'], set({ executed_at: LATE })],
    ['checked holds to come', ['E_HOLDCHECK'], set({ holds: { checked: true, version: '9' } })],
    ['uses an epoch key that is not open', ['E_EPOCH'], set({ key_epoch: 'customer/2027Q1' })],
    ['leaves out a number of its lane', ['E_RUNCHAIN'], set({ seq: 3, prev: HEX })],
    ['names another header before it', ['E_RUNCHAIN'], set({ prev: HEX })],
    ['has other records', ['E_ITEMS'], inside('items', { sha256: HEX })],
    [
      'counts more records than there are',
      ['E_SHORT', 'E_TOTALS', 'E_SCOPE'],
      inside('items', { count: 71 }),
    ],
    [
      'counts fewer records than there are',
      ['E_ITEMS', 'E_RECORD', 'E_TOTALS'],
      inside('items', { count: 69 }),
    ],
  ];

  it.each(lies)('%s', async (_, expected, lie) => {
    // The third batch is the second of its lane.
    const found_ = await found(lying('batch', lie, 3));
    expect(new Set(found_)).toEqual(new Set(expected));
  });

  it('was executed before the instant that its plan judges by', async () => {
    expect(await found(lying('plan', set({ as_of: '2026-11-25T00:00:00.000000Z' })))).toEqual([
      'E_TIME',
    ]);
  });

  it('is of a run that never began, that is over, or that began in another store', async () => {
    const never = (teller: Teller): Piece[] => {
      const { run: one, piece } = teller.plan([{ class: 'customer', destroys: 5 }]);
      return [piece, teller.decide(one), teller.batch(one, { records: 2 })];
    };
    expect(await foundAfter(never)).toEqual(['E_BATCH']);
    const over = (teller: Teller) =>
      openRun(teller, (one) => [teller.closeRun(one), teller.batch(one, { records: 2 })]);
    expect(await foundAfter(over)).toEqual(['E_BATCH']);
  });

  it('destroys more than its step was approved for, over all its batches', async () => {
    const twice = (records: number) => (teller: Teller) =>
      openRun(teller, (one) => [
        teller.batch(one, { lane: 1, records: 50 }),
        teller.batch(one, { lane: 2, records }),
        teller.closeRun(one),
      ]);
    expect(await foundAfter(twice(50))).toEqual([]);
    expect(await foundAfter(twice(51))).toEqual(['E_SCOPE']);
  });

  it('is of the step it names, and not of another one', async () => {
    const steps = (teller: Teller) =>
      openRun(teller, (one) => [
        teller.batch(one, { step: 1, records: 5 }),
        teller.epoch('lease/2026Q4'),
        teller.batch(one, { step: 2, records: 5, epoch: 'lease/2026Q4' }),
        teller.closeRun(one),
      ]);
    expect(await foundAfter(steps)).toEqual([]);
  });

  it('was executed after a hold took effect that it has not checked', async () => {
    const unchecked = (holds: number) => (teller: Teller) =>
      openRun(teller, (one) => [teller.batch(one, { records: 2, holds }), teller.closeRun(one)]);
    expect(await foundAfter(unchecked(1))).toEqual([]);
    expect(await foundAfter(unchecked(0))).toEqual(['E_HOLDCHECK']);
  });

  it('has checked older holds than the batch before it in its lane', async () => {
    const back = (teller: Teller) =>
      openRun(teller, (one) => {
        // Released at once: no hold asks to be checked.
        const released = teller.releaseHold(1);
        return [
          released,
          teller.batch(one, { records: 2 }),
          teller.batch(one, { records: 2, holds: 1 }),
          teller.closeRun(one),
        ];
      });
    expect(await foundAfter(back)).toEqual(['E_HOLDCHECK']);
  });

  it('uses the epoch key of another record class', async () => {
    const foreign = (teller: Teller) =>
      openRun(teller, (one) => [
        teller.batch(one, { step: 2, records: 5, epoch: EPOCH }),
        teller.closeRun(one),
      ]);
    expect(await foundAfter(foreign)).toEqual(['E_EPOCH']);
  });

  it('has the id of a batch before it, of the same run or another', async () => {
    const ids: CanonicalValue[] = [];
    const again =
      (nth: number): Change =>
      (kind, body, n) => {
        if (kind !== 'batch') return body;
        ids[n] = body['batch'] ?? null;
        return n === nth ? { ...body, batch: ids[1] ?? null } : body;
      };
    expect(await found(again(2))).toEqual(['E_RUNCHAIN']);
    expect(await found(again(5))).toEqual(['E_RUNCHAIN']);
  });

  it('uses an epoch key after it was destroyed', async () => {
    const late = (teller: Teller) =>
      openRun(teller, (one) => [
        teller.releaseHold(1),
        teller.epoch(EPOCH, 'destroy'),
        teller.batch(one, { records: 2 }),
        teller.closeRun(one),
      ]);
    expect(await foundAfter(late)).toEqual(['E_EPOCH']);
  });

  it('stands where no batch of the run can be: two of one number in a lane', async () => {
    const pieces = [...story()];
    const at = pieces.findIndex(({ kind }) => kind === 'batch');
    const report = await verified(pieces.toSpliced(at, 0, pieces[at]!));
    expect(codes(report)).toEqual(['E_RUNCHAIN', 'E_SCOPE', 'E_TOTALS']);
  });
});

describe('records', () => {
  const withRefs = async (change: (refs: Buffer[]) => Buffer[]): Promise<FindingCode[]> => {
    const pieces = [...story()];
    const at = pieces.findIndex(({ kind }) => kind === 'batch');
    const all = pieces[at]!.refs!;
    const refs = Array.from({ length: all.length / 32 }, (_, i) =>
      all.subarray(i * 32, i * 32 + 32),
    );
    return codes(
      await verified(pieces.with(at, { ...pieces[at]!, refs: Buffer.concat(change(refs)) })),
    );
  };

  it('are as many as the header says', async () => {
    expect(await withRefs((refs) => refs.slice(1))).toEqual(['E_SHORT']);
    expect(await withRefs((refs) => [...refs, Buffer.alloc(32, 0xff)])).toEqual(['E_RECORD']);
  });

  it('ascend, so that none is there twice', async () => {
    expect(await withRefs(([a, b, ...rest]) => [b!, a!, ...rest])).toEqual(['E_ORDER', 'E_ITEMS']);
    expect(await withRefs(([a, , ...rest]) => [a!, a!, ...rest])).toEqual(['E_ORDER', 'E_ITEMS']);
  });

  it('are those that the header signed', async () => {
    expect(await withRefs((refs) => refs.with(-1, Buffer.alloc(32, 0xff)))).toEqual(['E_ITEMS']);
  });

  it('belong to the batch they stand in', async () => {
    const pieces = [...story()];
    const at = pieces.findIndex(({ kind }) => kind === 'batch');
    const { kind, entry, refs = NONE } = pieces[at]!;
    const foreign = { kind, entry: recordEntry(Buffer.alloc(32, 1), Buffer.alloc(32, 0xff)) };
    const short = { kind, entry, refs: refs.subarray(32) };
    expect(codes(await verified(pieces.toSpliced(at, 1, short, foreign)))).toEqual(['E_RECORD']);
  });

  it('have 66 bytes each', async () => {
    const pieces = [...story()];
    const at = pieces.findIndex(({ kind }) => kind === 'batch');
    const { kind, entry, refs = NONE } = pieces[at]!;
    const last = Buffer.concat([recordEntry(entrySha256(entry), refs.subarray(-32)), Buffer.of(0)]);
    const short = { kind, entry, refs: refs.subarray(0, -32) };
    const long = { kind, entry: last };
    expect(codes(await verified(pieces.toSpliced(at, 1, short, long)))).toEqual(['E_RECORD']);
  });

  it('come only behind a header', async () => {
    const stray = {
      kind: 'batch',
      entry: recordEntry(Buffer.alloc(32, 1), Buffer.alloc(32, 2)),
    } as const;
    const report = await verified([...story(), stray, stray]);
    expect(report.findings).toMatchObject([{ code: 'E_RECORD', index: 642 }]);
  });
});
