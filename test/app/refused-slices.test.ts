import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { disposeSlice, type SliceDependencies } from '../../app/dispose-slice.ts';
import { fileEpochKeys } from '../../app/epoch-keys.ts';
import { createLedgerKeys } from '../../app/ledger-keys.ts';
import type { SliceResult } from '../../domain/disposal.ts';
import type { Plan } from '../../domain/plan.ts';
import { keyCommitment } from '../../ledger/references.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';

let archive: Governed;
let otherKeys: string;

beforeAll(async () => {
  otherKeys = await mkdtemp(join(tmpdir(), 'retain-other-keys-'));
  archive = await governedDatabase({
    setup: (sql) =>
      sql.unsafe(`
        create table public.image (id bigint primary key, recorded_at timestamptz not null);
        create index on public.image (recorded_at);
        insert into public.image select n, '2020-01-01' from generate_series(1, 10) n;
      `),
    schedule: `
format: retain/1
organisation: Archive
timezone: UTC
stores:
  archive: { kind: postgres, connection: env:ARCHIVE_URL, backups_kept_for: P30D }
record_classes:
  image: { title: Image, store: archive, table: public.image, key: [id] }
rules:
  images:
    applies_to: image
    trigger: { event: recorded, column: recorded_at }
    keep: { at_least: P30D }
    then: delete
    authority: notice
    owner: dpo@archive.example
`,
  });
});
afterAll(async () => {
  await archive.end();
  await rm(otherKeys, { recursive: true, force: true });
});

const DAY_MS = 86_400_000;

function slice(plan: Plan, wrong: Partial<SliceDependencies>): Promise<SliceResult> {
  return disposeSlice(
    {
      guard: archive.guard,
      epochKeys: archive.retain.epochKeys,
      ledgerKeys: archive.retain.ledgerKeys,
      worker: 'test-worker',
      now: Date.now,
      ...wrong,
    },
    { run: plan.document.run, step: 1, lane: 1, sliceRecords: 100, sliceMs: 60_000 },
    { onBatch: () => undefined, cancelled: () => false },
  );
}

// The store's clock decides what is due; a worker that is a day off must not even begin.
it.each([
  ['ahead', DAY_MS],
  ['behind', -DAY_MS],
])(
  'destroys nothing with a worker whose clock is a day %s, and goes on with one that is right',
  async (_word, skewMs) => {
    await archive.sql`insert into public.image select n, '2020-01-01' from generate_series(101, 110) n`;
    const plan = await archive.plan();
    await archive.approve(plan);
    await archive.open(plan);
    const before = await count();
    await expect(slice(plan, { now: () => Date.now() + skewMs })).rejects.toMatchObject({
      code: 'CLOCK_SKEW',
    });
    expect(await count()).toBe(before);
    await archive.workLane(plan, 1, 1);
    expect(await count()).toBe(0);
    await archive.close(plan);
    await archive.sql`insert into public.image select n, '2020-01-01' from generate_series(1, 10) n`;
  },
);

async function count(): Promise<number> {
  const [row] = await archive.sql<{ n: number }[]>`select count(*)::int as n from public.image`;
  return row?.n ?? 0;
}

// Two workers with different keys of one name would destroy records that nobody could look up again.
it('destroys nothing under an epoch key that is not the one the store knows', async () => {
  const plan = await archive.plan();
  await archive.approve(plan);
  await archive.open(plan);
  const epoch = await archive.retain.epochKeys.forWriting('image');
  await archive.guard.registerEpoch(epoch.id, keyCommitment(epoch.key), epoch.destroyAfter);

  await createLedgerKeys(otherKeys);
  const stranger = slice(plan, {
    epochKeys: fileEpochKeys(otherKeys, () => new Date().toISOString()),
    worker: 'stranger',
  });
  await expect(stranger).rejects.toMatchObject({ code: 'EPOCH_KEY_MISMATCH' });
  expect(await count()).toBe(10);

  await archive.workLane(plan, 1, 1);
  expect(await count()).toBe(0);
});
