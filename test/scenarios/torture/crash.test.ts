import { expect, test } from 'vitest';
import {
  ALL_CUTS,
  cutCampaign,
  databaseCampaign,
  killCampaign,
} from '../../support/crash-campaign.ts';

const ESTATE = { tenancies: 8_000, recordings: 10_000 };
const UNHURT = { exitCode: 0, lastWords: '', broken: {} };
const newSeed = (): number => Date.now() % 1_000_000;

test('60 kills of the worker at random moments: rows gone are rows logged, none twice, the run ends', async () => {
  const report = await killCampaign({ ...ESTATE, seed: newSeed() }, 60);
  process.stderr.write(`${JSON.stringify(report)}\n`);
  expect(report).toMatchObject({ ...UNHURT, crashes: 60 });
  expect(report.recovered).toBeGreaterThan(20);
});

test('five rounds of every lost connection at each statement: no process dies, the run ends', async () => {
  for (let round = 0; round < 5; round += 1) {
    const report = await cutCampaign({ ...ESTATE, seed: newSeed() });
    process.stderr.write(`${JSON.stringify(report)}\n`);
    expect(report).toMatchObject({ ...UNHURT, crashes: ALL_CUTS.length });
  }
});

test('the database is stopped, killed and loses a session: no process dies, the run ends', async () => {
  const report = await databaseCampaign({ ...ESTATE, seed: newSeed() }, [
    'stop',
    'kill',
    'backend',
  ]);
  process.stderr.write(`${JSON.stringify(report)}\n`);
  expect(report).toMatchObject({ ...UNHURT, crashes: 3 });
});
