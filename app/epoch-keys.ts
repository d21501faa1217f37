/**
 * Epoch keys: what connects references in the log to records. One random key per record class and
 * quarter, outside every database, stored wrapped. While it exists references are pseudonymous; once it is
 * destroyed nobody can connect them to anybody.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { CalendarDate } from '../domain/civil.ts';
import { destroyAfter, isQuarter, parseEpoch, quarterOf } from '../domain/epoch.ts';
import { RetentionError } from '../domain/errors.ts';
import type { RetentionPeriod } from '../domain/schedule.ts';
import { EPOCH_FILE_BYTES, EPOCH_KEY_BYTES, readEpochFile, writeEpochFile } from './epoch-file.ts';
import {
  createPrivateFile,
  destroyKeyFile,
  invalidKeyFile,
  keyFileNames,
  preparePrivateDir,
  readPrivateFile,
} from './key-files.ts';
import { fileKeyWrapper, type KeyWrapper } from './key-wrapper.ts';

export interface EpochKey {
  /** `class/2026Q4`; stands in batch headers. */
  readonly id: string;
  /** 32 bytes, the caller's own copy. Never to be logged, stored or sent. */
  readonly key: Buffer;
  /** The last day on which it is kept, decided when it was made; null until somebody destroys it. */
  readonly destroyAfter: CalendarDate | null;
}

/** Where epoch keys come from. Implementations MUST agree on one key per id, whoever asks first. */
export interface EpochKeys {
  /** The key of the current quarter (UTC); made when there is none. */
  forWriting(recordClass: string): Promise<EpochKey>;
  /** `undefined` when the key does not exist here, or was destroyed. */
  byId(id: string): Promise<Buffer | undefined>;
  /** Every key of the class there is, oldest first. */
  all(recordClass: string): Promise<EpochKey[]>;
  /** Destroys a key, whether it can be read or not; false when there is none. MUST NOT keep it in memory. */
  destroy(id: string): Promise<boolean>;
}

export interface EpochKeyOptions {
  /** The key-encryption key; that of the folder's own `_ledger/wrap.key` when missing. */
  readonly wrapper?: () => Promise<KeyWrapper>;
  /** How long keys of a class are kept that are made from now on; until somebody destroys them when undefined. */
  readonly keptFor?: (recordClass: string) => Promise<RetentionPeriod | undefined>;
}

const RECORD_CLASS = /^[a-z][a-z0-9_]*$/;

/**
 * Keys as files `<dir>/<class>/<quarter>.key` (see epoch-file.ts), wrapped, readable by their owner only. `now`
 * answers RFC 3339 UTC, from the clock that also decides what is due. Folders are created by `forWriting`
 * alone. Every call reads the files, so that a key is gone for every process once its file is.
 *
 * Throws `EPOCH_KEY_EXPOSED` when others than the owner have rights on a file or a folder,
 * `EPOCH_KEY_INVALID` for a file that holds no key of this format, wrapped by this wrapper, `EPOCH_KEY_MISSING`
 * without the key-encryption key, `RECORD_CLASS_UNKNOWN` for a name that cannot be one of a record class, and
 * so can never leave `dir`.
 */
export function fileEpochKeys(
  dir: string,
  now: () => string | Promise<string>,
  { wrapper = () => fileKeyWrapper(dir), keptFor = async () => undefined }: EpochKeyOptions = {},
): EpochKeys {
  const load = async (recordClass: string, quarter: string): Promise<EpochKey | undefined> => {
    const id = `${recordClass}/${quarter}`;
    const file = fileOf(recordClass, quarter);
    const text = await readPrivateFile(dir, file, EPOCH_FILE_BYTES);
    if (text === undefined) return undefined;
    const read = await readEpochFile(await wrapper(), id, text);
    if ('fault' in read) throw invalidKeyFile(file, read.fault);
    return { id, ...read };
  };

  const make = async (recordClass: string, quarter: string): Promise<void> => {
    const wrapping = await wrapper();
    const period = await keptFor(recordClass);
    const key = randomBytes(EPOCH_KEY_BYTES);
    const text = await writeEpochFile(wrapping, `${recordClass}/${quarter}`, {
      key,
      destroyAfter: period === undefined ? null : destroyAfter(quarter, period),
    });
    key.fill(0);
    await preparePrivateDir(dir, recordClass);
    await createPrivateFile(join(dir, fileOf(recordClass, quarter)), text);
  };

  return {
    async forWriting(recordClass) {
      checkRecordClass(recordClass);
      const quarter = quarterOf(await now());
      const existing = await load(recordClass, quarter);
      if (existing !== undefined) return existing;
      await make(recordClass, quarter);
      // Read back: another worker may have been first, and its key is then the one.
      const created = await load(recordClass, quarter);
      if (created === undefined) {
        throw new RetentionError('EPOCH_KEY_MISSING', 'An epoch key vanished as it was made.');
      }
      return created;
    },

    async byId(id) {
      const { recordClass, quarter } = epochOf(id);
      return (await load(recordClass, quarter))?.key;
    },

    async all(recordClass) {
      checkRecordClass(recordClass);
      const keys: EpochKey[] = [];
      for (const name of await keyFileNames(dir, recordClass)) {
        const quarter = name.replace(/\.key$/, '');
        if (!isQuarter(quarter)) {
          throw invalidKeyFile(
            `${recordClass}/${name}`,
            'is not named after a quarter, such as 2026Q4.key',
          );
        }
        const key = await load(recordClass, quarter);
        if (key !== undefined) keys.push(key);
      }
      return keys;
    },

    async destroy(id) {
      const { recordClass, quarter } = epochOf(id);
      return destroyKeyFile(join(dir, fileOf(recordClass, quarter)));
    },
  };
}

function fileOf(recordClass: string, quarter: string): string {
  return join(recordClass, `${quarter}.key`);
}

function epochOf(id: string): { recordClass: string; quarter: string } {
  const epoch = parseEpoch(id);
  if (epoch !== undefined) return epoch;
  throw new RetentionError('EPOCH_KEY_MISSING', 'That is not the id of an epoch.');
}

function checkRecordClass(name: string): void {
  if (!RECORD_CLASS.test(name)) {
    throw new RetentionError(
      'RECORD_CLASS_UNKNOWN',
      'Names of record classes are lower-case letters, digits and underscores.',
    );
  }
}
