/** What a store does once it has heard that a worker key is revoked: no seal of it is there that nobody counted. */
import postgres, { type Sql, type TransactionSql } from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { tellOfKey } from '../../app/ledger/key-statement.ts';
import { makeSealer } from '../../app/seal.ts';
import { installStore } from '../../app/store-admin.ts';
import { parseSchedule } from '../../config/schedule-file.ts';
import { connectStore, type StoreConnection } from '../../stores/postgres/connection.ts';
import { type StoreLedger, storeLedger } from '../../stores/postgres/ledger-source.ts';
import type { SealedBatch } from '../../stores/store.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { testKey } from '../support/log-teller.ts';
import { waitFor } from '../support/wait.ts';
import { closingTable, deleteAfter, scheduleText } from './small-schedule.ts';
import { refusalOf, weaken } from './tampering.ts';

const SCHEDULE = scheduleText({
  classes: { folder: { table: 'public.folder' } },
  rules: { folder_rule: deleteAfter('folder', 'closed_on') },
});
const OLD = testKey('worker', 1);
const NEW = testKey('worker', 2);

let governed: Governed;
let connection: StoreConnection;
let store: StoreLedger;
let lane: { run: string; step: number; lane: number };
/** The seal that a worker with the old key is about to send, and one of the new key for the same batch. */
let bySigner: { old: SealedBatch; new: SealedBatch };

beforeAll(async () => {
  governed = await governedDatabase({
    ledger: 'waits',
    setup: (sql) => sql.unsafe(closingTable('folder')),
    schedule: SCHEDULE,
  });
  connection = await connectStore(governed.store, governed.url, 'retain_app');
  store = storeLedger(connection);
});
afterAll(async () => {
  await connection.end();
  await governed.end();
});

beforeEach(async () => {
  await governed.sql`insert into public.folder select n, '2001-01-01' from generate_series(1, 3) n`;
  const plan = await governed.plan();
  await governed.approve(plan);
  await governed.open(plan);
  lane = { run: plan.document.run, step: 1, lane: 1 };
  const old = await sealerOf(OLD);
  const next = await sealerOf(NEW);
  const { fence } = await governed.guard.claimLane(lane);
  const { staged } = await governed.guard.disposeBatch(lane, fence, 10);
  await old.sealer.seal(staged);
  await next.sealer.seal(staged);
  bySigner = { old: old.sealed(), new: next.sealed() };
});
afterEach(async () => {
  await governed.guard.sealBatch(bySigner.new);
  await governed.sql`delete from retain_guard.revoked_signer`;
  await governed.sql`update retain_guard.batch_sealed set first_index = 1 where first_index is null`;
});

/** A sealer whose seal goes nowhere: it is kept. */
async function sealerOf(key: typeof OLD) {
  let kept: SealedBatch | undefined;
  const guard = {
    ...governed.guard,
    sealBatch: async (sealed: SealedBatch) => {
      kept = sealed;
      return true;
    },
  };
  const { epochKeys } = governed.retain;
  const ledgerKeys = { worker: async () => key };
  const sealer = await makeSealer({ guard, epochKeys, ledgerKeys, worker: 'test' }, lane);
  return {
    sealer,
    sealed: () => {
      if (kept === undefined) throw new Error('nothing was sealed');
      return kept;
    },
  };
}

const seal = (sql: Sql | TransactionSql, { batch, keyEpoch, header, refs }: SealedBatch) =>
  sql`select retain_guard.seal_batch(${batch}, ${keyEpoch}, ${header}, ${refs}, 'test', false)`;
const revoke = (sql: Sql | TransactionSql) => sql`select retain_guard.revoke_signer(${OLD.name})`;

