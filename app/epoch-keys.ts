/**
 * Epoch keys: what connects references in the log to records. One random key per record class and
 * quarter, outside every database. While it exists references are pseudonymous; once it is destroyed
 * nobody can connect them to anybody.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { RetentionError } from '../domain/errors.ts';
import { createKeyFile, keyFileNames, preparePrivateDir, readKeyFile } from './key-files.ts';

export interface EpochKey {
  /** `class/2026Q4`; stands in batch headers. */
  readonly id: string;
  /** 32 bytes, the caller's own copy. Never to be logged, stored or sent. */
  readonly key: Buffer;
}

/** Where epoch keys come from. Implementations MUST agree on one key per id, whoever asks first. */
export interface EpochKeys {
  /** The key of the current quarter (UTC); made when there is none. */
  forWriting(recordClass: string): Promise<EpochKey>;
  /** `undefined` when the key does not exist here, or was destroyed. */
  byId(id: string): Promise<Buffer | undefined>;
  /** Every key of the class there is, oldest first. */
  all(recordClass: string): Promise<EpochKey[]>;
}

const KEY_BYTES = 32;
const RECORD_CLASS = /^[a-z][a-z0-9_]*$/;
const QUARTER = /^\d{4}Q[1-4]$/;

/**
 * Keys as files `<dir>/<class>/<quarter>.key`, hexadecimal, readable by their owner only. `now`
 * answers RFC 3339 UTC, from the clock that also decides what is due. Folders are created by
 * `forWriting` alone. Keys that were read are kept in memory.
 *
 * Throws `EPOCH_KEY_EXPOSED` when others than the owner have rights on a file or a folder,
 * `EPOCH_KEY_INVALID` for a file that holds no key, `RECORD_CLASS_UNKNOWN` for a name that cannot be
 * one of a record class, and so can never leave `dir`.
 */
export function fileEpochKeys(dir: string, now: () => string | Promise<string>): EpochKeys {
  const known = new Map<string, Buffer>();

  const load = async (recordClass: string, quarter: string): Promise<EpochKey | undefined> => {
    const id = `${recordClass}/${quarter}`;
    const key = known.get(id) ?? (await readKeyFile(dir, join(recordClass, `${quarter}.key`)));
    if (key === undefined) return undefined;
    known.set(id, key);
    return { id, key: Buffer.from(key) };
  };

  return {
    async forWriting(recordClass) {
      checkRecordClass(recordClass);
      const quarter = quarterOf(await now());
      const existing = await load(recordClass, quarter);
      if (existing !== undefined) return existing;
      await preparePrivateDir(dir, recordClass);
      await createKeyFile(join(dir, recordClass, `${quarter}.key`), randomBytes(KEY_BYTES));
      // Read back: another worker may have been first, and its key is then the one.
      const created = await load(recordClass, quarter);
      if (created === undefined) {
        throw new RetentionError('EPOCH_KEY_MISSING', 'An epoch key vanished as it was made.');
      }
      return created;
    },

    async byId(id) {
      const [recordClass = '', quarter = '', ...rest] = id.split('/');
      checkRecordClass(recordClass);
      if (rest.length > 0 || !QUARTER.test(quarter)) {
        throw new RetentionError('EPOCH_KEY_MISSING', 'That is not the id of an epoch.');
      }
      return (await load(recordClass, quarter))?.key;
    },

    async all(recordClass) {
      checkRecordClass(recordClass);
      const keys: EpochKey[] = [];
      for (const name of await keyFileNames(dir, recordClass)) {
        const quarter = name.replace(/\.key$/, '');
        if (!QUARTER.test(quarter)) {
          throw new RetentionError(
            'EPOCH_KEY_INVALID',
            `${recordClass}/${name} is not named after a quarter, such as 2026Q4.key.`,
            { file: `${recordClass}/${name}` },
          );
        }
        const key = await load(recordClass, quarter);
        if (key !== undefined) keys.push(key);
      }
      return keys;
    },
  };
}

/** The UTC quarter of an RFC 3339 UTC instant: `2026Q4`. */
function quarterOf(instant: string): string {
  const [, year, month] = /^(\d{4})-(0[1-9]|1[0-2])-\d{2}T[\d:.]+Z$/.exec(instant) ?? [];
  if (year === undefined || month === undefined) {
    throw new RetentionError('INVARIANT_BROKEN', 'The clock did not answer RFC 3339 in UTC.');
  }
  return `${year}Q${Math.ceil(Number(month) / 3)}`;
}

function checkRecordClass(name: string): void {
  if (!RECORD_CLASS.test(name)) {
    throw new RetentionError(
      'RECORD_CLASS_UNKNOWN',
      'Names of record classes are lower-case letters, digits and underscores.',
    );
  }
}
