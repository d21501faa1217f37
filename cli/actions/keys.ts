import type { OpenRetain } from '../../app/open-retain.ts';
import { RetentionError } from '../../domain/errors.ts';
import { EXIT } from '../exit-codes.ts';
import { table } from '../output/table.ts';
import { environment, type Shell, withRetain } from '../shell.ts';

const admin = () => import('../../app/ledger/key-admin.ts');

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
      keys.map(({ name, role, state, since }) => [name, role, state, String(since)]),
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

export async function rotate(shell: Shell): Promise<number> {
  const { rotateWorkerKey } = await admin();
  const { name } = await withKeyDir(shell, rotateWorkerKey);
  if (shell.json) shell.data({ key: name });
  else shell.print(`The new worker key is ${name}.`);
  shell.note('Restart the workers one by one, then revoke the old key: retain keys list');
  return EXIT.ok;
}

export async function revoke(shell: Shell, name: string): Promise<number> {
  const { revokeKey } = await admin();
  await withRetain(shell, (retain) => revokeKey(retain, name));
  if (shell.json) shell.data({ revoked: name });
  else shell.print(`${name} is revoked: nothing it signs from now on enters the ledger.`);
  return EXIT.ok;
}

export async function destroyEpoch(
  shell: Shell,
  epoch: string,
  options: { readonly yes?: boolean },
): Promise<number> {
  if (options.yes !== true) await confirmDestruction(shell, epoch);
  const { destroyEpochKey } = await admin();
  await withKeyDir(shell, (retain, keyDir) => destroyEpochKey(retain, keyDir, epoch, Date.now()));
  if (shell.json) shell.data({ destroyed: epoch });
  else
    shell.print(`The key of ${epoch} is destroyed. Certificates handed out before still verify.`);
  return EXIT.ok;
}

async function confirmDestruction(shell: Shell, epoch: string): Promise<void> {
  shell.note(
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