/** Two sessions: what the first one does stays uncommitted until it is let go. */
async function whileOpen(
  begin: (sql: TransactionSql) => PromiseLike<unknown>,
  meanwhile: (commit: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const sql = postgres(governed.url, { max: 1, onnotice: () => undefined });
  let letGo = () => {};
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let begun = () => {};
  const open = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const transaction = sql.begin(async (tx) => {
    await begin(tx);
    begun();
    await held;
  });
  try {
    await open;
    await meanwhile(async () => {
      letGo();
      await transaction;
    });
  } finally {
    letGo();
    await transaction;
    await sql.end();
  }
}

const somebodyWaits = () =>
  waitFor(
    async () => {
      const rows = await governed.sql`
        select from pg_locks where not granted and relation = 'retain_guard.revoked_signer'::regclass`;
      return rows.length > 0;
    },
    { what: 'somebody to wait for the table', everyMs: 5 },
  );

describe('a key that is revoked', () => {
  it('seals no batch any more; the batch waits, and another key seals it', async () => {
    await store.revokeSigner(OLD.name);
    expect(await refusalOf(governed.guard.sealBatch(bySigner.old))).toBe('SIGNER_REVOKED');
    expect(await governed.guard.stagedBatches(lane)).toHaveLength(1);
    expect(await governed.guard.sealBatch(bySigner.new)).toBe(true);
  });

  it('twin: without the look a batch that the ledger must refuse is sealed', async () => {
    const restore = await weaken(
      governed.sql,
      'seal_batch',
      `r.name = header ->> 'worker'`,
      'false',
    );
    await store.revokeSigner(OLD.name);
    expect(await refusalOf(governed.guard.sealBatch(bySigner.old))).toBe('none');
    await restore();
  });

  it('may be told again; what is no name of a worker key may not', async () => {
    await store.revokeSigner(OLD.name);
    await store.revokeSigner(OLD.name);
    expect(await refusalOf(store.revokeSigner('admin-00000000'))).toBe('STORE_REJECTED');
  });

  it('is counted as long as a batch sealed by it is not integrated', async () => {
    expect(await store.unintegratedOf(OLD.name)).toBe(0);
    await governed.guard.sealBatch(bySigner.old);
    expect(await store.unintegratedOf(OLD.name)).toBe(1);
    expect(await store.unintegratedOf(NEW.name)).toBe(0);
    await governed.sql`update retain_guard.batch_sealed set first_index = 1`;
    expect(await store.unintegratedOf(OLD.name)).toBe(0);
  });
});

describe('a seal and a revocation at once', () => {
  it('whoever revokes waits for the seal in flight, and then counts it', async () => {
    await whileOpen(
      (tx) => seal(tx, bySigner.old),
      async (commit) => {
        const revoked = store.revokeSigner(OLD.name);
        await somebodyWaits();
        await commit();
        await revoked;
        expect(await store.unintegratedOf(OLD.name)).toBe(1);
      },
    );
  });

  it('twin: without the lock it would be over before the seal is there to be counted', async () => {
    const restore = await weaken(governed.sql, 'revoke_signer', 'lock table', '-- lock table');
    await whileOpen(
      (tx) => seal(tx, bySigner.old),
      async (commit) => {
        await store.revokeSigner(OLD.name);
        expect(await store.unintegratedOf(OLD.name)).toBe(0);
        await commit();
        expect(await store.unintegratedOf(OLD.name)).toBe(1);
      },
    );
    await restore();
  });

  it('a seal that comes while a key is being revoked waits, and is refused', async () => {
    await whileOpen(revoke, async (commit) => {
      const sealed = refusalOf(governed.guard.sealBatch(bySigner.old));
      await somebodyWaits();
      await commit();
      expect(await sealed).toBe('SIGNER_REVOKED');
    });
  });

  it('nobody waits for ever: after two seconds revoking is refused, and nothing is told', async () => {
    await whileOpen(
      (tx) => seal(tx, bySigner.old),
      async () => {
        expect(await refusalOf(store.revokeSigner(OLD.name))).toBe('STORE_BUSY');
        expect(await governed.sql`select from retain_guard.revoked_signer`).toHaveLength(0);
      },
    );
  });
});

it('a store that is installed later, or again after a restore, is told of every key that was revoked before', async () => {
  const { schedule } = parseSchedule(SCHEDULE, 'test.yaml');
  if (!schedule) throw new Error('the schedule is wrong');
  const admin = await governed.retain.ledgerKeys.admin();
  await tellOfKey(governed.retain, admin, { ...OLD, vkey: undefined }, 'revoked');
  await installStore(governed.retain, schedule, governed.store);
  const told = await governed.sql`select name from retain_guard.revoked_signer`;
  expect(told).toEqual([{ name: OLD.name }]);
});
