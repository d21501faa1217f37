import { expect, test } from 'vitest';
import type { EpochKey } from '../../app/epoch-keys.ts';
import { type LookupDependencies, lookupRecord } from '../../app/lookup.ts';
import { hasReference, packReferences, runKey } from '../../ledger/references.ts';

const RUNS = [
  '018f2b6e-7c3a-7d10-9a55-000000000001',
  '018f2b6e-7c3a-7d10-9a55-000000000002',
] as const;
const EPOCHS: readonly EpochKey[] = [
  { id: 'tenancy/2026Q3', key: Buffer.alloc(32, 3), destroyAfter: null },
  { id: 'tenancy/2026Q4', key: Buffer.alloc(32, 4), destroyAfter: null },
];

interface FakeBatch {
  readonly batch: string;
  readonly run: string;
  readonly epoch: string;
  readonly recordClass: string;
  readonly refs: Buffer;
}

function sealed(batch: string, run: string, epoch: EpochKey, keys: string[][]): FakeBatch {
  const refs = packReferences(runKey(epoch.key, run), keys);
  return { batch, run, epoch: epoch.id, recordClass: 'tenancy', refs };
}

function log(batches: readonly FakeBatch[], epochs = EPOCHS): LookupDependencies {
  return {
    epochKeys: { all: async (name) => epochs.filter(({ id }) => id.startsWith(`${name}/`)) },
    runsOfClass: async (name) => batches.filter((b) => b.recordClass === name),
    findRef: async (run, name, ref) =>
      batches.find((b) => b.run === run && b.recordClass === name && hasReference(b.refs, ref))
        ?.batch,
  };
}

const [july, october] = EPOCHS as [EpochKey, EpochKey];
const reducedThenDeleted = [
  sealed('batch-1', RUNS[0], july, [['1'], ['2'], ['3']]),
  sealed('batch-2', RUNS[1], july, [['4']]),
  sealed('batch-3', RUNS[1], october, [['2'], ['5']]),
];

test('a record that was reduced and later deleted has both entries, in order', async () => {
  const found = await lookupRecord(log(reducedThenDeleted), 'tenancy', ['2']);
  expect(found).toEqual([
    {
      run: RUNS[0],
      batch: 'batch-1',
      epoch: july.id,
      ref: expect.stringMatching(/^[0-9a-f]{64}$/),
    },
    { run: RUNS[1], batch: 'batch-3', epoch: october.id, ref: expect.any(String) },
  ]);
  expect(found[0]?.ref).not.toBe(found[1]?.ref);
});

test('a run is searched under the epochs of its own references only', async () => {
  const asked: string[] = [];
  const deps = log(reducedThenDeleted);
  await lookupRecord(
    {
      ...deps,
      findRef: async (run, ...rest) => {
        asked.push(run);
        return deps.findRef(run, ...rest);
      },
    },
    'tenancy',
    ['2'],
  );
  expect(asked).toEqual([RUNS[0], RUNS[1], RUNS[1]]);
});

test('a record that no run destroyed has no entry', async () => {
  expect(await lookupRecord(log(reducedThenDeleted), 'tenancy', ['99'])).toEqual([]);
  expect(await lookupRecord(log(reducedThenDeleted), 'tenancy', ['2', ''])).toEqual([]);
});

test('a class that nothing was destroyed of needs no key', async () => {
  expect(await lookupRecord(log(reducedThenDeleted), 'customer', ['2'])).toEqual([]);
});

test('without any epoch key there is no answer, rather than an empty one', async () => {
  const lookup = lookupRecord(log(reducedThenDeleted, []), 'tenancy', ['2']);
  await expect(lookup).rejects.toMatchObject({ code: 'EPOCH_KEY_MISSING' });
});

test('entries of a destroyed epoch are no longer found, those of the others are', async () => {
  const found = await lookupRecord(log(reducedThenDeleted, [october]), 'tenancy', ['2']);
  expect(found.map(({ batch }) => batch)).toEqual(['batch-3']);
});

test('a key without columns is refused', async () => {
  const lookup = lookupRecord(log(reducedThenDeleted), 'tenancy', []);
  await expect(lookup).rejects.toMatchObject({ code: 'KEY_INVALID' });
});
