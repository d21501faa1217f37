/** The folder of a witness: its key, and what it cosigned. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { invariant, RetentionError } from '../../domain/errors.ts';
import { type SigningKey, signingKey } from '../../ledger/ed25519.ts';
import { createKeyFile, preparePrivateDir, readKeyFile } from '../key-files.ts';

const KEY_FILE = 'witness.key';
const HEADS_FOLDER = 'heads';

export interface WitnessFolder {
  readonly key: SigningKey;
  readonly headsDir: string;
}

/**
 * The key `<dir>/witness.key` (64 hexadecimal digits, mode 0600) and the memory beside it, both made when
 * neither is there. Throws `LEDGER_SIGNER_UNREADABLE` when there is a key and no memory: a witness that
 * forgot what it cosigned must not go on under the same key. Throws as epoch keys do besides.
 */
export async function openWitnessFolder(dir: string): Promise<WitnessFolder> {
  const headsDir = join(dir, HEADS_FOLDER);
  if ((await readKeyFile(dir, KEY_FILE)) !== undefined && !existsSync(headsDir)) {
    throw new RetentionError(
      'LEDGER_SIGNER_UNREADABLE',
      `${headsDir} is gone: what this witness cosigned is not known. Put it back, or retire the witness and make another in a new folder.`,
      { path: headsDir },
    );
  }
  await preparePrivateDir(dir, HEADS_FOLDER);
  // Does nothing where there is a key; of several processes one makes it, and all read that one.
  await createKeyFile(join(dir, KEY_FILE));
  const seed = await readKeyFile(dir, KEY_FILE);
  invariant(seed !== undefined, 'The key of the witness was just made.');
  // The role makes the key's own name, which no note shows.
  return { key: signingKey('log', seed), headsDir };
}
