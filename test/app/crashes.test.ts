import { expect, test } from 'vitest';
import { ALL_CUTS, cutCampaign, databaseCampaign, killCampaign } from '../support/crash-campaign.ts';

const ESTATE = { tenancies: 1_500, recordings: 2_000, seed: 20_261_122 };
const UNHURT = { exitCode: 0, lastWords: '', broken: {} };

test('a worker that is killed 8 times leaves rows gone equal to rows logged, and the run ends', async () => {
  const report = await killCampaign(ESTATE, 8);
  console.error(report);
  expect(report).toMatchObject({ ...UNHURT, crashes: 8 });
  expect(report.recovered).toBeGreaterThan(0);
});

test('a worker lives through every way to lose a connection at each statement of a slice', async () => {
  const report = await cutCampaign({ ...ESTATE, tenancies: 3_000, recordings: 4_000 });
  console.error(report);
  expect(report).toMatchObject({ ...UNHURT, crashes: ALL_CUTS.length });
  expect(report.recovered).toBeGreaterThan(0);
});

test('a worker lives through the loss of the database, and the run ends', async () => {
  const report = await databaseCampaign(ESTATE, ['kill']);
  console.error(report);
  expect(report).toMatchObject({ ...UNHURT, crashes: 1 });
});
