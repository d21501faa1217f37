import { scheduleInForce, storeNamed } from '../../app/context.ts';
import type { OpenRetain } from '../../app/open-retain.ts';
import { checkStore, installStore, storeScript, uninstallStore } from '../../app/store-admin.ts';
import { RetentionError } from '../../domain/errors.ts';
import type { RetentionSchedule } from '../../domain/schedule.ts';
import { EXIT } from '../exit-codes.ts';
import type { StoreOptions } from '../options.ts';
import { table } from '../output/table.ts';
import { counted } from '../output/words.ts';
import { scheduleFromFile } from '../schedule-source.ts';
import { environment, type Shell, withRetain } from '../shell.ts';

type Work = (store: string, schedule: RetentionSchedule, retain: OpenRetain) => Promise<void>;

/** Runs `work` for the named store, or for all of them. */
function forStores(
  shell: Shell,
  name: string | undefined,
  options: StoreOptions & { readonly migrate: boolean },
  work: Work,
): Promise<void> {
  return withRetain(
    shell,
    async (retain) => {
      const schedule = await scheduleFor(shell, retain, options);
      const stores =
        name === undefined ? Object.keys(schedule.stores) : [storeNamed(schedule, name).id];
      for (const store of stores) await work(store, schedule, retain);
    },
    { migrate: options.migrate },
  );
}

async function scheduleFor(
  shell: Shell,
  retain: OpenRetain,
  options: StoreOptions,
): Promise<RetentionSchedule> {
  if (options.file !== undefined) return scheduleFromFile(shell, options.file);
  return (await scheduleInForce(retain)).schedule;
}

export async function install(
  shell: Shell,
  name: string | undefined,
  options: StoreOptions,
): Promise<number> {
  const installed: string[] = [];
  await forStores(shell, name, { ...options, migrate: true }, async (store, schedule, retain) => {
    await installStore(retain, schedule, store);
    installed.push(store);
    if (!shell.json) shell.print(`The guard is installed in store ${store}.`);
  });
  if (shell.json) shell.data({ installed });
  shell.note('Next: retain store check');
  return EXIT.ok;
}

export async function check(
  shell: Shell,
  name: string | undefined,
  options: StoreOptions,
): Promise<number> {
  const stores: { store: string; findings: Awaited<ReturnType<typeof checkStore>> }[] = [];
  await forStores(shell, name, { ...options, migrate: false }, async (store, schedule, retain) => {
    stores.push({ store, findings: await checkStore(retain, schedule, store) });
  });
  const bad = stores.some(({ findings }) => findings.some(({ severity }) => severity === 'error'));
  if (shell.json) {
    shell.data({ ok: !bad, stores });
    return bad ? EXIT.unverified : EXIT.ok;
  }
  for (const { store, findings } of stores) {
    for (const finding of findings) {
      const colour = finding.severity === 'error' ? shell.paint.red : shell.paint.yellow;
      shell.print(
        `${store}  ${colour(finding.severity.padEnd(7))}  ${finding.code.padEnd(18)}  ${finding.message}`,
      );
      if (finding.statement !== undefined) shell.print(`  run: ${finding.statement}`);
    }
    const errors = findings.filter(({ severity }) => severity === 'error').length;
    const verdict = findings.length === 0 ? 'as it must be' : counted(findings.length, 'finding');
    shell.print(
      `Store ${store}: ${errors === 0 ? verdict : `${verdict}, ${counted(errors, 'error')}`}.`,
    );
  }
  return bad ? EXIT.unverified : EXIT.ok;
}

export async function uninstall(
  shell: Shell,
  name: string | undefined,
  options: StoreOptions,
): Promise<number> {
  await forStores(shell, name, { ...options, migrate: false }, async (store, schedule, retain) => {
    await confirmUninstall(shell, store, options);
    await uninstallStore(retain, schedule, store);
    if (shell.json) shell.data({ uninstalled: store });
    else
      shell.print(
        `The guard is gone from store ${store}: nothing can be destroyed there now. The log stays.`,
      );
  });
  return EXIT.ok;
}

async function confirmUninstall(shell: Shell, store: string, options: StoreOptions): Promise<void> {
  if (options.yes === true) return;
  if (!shell.interactive) {
    throw new RetentionError(
      'CONFIRMATION_MISSING',
      'Nobody can be asked here. If it is meant, add --yes.',
    );
  }
  shell.note(
    `The guard of store ${store} goes: holds there protect nothing against other programs then.`,
  );
  const answer = await shell.ask('Remove it? [y/N] ');
  if (!/^y(es)?$/i.test(answer)) throw new RetentionError('DECLINED', 'Nothing was removed.');
}

export async function script(
  shell: Shell,
  name: string | undefined,
  options: StoreOptions,
): Promise<number> {
  const scripts: { store: string; sql: string }[] = [];
  await forStores(shell, name, { ...options, migrate: false }, async (store, schedule, retain) => {
    scripts.push({ store, sql: await storeScript(retain, schedule, store) });
  });
  if (shell.json) shell.data({ scripts });
  else for (const { store, sql } of scripts) shell.print(`-- store ${store}`, sql);
  return EXIT.ok;
}

export async function list(shell: Shell, options: StoreOptions): Promise<number> {
  const env = await environment(shell);
  const schedule =
    options.file === undefined
      ? await withRetain(shell, async (retain) => (await scheduleInForce(retain)).schedule)
      : await scheduleFromFile(shell, options.file);
  const stores = Object.values(schedule.stores).map(
    ({ id, kind, connectionEnv, backupsKeptFor, epochKeysKeptFor }) => ({
      ...{ store: id, kind, connection: `env:${connectionEnv}` },
      connectionSet: (env.variable(connectionEnv) ?? '').trim() !== '',
      backupsKeptFor: backupsKeptFor.iso,
      epochKeysKeptFor: epochKeysKeptFor?.iso ?? null,
      recordClasses: Object.values(schedule.recordClasses)
        .filter(({ store }) => store === id)
        .map((one) => one.id),
    }),
  );
  if (shell.json) {
    shell.data({ stores });
    return EXIT.ok;
  }
  const columns = ['store', 'kind', 'connection', 'backups kept for', 'record classes'].map(
    (title) => ({ title }),
  );
  const rows = stores.map((one) => [
    ...[one.store, one.kind, one.connectionSet ? one.connection : `${one.connection} (NOT SET)`],
    ...[one.backupsKeptFor, one.recordClasses.join(', ')],
  ]);
  shell.print(...table(columns, rows));
  return EXIT.ok;
}
