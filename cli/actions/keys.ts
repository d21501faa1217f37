import type { EpochDependencies } from '../../app/ledger/epoch-admin.ts';
import type { OpenRetain } from '../../app/open-retain.ts';
import { RetentionError } from '../../domain/errors.ts';
import { EXIT } from '../exit-codes.ts';
import { table } from '../output/table.ts';
import { environment, type Shell, withRetain } from '../shell.ts';

const admin = () => import('../../app/ledger/key-admin.ts');
const epochs = () => import('../../app/ledger/epoch-admin.ts');

export async function init(shell: Shell, origin: string): Promise<number> {
  const { initialiseKeys } = await admin();
  const begun = await withKeyDir(
    shell,
    (retain, keyDir) => initialiseKeys(retain, keyDir, origin),
    {
      migrate: true,
    },
  );
  if (shell.json) {
    shell.data({ ...begun });
    return EXIT.ok;
  }
  for (const file of begun.made) shell.print(`Made ${file}.`);
  shell.print(
    `The ledger ${begun.origin} begins. Its verifier key, for auditors:`,
    `  ${begun.vkey}`,
  );
  shell.note(
    'Back the key folder up where no database administrator can reach it.',
    'Next: retain keys policy > policy.txt, and give that file to your auditors.',
  );
  return EXIT.ok;
}

export async function list(shell: Shell): Promise<number> {
  const { listKeys } = await admin();
  const keys = await withRetain(shell, listKeys);
  if (shell.json) {
    shell.data({
      keys: keys.map(({ name, role, state, since }) => ({ name, role, state, since })),
    });
    return EXIT.ok;
  }
  shell.print(
    ...table(
      [
        { title: 'KEY' },
        { title: 'ROLE' },
        { title: 'STATE' },
        { title: 'SINCE ENTRY', align: 'right' },
      ],
      keys.map(({ name, role, state, since }) => [
        ...[name, role, state],
        since === undefined ? 'waits' : String(since),
      ]),
    ),
  );
  return EXIT.ok;
}

export async function policy(shell: Shell): Promise<number> {
  const { startingPolicy } = await admin();
  const text = await withRetain(shell, startingPolicy);
  if (shell.json) shell.data({ policy: text });
  else shell.print(text.trimEnd());
  return EXIT.ok;
}

type RotatedRole = 'worker' | 'log';

/** What a person does next. */
const AFTER_ROTATION: Readonly<Record<RotatedRole, readonly string[]>> = {
  worker: [
    'Workers sign with it from their next batch on. Where a worker has a key folder of its own, copy _ledger/worker.key there.',
    'Then revoke the old key: retain keys list, retain keys revoke NAME',
  ],
  log: [
    'Both keys sign every checkpoint now. Give auditors and witnesses the new policy: retain keys policy',
    'When all have it, revoke the old key: retain keys list, retain keys revoke NAME',
  ],
};

export async function rotate(shell: Shell, role: RotatedRole): Promise<number> {
  const { rotateLogKey, rotateWorkerKey } = await import('../../app/ledger/rotate-keys.ts');
  const { name } = await withKeyDir(shell, role === 'log' ? rotateLogKey : rotateWorkerKey);
  if (shell.json) shell.data({ role, key: name });
  else shell.print(`The new ${role} key is ${name}.`);
  shell.note(...AFTER_ROTATION[role]);
  return EXIT.ok;
}

export async function revoke(shell: Shell, name: string): Promise<number> {
  const { revokeKey } = await import('../../app/ledger/revoke-keys.ts');
  await withKeyDir(shell, (retain, keyDir) => revokeKey(retain, keyDir, name));
  if (shell.json) shell.data({ revoked: name });
  else shell.print(`${name} is revoked: nothing it signs from now on counts.`);
  return EXIT.ok;
}

export async function listEpochKeys(shell: Shell): Promise<number> {
  const { listEpochs } = await epochs();
  const views = await withRetain(shell, async (retain) =>
    listEpochs(await epochDependencies(retain), Date.now()),
  );
  if (shell.json) {
    shell.data({ epochs: views });
    return EXIT.ok;
  }
  const columns = ['EPOCH', 'STATE', 'KEPT UNTIL', 'STORES', ''].map((title) => ({ title }));
  const rows = views.map((one) => [
    ...[one.epoch, one.state, one.destroyAfter ?? '', one.stores.join(', ')],
    one.destroyedAt === null ? (one.postponed?.message ?? '') : `destroyed ${one.destroyedAt}`,
  ]);
  shell.print(...table(columns, rows));
  return EXIT.ok;
}

export async function destroyEpoch(
  shell: Shell,
  epoch: string,
  options: { readonly yes?: boolean },
): Promise<number> {
  const { destroyEpochKey, epochToDestroy } = await epochs();
  await withRetain(shell, async (retain) => {
    const deps = await epochDependencies(retain);
    const { uses } = await epochToDestroy(deps, epoch, Date.now());
    if (options.yes !== true) await confirmDestruction(shell, epoch, uses[0]?.destroyAfter);
    await destroyEpochKey(deps, epoch, Date.now());
  });
  if (shell.json) shell.data({ destroyed: epoch });
  else
    shell.print(`The key of ${epoch} is destroyed. Certificates handed out before still verify.`);
  return EXIT.ok;
}

async function epochDependencies(retain: OpenRetain): Promise<EpochDependencies> {
  const { ownConnections } = await epochs();
  return { ...retain, inStore: ownConnections(retain, 'retain_app') };
}

async function confirmDestruction(
  shell: Shell,
  epoch: string,
  destroyAfter: string | null | undefined,
): Promise<void> {
  shell.note(
    ...(destroyAfter ? [`The ledger says that it is kept until ${destroyAfter}.`] : []),
    `Without the key of ${epoch} nobody can find a record of that quarter in the ledger again.`,
    'Certificates must be made before. Backups of the key folder are not reached.',
  );
  if (!shell.interactive) {
    throw new RetentionError(
      'CONFIRMATION_MISSING',
      'Nobody can be asked here. If it is meant, add --yes.',
    );
  }
  if ((await shell.ask(`Type ${epoch} to destroy its key: `)) !== epoch) {
    throw new RetentionError('DECLINED', 'Nothing was destroyed.');
  }
}

async function withKeyDir<T>(
  shell: Shell,
  work: (retain: OpenRetain, keyDir: string) => Promise<T>,
  options?: { readonly migrate: boolean },
): Promise<T> {
  const { keyDir } = await environment(shell);
  if (keyDir === undefined) {
    throw new RetentionError(
      'LEDGER_KEY_MISSING',
      'RETAIN_KEY_DIR is not set: name the folder of the keys.',
      { variable: 'RETAIN_KEY_DIR' },
    );
  }
  return withRetain(shell, (retain) => work(retain, keyDir), options);
}
