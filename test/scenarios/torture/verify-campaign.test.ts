import { expect, test } from 'vitest';
import { buildLog, longStory, story, WITNESS } from '../../support/log-builder.ts';
import { forgeCampaign, tamperCampaign } from '../../support/tamper-campaign.ts';
import { PUBLISHED } from '../../support/verified.ts';

const CHANGES = 5_000;
const CHANGES_OF_MANY_BUNDLES = 200;
const FORGERIES = 2_000;

test('5,000 changes of a published log, 200 of a long one and 2,000 with the log key: every one is found', async () => {
  const seed = Date.now() % 1_000_000;
  const witnesses = [WITNESS];
  const small = await buildLog(story(), { ...PUBLISHED, witnesses });
  const large = await buildLog(longStory(7, 10_000), { ...PUBLISHED, witnesses });
  const ends = [
    await tamperCampaign(small, CHANGES, seed),
    await tamperCampaign(large, CHANGES_OF_MANY_BUNDLES, seed),
    await forgeCampaign([...story()], FORGERIES, seed),
  ];
  process.stderr.write(`${JSON.stringify({ seed, found: ends.map(({ found }) => found) })}\n`);
  expect(ends.flatMap(({ missed }) => missed)).toEqual([]);
});
