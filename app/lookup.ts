/** From a record's key to the entries in the log that its destruction left. */
import { RetentionError } from '../domain/errors.ts';
import { encodeKey, type KeyColumns, reference, runKey } from '../ledger/references.ts';
import type { EpochKeys } from './epoch-keys.ts';

export interface LookupDependencies {
  readonly epochKeys: Pick<EpochKeys, 'all'>;
  /** The batch of the run that holds this 32-byte reference. */
  readonly findRef: (run: string, recordClass: string, ref: Buffer) => Promise<string | undefined>;
  /** Runs whose references of the class are sealed, each with every epoch that they were sealed under. */
  readonly runsOfClass: (
    recordClass: string,
  ) => Promise<readonly { readonly run: string; readonly epoch: string }[]>;
}

/** One disposition of the record; the batch's header says the rest. */
export interface FoundRecord {
  readonly run: string;
  readonly batch: string;
  readonly epoch: string;
  /** Hex. */
  readonly ref: string;
}

/**
 * Every entry of one record, in the order of epochs and runs: it may have been reduced by one run and
 * deleted by a later one. Empty means that no run whose epoch key still exists destroyed it. Throws
 * `EPOCH_KEY_MISSING` when there are runs but no key at all, because the answer would then be empty
 * whatever happened; `KEY_INVALID` for a key without columns.
 */
export async function lookupRecord(
  deps: LookupDependencies,
  recordClass: string,
  keyColumns: KeyColumns,
): Promise<FoundRecord[]> {
  const encoded = encodeKey(keyColumns);
  const runs = await deps.runsOfClass(recordClass);
  const epochs = await deps.epochKeys.all(recordClass);
  if (runs.length > 0 && epochs.length === 0) {
    throw new RetentionError(
      'EPOCH_KEY_MISSING',
      'No epoch key of this record class is here, so nothing can be looked up. ' +
        'Use the key folder of the worker.',
      { recordClass },
    );
  }
  const found: FoundRecord[] = [];
  for (const epoch of epochs) {
    const under = runs.filter((one) => one.epoch === epoch.id);
    const entries = await Promise.all(
      under.map(async ({ run }) => {
        const { ref } = reference(runKey(epoch.key, run), encoded);
        const batch = await deps.findRef(run, recordClass, ref);
        return batch === undefined
          ? []
          : [{ run, batch, epoch: epoch.id, ref: ref.toString('hex') }];
      }),
    );
    found.push(...entries.flat());
  }
  return found;
}
