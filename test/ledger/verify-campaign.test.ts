/** A slice of the campaign in `test/scenarios/torture/verify-campaign.test.ts`. */
import { expect, test } from 'vitest';
import { buildLog, story, WITNESS } from '../support/log-builder.ts';
import { forgeCampaign, tamperCampaign } from '../support/tamper-campaign.ts';
import { PUBLISHED } from '../support/verified.ts';

test('300 changes of a published log by chance: every one is found', async () => {
  const log = await buildLog(story(), { ...PUBLISHED, witnesses: [WITNESS] });
  const end = await tamperCampaign(log, 300, 2_026);
  expect(end.missed).toEqual([]);
  // Every kind of damage was among them.
  expect(Object.keys(end.found)).toEqual(
    expect.arrayContaining(['E_LEAF', 'E_MISSING', 'E_FORMAT', 'E_TILE', 'E_NOTE', 'E_SIG']),
  );
});

test('100 changes of entries by chance, all signed again with the stolen log key: every one is found', async () => {
  const end = await forgeCampaign([...story()], 100, 2_026);
  expect(end.missed).toEqual([]);
  expect(Object.keys(end.found)).toEqual(
    expect.arrayContaining(['E_ENTRY', 'E_ITEMS', 'E_WORKERSIG']),
  );
});
