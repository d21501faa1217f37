/** The guard with one thing about holds taken out, and the two instants at which that must show. */
import postgres, { type Sql } from 'postgres';
import { keyCommitment } from '../../ledger/references.ts';
import { type BegunRun, begin, estate } from './estate.ts';
import { type Broken, brokenPromises } from './estate-checks.ts';
import type { Governed } from './governed.ts';
import { A_HOLD, noteWhatIsThere } from './hold-placing.ts';
import { waitFor } from './wait.ts';

export type Sabotage = (governed: Pick<Governed, 'sql'>) => Promise<unknown>;

const BARRIER = 'perform pg_advisory_xact_lock_shared(retain_guard.barrier_key());';
const STATEMENTS = "sql := step_doc -> 'statements';";

export const asItIs: Sabotage = async () => undefined;

/** Batches do not wait for a hold that is being placed, nor it for them. */
export const withoutBarrier: Sabotage = ({ sql }) => rewrite(sql, [[BARRIER, '']]);

/** Batches wait, and then do not look. */
export const withoutHoldCheck: Sabotage = ({ sql }) =>
  rewrite(sql, [
    [
      STATEMENTS,
      `sql := replace(replace((step_doc -> 'statements')::text,
         'from retain_guard.hold_key k', 'from (select * from retain_guard.hold_key where false) k'),
         'from retain_guard.hold_subject s', 'from (select * from retain_guard.hold_subject where false) s')::jsonb;`,
    ],
  ]);

/** The statement that looks at holds takes the barrier itself: it waits with the snapshot of before. */
export const barrierInTheStatement: Sabotage = ({ sql }) =>
  rewrite(sql, [
    [BARRIER, ''],
    [
      STATEMENTS,
      `sql := step_doc -> 'statements';
       if sql ? 'batch' then
         sql := jsonb_set(sql, '{batch}', to_jsonb(replace(replace(sql ->> 'batch', 'with due as',
           'with barrier as materialized (select pg_advisory_xact_lock_shared(retain_guard.barrier_key())), due as'),
           e'\\n   where ', e'\\n   where (select count(*) from barrier) = 1 and ')));
       end if;`,
    ],
  ]);

/** Replaces pieces of `dispose_batch`; fails when one is not there, so that a twin cannot be a copy. */
async function rewrite(sql: Sql, pieces: readonly (readonly [string, string])[]): Promise<void> {
  const [row] = await sql<{ text: string }[]>`
    select pg_get_functiondef('retain_guard.dispose_batch(uuid, integer, integer, bigint, integer)'::regprocedure) as text`;
  let text = row?.text ?? '';
  for (const [piece, instead] of pieces) {
    if (!text.includes(piece)) throw new Error(`dispose_batch has no such piece: ${piece}`);
    text = text.replace(piece, () => instead);
  }
  await sql.unsafe(text);
}

const SMALL = { tenancies: 60, recordings: 60, seed: 7 };
const GATE = 77;

/**
 * The hold has its instant and is not committed when the batches come. They must wait for it and then
 * see it: their own instant is later.
 */
export async function holdCommittedWhileBatchesCome(sabotage: Sabotage): Promise<Broken> {
  const governed = await estate(SMALL);
  const holder = postgres(governed.url, { max: 1 });
  try {
    await sabotage(governed);
    const begun = await begin(governed);
    await openEpochs(governed, begun);
    let working: Promise<unknown> = Promise.resolve();
    await holder.begin(async (tx) => {
      await placeOverFirst(tx);
      working = workAll(governed, begun);
      await settledOr(working, () => waitsFor(governed.sql, 'retain_guard.barrier_key()'));
    });
    await working;
    return await brokenPromises(governed.sql);
  } finally {
    await holder.end();
    await governed.end();
  }
}

/**
 * A batch is in the middle of deleting when the hold is placed. Whoever has a receipt must find what is
 * there then to be there for ever, so the receipt has to wait for the batch.
 */
export async function holdPlacedInMidBatch(sabotage: Sabotage): Promise<Broken> {
  const governed = await estate({ ...SMALL, tamper: (sql) => sql.unsafe(GATED_DELETE) });
  const holder = postgres(governed.url, { max: 1 });
  const gate = postgres(governed.url, { max: 1 });
  try {
    await sabotage(governed);
    const begun = await begin(governed);
    await gate`select pg_advisory_lock(${GATE})`;
    const working = workAll(governed, begun);
    await waitFor(() => waitsFor(governed.sql, String(GATE)), { what: 'a batch at the gate' });
    const placing = placeOverFirst(holder).then((holdNo) => noteWhatIsThere(governed, holdNo));
    await settledOr(placing, () => waitsFor(governed.sql, 'retain_guard.barrier_key()'));
    await gate`select pg_advisory_unlock(${GATE})`;
    await Promise.all([working, placing]);
    return await brokenPromises(governed.sql);
  } finally {
    await Promise.all([holder.end(), gate.end()]);
    await governed.end();
  }
}

/** Deleting waits at a gate. There before the plan, so that it is part of the approved shape. */
const GATED_DELETE = `
create function evidence.wait_at_gate() returns trigger language plpgsql set lock_timeout = 0 as $$
begin
  perform pg_advisory_xact_lock_shared(${GATE});
  return null;
end
$$;
create trigger wait_at_gate after delete on recording for each row execute function evidence.wait_at_gate();
grant usage on schema evidence to public;
`;

/** So that no worker has anything to tell the ledger: telling waits for a hold that is not committed. */
async function openEpochs({ guard, retain }: Governed, { lanes }: BegunRun): Promise<void> {
  for (const { recordClass } of lanes) {
    const { id, key } = await retain.epochKeys.forWriting(recordClass);
    await guard.registerEpoch(id, keyCommitment(key), null);
  }
}

function workAll(governed: Governed, { plan, lanes }: BegunRun): Promise<unknown> {
  return Promise.all(lanes.map(({ step, lane }) => governed.workLane(plan, step, lane)));
}

/** A hold over records of every kind; answers its number. */
async function placeOverFirst(sql: Pick<Sql, 'unsafe'>): Promise<number> {
  await sql.unsafe(`select retain_guard.open_matter('M-1', 'Twin', 'helena')`);
  const [row] = await sql.unsafe<{ hold_no: string }[]>(
    `select p.hold_no from
       (select array_agg(record_class) as classes, array_agg(key) as keys from evidence.root where due and place < 20) k,
       retain_guard.place_hold('M-1', $1, $2, $3, $4::date, k.classes, k.keys, '{}', '{}') p`,
    [A_HOLD.reason, A_HOLD.because, A_HOLD.placedBy, A_HOLD.reviewOn],
  );
  return Number(row?.hold_no);
}

async function settledOr(work: Promise<unknown>, waits: () => Promise<boolean>): Promise<void> {
  let settled = false;
  const note = (): void => {
    settled = true;
  };
  work.then(note, note);
  await waitFor(async () => settled || (await waits()), { what: 'the work to end or to wait' });
}

/** Whether somebody in this database waits for the advisory lock with this key. */
async function waitsFor(sql: Sql, key: string): Promise<boolean> {
  const rows = await sql.unsafe(`
    select from pg_locks l join pg_database d on d.oid = l.database
     where l.locktype = 'advisory' and not l.granted and d.datname = current_database()
       and (l.classid::bigint << 32) | l.objid::bigint = ${key}`);
  return rows.length > 0;
}
