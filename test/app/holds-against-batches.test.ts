import { describe, expect, test } from 'vitest';
import { holdCampaign } from '../support/hold-campaign.ts';
import {
  asItIs,
  barrierInTheStatement,
  holdCommittedWhileBatchesCome,
  holdPlacedInMidBatch,
  withoutBarrier,
  withoutHoldCheck,
} from '../support/hold-twins.ts';

const CAMPAIGN = {
  ...{ tenancies: 2_000, recordings: 3_000, batchRecords: 20, lanesPerStep: 1 },
  ...{ holds: 150, holders: 5, seed: 20_261_121 },
};

test('150 holds at random instants: each keeps all that is there when it is placed, whole, and its receipt lists the rest', async () => {
  const report = await holdCampaign(CAMPAIGN);
  expect(report).toMatchObject({ broken: {}, holds: 150, retries: 0 });
  // Most holds met batches still to come, and both sides of the race were hit.
  expect(report.holdsInTime).toBeGreaterThan(100);
  expect(report.listedAsDestroyed).toBeGreaterThan(10);
  expect(report.held).toBeGreaterThan(100);
});

test('twin: without the look at holds the same campaign fails', async () => {
  const small = { ...CAMPAIGN, tenancies: 400, recordings: 600, holds: 30 };
  const { broken } = await holdCampaign({ ...small, sabotage: withoutHoldCheck });
  expect(broken).toMatchObject({
    'destroyed after the hold was effective': expect.any(Number),
    'destroyed by a batch that had seen the hold': expect.any(Number),
    'there at the receipt, gone later': expect.any(Number),
  });
});

describe('a hold that has its instant but is not committed when batches come', () => {
  test('keeps its records: the batches wait for it', async () => {
    expect(await holdCommittedWhileBatchesCome(asItIs)).toEqual({});
  });

  test.each([
    ['without the barrier', withoutBarrier],
    ['with the barrier in the statement that looks at holds', barrierInTheStatement],
  ])('twin: %s it loses them', async (_, sabotage) => {
    expect(await holdCommittedWhileBatchesCome(sabotage)).toMatchObject({
      'destroyed after the hold was effective': expect.any(Number),
    });
  });
});

describe('a hold that is placed while a batch deletes', () => {
  test('has its receipt only when the batch is over', async () => {
    expect(await holdPlacedInMidBatch(asItIs)).toEqual({});
  });

  test('twin: without the barrier its receipt shows records that are about to be gone', async () => {
    expect(await holdPlacedInMidBatch(withoutBarrier)).toMatchObject({
      'there at the receipt, gone later': expect.any(Number),
    });
  });
});
