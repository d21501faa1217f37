/** Finding a reference among packed ones: wherever it stands, however unevenly they lie, and nothing else. */
import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sortReferences } from '../../ledger/sort-references.ts';
import { connectStore, type StoreConnection } from '../../stores/postgres/connection.ts';
import { guardApp } from '../../stores/postgres/guard-app.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { closingTable, deleteAfter, scheduleText } from './small-schedule.ts';

const REF_BYTES = 32;
const CLASS = 'folder';

let governed: Governed;
let app: StoreConnection;
beforeAll(async () => {
  governed = await governedDatabase({
    setup: (sql) => sql.unsafe(closingTable('folder')),
    schedule: scheduleText({
      classes: { folder: { table: 'public.folder' } },
      rules: { folder_rule: deleteAfter('folder', 'closed_on') },
    }),
  });
  app = await connectStore(governed.store, governed.url, 'retain_app');
});
afterAll(async () => {
  await app.end();
  await governed.end();
});

/** So many references that begin with these bytes. */
const refsOf = (count: number, ...start: number[]): Buffer =>
  sortReferences(
    Buffer.concat(
      Array.from({ length: count }, () =>
        Buffer.concat([Buffer.from(start), randomBytes(REF_BYTES - start.length)]),
      ),
    ),
  );
const refAt = (refs: Buffer, i: number): Buffer =>
  refs.subarray(i * REF_BYTES, (i + 1) * REF_BYTES);

/** Sealed batches of one run, as the guard keeps them; answers their ids. */
async function sealedRun(run: string, batches: readonly Buffer[], recordClass = CLASS) {
  const ids: string[] = [];
  await governed.sql.begin(async (sql) => {
    // Nothing was destroyed: there is no plan and no lane that they could refer to.
    await sql`set local session_replication_role = replica`;
    for (const [i, refs] of batches.entries()) {
      const id = randomUUID();
      ids.push(id);
      await sql`
        insert into retain_guard.batch (batch_id, run_id, step_no, lane_no, seq, record_class, rule_id, rule_version,
          action, table_name, destroyed, parts, hold_version, schema_sha256, executed_at, txid)
        values (${id}, ${run}, 1, 1, ${i + 1}, ${recordClass}, 'folder_rule', 1, 'delete', 'public.folder',
          ${refs.length / REF_BYTES}, '{}', 0, '', now(), pg_current_xact_id())`;
      await sql`
        insert into retain_guard.batch_sealed (batch_id, key_epoch, header, refs, sealed_by, recovered)
        values (${id}, 'folder/2026Q4', ${Buffer.from('header')}, ${refs}, 'test', false)`;
    }
  });
  return ids;
}

const find = (run: string, ref: Buffer, recordClass = CLASS) =>
  guardApp(app).findRef(run, recordClass, ref);

test.each<[string, Buffer]>([
  ['one reference', refsOf(1)],
  ['two references', refsOf(2)],
  ['a few references', refsOf(40)],
  ['references that all begin alike', refsOf(300, 0x80, 0x00, 0x01, 0x02)],
  ['references that all lie at the beginning', refsOf(300, 0, 0, 0)],
  ['references that all lie at the end', refsOf(300, 255, 255, 255)],
  ['two heaps far apart', Buffer.concat([refsOf(200, 1), refsOf(100, 254)])],
])('every one is found among %s, and none beside them', async (_, refs) => {
  const run = randomUUID();
  const [batch] = await sealedRun(run, [refs]);
  for (let i = 0; i < refs.length / REF_BYTES; i += 1) {
    expect(await find(run, refAt(refs, i))).toBe(batch);
    const beside = Buffer.from(refAt(refs, i));
    beside.writeUInt8(beside.readUInt8(31) ^ 1, 31);
    expect(await find(run, beside)).toBeUndefined();
  }
  for (const edge of [Buffer.alloc(REF_BYTES, 0), Buffer.alloc(REF_BYTES, 0xff)]) {
    expect(await find(run, edge)).toBeUndefined();
  }
});

test('among many batches of a run the right one is named, up to the largest', async () => {
  const run = randomUUID();
  const refs = [10_000, 1, 2_500, 7, 10_000].map((count) => refsOf(count));
  const ids = await sealedRun(run, refs);
  for (const [i, packed] of refs.entries()) {
    const count = packed.length / REF_BYTES;
    for (let nth = 0; nth < count; nth += Math.ceil(count / 50)) {
      expect(await find(run, refAt(packed, nth))).toBe(ids[i]);
    }
    expect(await find(run, refAt(packed, count - 1))).toBe(ids[i]);
  }
  for (let nth = 0; nth < 20; nth += 1) {
    expect(await find(run, randomBytes(REF_BYTES))).toBeUndefined();
  }
});

test('another run, another class, a piece of a reference and one that two references make are not found', async () => {
  const [run, other] = [randomUUID(), randomUUID()];
  const refs = refsOf(50);
  await sealedRun(run, [refs]);
  await sealedRun(other, [refsOf(50)], 'sheet');
  const ref = refAt(refs, 20);
  expect(await find(other, ref)).toBeUndefined();
  expect(await find(run, ref, 'sheet')).toBeUndefined();
  for (const piece of [ref.subarray(0, 31), ref.subarray(0, 1), Buffer.alloc(0)]) {
    expect(await find(run, piece)).toBeUndefined();
  }
  const across = refs.subarray(20 * REF_BYTES + 1, 21 * REF_BYTES + 1);
  expect(await find(run, across)).toBeUndefined();
});
