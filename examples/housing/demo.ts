/**
 * `npm run demo [-- --records 200000 --keep]`: the main job of Retain on a housing association, with the
 * commands that a person would type. Exit code 1 when a single check of the proof fails.
 */
import { RetentionError } from '../../domain/errors.ts';
import { parseOptions } from './demo/options.ts';
import { say } from './demo/say.ts';
import { closeSite, keepSite, openSite, type Site } from './demo/site.ts';
import { tellStory } from './demo/story.ts';

const EX_INTERRUPTED = 130;

const exitCode = await main().catch((error: unknown) => {
  if (error instanceof RetentionError) say(`\nerror  ${error.code}  ${error.message}`);
  else say(`\nerror  ${error instanceof Error ? error.message : String(error)}`);
  return 1;
});
// Interrupted in the middle of the story: what it still waits for has been stopped.
if (exitCode === EX_INTERRUPTED) process.exit(exitCode);
process.exitCode = exitCode;

async function main(): Promise<number> {
  const startedAt = performance.now();
  const options = parseOptions(process.argv.slice(2));
  // Until there is something to clear away, a signal may end us: whatever starts servers ends them too.
  const site = await openSite(options);
  const interrupted = interruption();
  try {
    const passed = await Promise.race([tellStory(site), interrupted]);
    if (passed === 'interrupted') return EX_INTERRUPTED;
    await nextCommands(site, options.keep);
    say(`\n${passed ? 'Every check passed.' : 'A CHECK FAILED.'} ${seconds(startedAt)} in all.`);
    return passed ? 0 : 1;
  } finally {
    if (!options.keep) await closeSite(site);
  }
}

/** The servers run in process groups of their own, so that Ctrl-C reaches only us. */
function interruption(): Promise<'interrupted'> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => resolve('interrupted'));
    }
  });
}

async function nextCommands(site: Site, kept: boolean): Promise<void> {
  say('\nTry next');
  if (kept) {
    await keepSite(site);
    say('  npx retain log search --class customer');
    say(`  npx retain record explain tenancy ${site.planted.find(isTenancy)?.key ?? '1'}`);
    say('  npx retain run plan --as amira');
    return;
  }
  say('  npm run demo -- --keep        the same, and everything stays up for your own commands');
  say('  npm run up                    the same servers for a database of your own');
  say('  npx retain schedule when customer_6_years --trigger 2020-02-29 \\');
  say('    --file examples/housing/retention.yaml');
}

function isTenancy({ class: recordClass, expect }: Site['planted'][number]): boolean {
  return recordClass === 'tenancy' && expect === 'survives';
}

function seconds(startedAt: number): string {
  return `${Math.round((performance.now() - startedAt) / 1_000)} s`;
}
