import { expect, test } from 'vitest';
import { holdCampaign } from '../../support/hold-campaign.ts';
import { withoutBarrier } from '../../support/hold-twins.ts';

const CAMPAIGN = {
  ...{ tenancies: 24_000, recordings: 30_000, batchRecords: 40, lanesPerStep: 2 },
  ...{ holds: 2_000, holders: 8 },
};

test('2,000 holds at random instants against four lanes: none is passed over, every receipt is right', async () => {
  const report = await holdCampaign({ ...CAMPAIGN, seed: Date.now() % 1_000_000 });
  process.stderr.write(`${JSON.stringify(report)}\n`);
  expect(report).toMatchObject({ broken: {}, holds: 2_000 });
  expect(report.holdsInTime).toBeGreaterThan(1_500);
  expect(report.listedAsDestroyed).toBeGreaterThan(200);
});

test('twin: without the barrier the same campaign fails', async () => {
  const seed = Date.now() % 1_000_000;
  const report = await holdCampaign({ ...CAMPAIGN, seed, sabotage: withoutBarrier });
  process.stderr.write(`${JSON.stringify(report)}\n`);
  expect(report.broken).not.toEqual({});
});
