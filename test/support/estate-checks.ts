/** What must be true of the estate after any run, asked of the database alone. Empty answers are right. */
import type { Sql } from 'postgres';

/** How often each promise was broken; only broken ones are named. */
export type Broken = Readonly<Record<string, number>>;

const GONE = `
  with gone as (select r.record_class, r.key, r.due from evidence.root r
                 where not exists (select from evidence.root_now n where n.record_class = r.record_class and n.key = r.key))`;

/** Roots and subjects that a hold names, as the records it covers. */
const COVERED = `
  with covered as (
    select h.hold_no, h.version, h.effective_at, r.record_class, r.key
      from retain_guard.hold h join retain_guard.hold_key k using (hold_no)
      join evidence.root r on r.record_class = k.record_class and r.key = k.key_text
    union
    select h.hold_no, h.version, h.effective_at, 'tenancy', p.root
      from retain_guard.hold h join retain_guard.hold_key k using (hold_no)
      join evidence.part p on p.part = k.record_class and p.key = k.key_text
    union
    select h.hold_no, h.version, h.effective_at, r.record_class, r.key
      from retain_guard.hold h join retain_guard.hold_subject s using (hold_no)
      join evidence.root r on s.subject_kind = 'person' and r.subject = s.subject),
  destroyed as (
    select c.*, b.executed_at, b.hold_version
      from covered c join evidence.logged l using (record_class, key) join retain_guard.batch b using (batch_id))`;

const LOG_CHECKS: Readonly<Record<string, string>> = {
  'gone, not logged': `${GONE} select count(*) from gone g where not exists
      (select from evidence.logged l where l.record_class = g.record_class and l.key = g.key)`,
  'logged, not gone': `select count(*) from evidence.logged join evidence.root_now using (record_class, key)`,
  'logged twice': `select count(*) from (select from evidence.logged group by record_class, key having count(*) > 1) x`,
  'not due, gone': `${GONE} select count(*) from gone where not due`,
  'root stays, part gone': `select count(*) from evidence.part p join tenancy t on t.id = p.root::integer
      where not exists (select from evidence.part_now n where n.part = p.part and n.key = p.key)`,
  'root gone, part stays': `select count(*) from evidence.part p join evidence.part_now n using (part, key)
      where not exists (select from tenancy t where t.id = p.root::integer)`,
  'batch count is not its keys': `select count(*) from retain_guard.batch b
      where b.destroyed <> (select count(*) from evidence.logged l where l.batch_id = b.batch_id)`,
  'lane count is not its batches': `select count(*) from retain_guard.lane l where l.destroyed <>
      (select coalesce(sum(b.destroyed), 0) from retain_guard.batch b
        where (b.run_id, b.step_no, b.lane_no) = (l.run_id, l.step_no, l.lane_no))`,
};

const HOLD_CHECKS: Readonly<Record<string, string>> = {
  'destroyed after the hold was effective': `${COVERED} select count(*) from destroyed where executed_at >= effective_at`,
  'destroyed by a batch that had seen the hold': `${COVERED} select count(*) from destroyed where hold_version >= version`,
  'clock and version disagree': `select count(*) from retain_guard.batch b, retain_guard.hold h
      where (b.executed_at < h.effective_at) <> (b.hold_version < h.version)`,
  'there at the receipt, gone later': `select count(*) from evidence.receipt r
      where not exists (select from evidence.root_now n where n.record_class = r.record_class and n.key = r.key)`,
};

const END_CHECKS: Readonly<Record<string, string>> = {
  'batch not sealed': `select count(*) from retain_guard.batch left join retain_guard.batch_sealed s using (batch_id) where s.batch_id is null`,
  'keys still staged': `select count(*) from retain_guard.batch_staged`,
  'references are not the records': `select count(*) from retain_guard.batch b join retain_guard.batch_sealed s using (batch_id)
      where octet_length(s.refs) <> 32 * b.destroyed`,
  'chain of a lane broken': `select count(*) from (
      select convert_from(substring(s.header from 67), 'UTF8')::jsonb ->> 'prev' as prev,
             coalesce(lag(encode(s.header_sha256, 'hex')) over lane, repeat('0', 64)) as before
        from retain_guard.batch b join retain_guard.batch_sealed s using (batch_id)
      window lane as (partition by b.run_id, b.step_no, b.lane_no order by b.seq)) x where prev <> before`,
  'lane not finished': `select count(*) from retain_guard.lane where finished_at is null`,
  'due, not held, still there': `${COVERED}
      select count(*) from evidence.root r join evidence.root_now using (record_class, key)
       where r.due and not exists (select from covered c where (c.record_class, c.key) = (r.record_class, r.key))`,
};

/** Rows gone are rows logged, once each, whole; and no hold was passed over. True at any moment. */
export function brokenPromises(sql: Sql): Promise<Broken> {
  return ask(sql, { ...LOG_CHECKS, ...HOLD_CHECKS });
}

/** And what must be true besides when the run has ended by itself. */
export function brokenAtTheEnd(sql: Sql): Promise<Broken> {
  return ask(sql, { ...LOG_CHECKS, ...HOLD_CHECKS, ...END_CHECKS });
}

async function ask(sql: Sql, checks: Readonly<Record<string, string>>): Promise<Broken> {
  const broken: Record<string, number> = {};
  await sql.begin('isolation level repeatable read', async (tx) => {
    for (const [name, query] of Object.entries(checks)) {
      const [row] = await tx.unsafe<{ count: string }[]>(query);
      if (Number(row?.count) > 0) broken[name] = Number(row?.count);
    }
  });
  return broken;
}

/** Records that stand in the log as destroyed before the hold was effective: what its receipt must list. */
export async function destroyedBefore(sql: Sql, holdNo: number): Promise<string[]> {
  const rows = await sql.unsafe<{ name: string }[]>(
    `select l.record_class || ' ' || l.key as name
       from retain_guard.hold h join retain_guard.hold_key k using (hold_no)
       join evidence.logged l on l.record_class = k.record_class and l.key = k.key_text
       join retain_guard.batch b using (batch_id)
      where h.hold_no = $1 and b.executed_at < h.effective_at order by 1`,
    [holdNo],
  );
  return rows.map(({ name }) => name);
}
