import { expect, test } from 'vitest';
import {
  ALL_CUTS,
  cutCampaign,
  databaseCampaign,
  killCampaign,
} from '../support/crash-campaign.ts';
import { begin, estate } from '../support/estate.ts';
import { brokenAtTheEnd } from '../support/estate-checks.ts';
import { rivalCampaign } from '../support/rival-campaign.ts';

const ESTATE = { tenancies: 1_500, recordings: 2_000, seed: 20_261_122 };
const UNHURT = { exitCode: 0, lastWords: '', broken: {} };

test('a worker that is killed 8 times leaves rows gone equal to rows logged, and the run ends', async () => {
  const report = await killCampaign(ESTATE, 8);
  expect(report).toMatchObject({ ...UNHURT, crashes: 8 });
  expect(report.recovered).toBeGreaterThan(0);
});

test('a worker lives through every way to lose a connection at each statement of a slice', async () => {
  const report = await cutCampaign({ ...ESTATE, tenancies: 3_000, recordings: 4_000 });
  expect(report).toMatchObject({ ...UNHURT, crashes: ALL_CUTS.length });
  expect(report.recovered).toBeGreaterThan(0);
});

test('a worker lives through the loss of the database, and the run ends', async () => {
  const report = await databaseCampaign(ESTATE, ['kill']);
  expect(report).toMatchObject({ ...UNHURT, crashes: 1 });
});

test('three workers that take the lanes from each other destroy and log every record once', async () => {
  const report = await rivalCampaign(ESTATE, 3);
  expect(report).toMatchObject(UNHURT);
  expect(report.recovered).toBeGreaterThan(0);
});

test('twin: what these runs ask of the database notices a loss that no batch made', async () => {
  const governed = await estate({ tenancies: 40, recordings: 40, seed: 1 });
  try {
    const { plan, lanes } = await begin(governed);
    for (const { step, lane } of lanes) await governed.workLane(plan, step, lane);
    expect(await brokenAtTheEnd(governed.sql)).toEqual({});
    await governed.sql`delete from recording where id = 10`;
    await governed.sql`delete from rent_note`;
    await governed.sql`insert into evidence.logged select * from evidence.logged limit 1`;
    await governed.sql`update retain_guard.lane set destroyed = destroyed - 1, finished_at = null where step_no = 1`;
    expect(await brokenAtTheEnd(governed.sql)).toEqual({
      'gone, not logged': 1,
      'not due, gone': 1,
      'logged twice': 1,
      'root stays, part gone': expect.any(Number),
      'batch count is not its keys': 1,
      'lane count is not its batches': 1,
      'lane not finished': 1,
    });
  } finally {
    await governed.end();
  }
});
