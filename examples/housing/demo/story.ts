/** The main job of Retain, told in the commands of the four people who do it. */
import { audit } from './audit.ts';
import { applyWithHold } from './hold-while-running.ts';
import { lateCustomer, newestPlan } from './planned-run.ts';
import { prove, takeStock } from './proof.ts';
import { retainIn } from './retain.ts';
import { heading, say } from './say.ts';
import type { Site } from './site.ts';

const FILE = 'examples/housing/retention.yaml';
/** `retain help exit-codes`: refused by a safety rule. */
const REFUSED = 5;

/** True when every check of the proof passed. */
export async function tellStory(site: Site): Promise<boolean> {
  const retain = retainIn(site.settings);
  heading('The schedule: checked against the live database, guarded, in force');
  await retain(['schedule', 'validate', FILE]);
  await retain(['store', 'install', '--file', FILE]);
  await retain(['schedule', 'install', FILE, '--as', 'amira']);

  heading('The plan: counted, frozen, nothing destroyed');
  await retain(['run', 'plan', '--as', 'amira']);
  const run = await newestPlan(site.sql);
  const held = await lateCustomer(site.sql, run, keysOf(site, 'customer'));
  const before = await takeStock(site.sql, run, held);

  heading('The approval: never by the person who asked');
  const approve = (actor: string) =>
    ['run', 'approve', run.shortId, '--as', actor, '--confirm', run.digest] as const;
  await retain(approve('amira'), { expect: REFUSED });
  await retain(approve('benedict'));

  heading('The run, and a legal hold while it works');
  await applyWithHold(retain, site.sql, run, held);

  heading('What went, what stayed and why');
  await retain(['run', 'show', run.shortId]);
  await retain(['log', 'lookup', 'customer', destroyedCustomer(site)]);
  await retain(['record', 'explain', 'customer', held]);

  heading('The proof: by SQL that shares no line with Retain, counted before and after');
  const passed = await prove(site.sql, run, before, site.planted);
  if (!passed) say('\n  At least one check failed: see ✗ above.');

  heading('The auditor: a folder, a policy, no database and nobody to trust');
  const found = await audit(retain, site.folder);
  return passed && found;
}

function keysOf(site: Site, recordClass: string): string[] {
  return site.planted.filter((bystander) => bystander.class === recordClass).map(({ key }) => key);
}

function destroyedCustomer(site: Site): string {
  const gone = site.planted.find(
    (bystander) => bystander.class === 'customer' && bystander.expect === 'destroyed',
  );
  if (gone === undefined) throw new TypeError('no customer was planted to go');
  return gone.key;
}
