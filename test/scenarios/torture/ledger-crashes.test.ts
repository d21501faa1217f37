import { expect, test } from 'vitest';
import { ledgerCampaign } from '../../support/ledger-campaign.ts';

const KILLS = { keeper: 24, worker: 18, database: 14 };

test('56 kills of keepers, workers and the database neither fork nor lose nor double anything in the ledger', async () => {
  const seed = Date.now() % 1_000_000;
  const report = await ledgerCampaign({
    ...{ tenancies: 6_000, recordings: 6_000, seed },
    ...{ kills: KILLS, batchRecords: 2, windows: 40 },
  });
  process.stderr.write(`${JSON.stringify(report)}\n`);
  expect(report).toMatchObject({ kills: KILLS, verdict: 'verified', findings: [], broken: {} });
  const { records, gone, destroyed } = report;
  expect([records, destroyed]).toEqual([gone, gone]);
  expect(report.held).toBeGreaterThan(20);
  expect(report.published).toBeGreaterThan(25);
  expect(report.atSteps).toBeGreaterThan(25);
});
