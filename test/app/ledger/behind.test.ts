/** Installing a schedule into a control database that was restored: its version number may be taken. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ledgerRound } from '../../../app/ledger/round.ts';
import { openRetain } from '../../../app/open-retain.ts';
import { installSchedule } from '../../../app/schedules.ts';
import { readEnv } from '../../../config/env.ts';
import { type PublishedSite, publishedSite } from '../../support/published-site.ts';
import { awake, backedUp } from '../../support/restore.ts';

let site: PublishedSite;
let text: string;
beforeEach(async () => {
  site = await publishedSite();
  text = (await site.governed.retain.control.latestSchedule())?.document ?? '';
  await ledgerRound(site.rounds());
});
afterEach(() => site.end());

const asked = (document: string) => ({
  text: document,
  fileName: 'test.yaml',
  actor: 'installer',
  allowShorter: [],
});
const install = (document: string) => installSchedule(site.governed.retain, asked(document));
const inForce = async () => (await site.governed.retain.control.latestSchedule())?.version;

/** Entries were signed since the backup. */
async function restored(): Promise<void> {
  const restore = await backedUp(site.governed.url);
  await awake(site);
  await site.destroySome(3);
  await ledgerRound(site.rounds());
  await restore();
  await awake(site);
}

it('is refused with LEDGER_BEHIND, and nothing is installed; the version in force may be asked for again', async () => {
  await restored();
  await expect(install(`${text}\n`)).rejects.toMatchObject({ code: 'LEDGER_BEHIND' });
  expect(await inForce()).toBe(1);
  expect(await install(text)).toMatchObject({ version: 1 });
});

it('is not refused to a database that has all that was signed', async () => {
  await site.destroySome(3);
  await ledgerRound(site.rounds());
  expect(await install(`${text}\n`)).toMatchObject({ version: 2 });
});

it('works for somebody without the key folder, who cannot know', async () => {
  await restored();
  const { url } = site.governed;
  const retain = await openRetain(readEnv({ DATABASE_URL: url, TEST_STORE_URL: url }), {
    migrate: false,
  });
  try {
    expect(await installSchedule(retain, asked(`${text}\n`))).toMatchObject({ version: 2 });
  } finally {
    await retain.end();
  }
});

it('is refused with a key folder that never signed anything, which proves nothing either', async () => {
  const { governed } = site;
  const forgetful = {
    ...governed.retain,
    ledgerSigner: { ...governed.retain.ledgerSigner, last: async () => undefined },
  };
  await expect(installSchedule(forgetful, asked(`${text}\n`))).rejects.toMatchObject({
    code: 'LEDGER_SIGNER_UNREADABLE',
  });
});
