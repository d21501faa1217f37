/** Questions about one record: is it there, what triggers its rules, what blocks it, which holds reach it. */
import type { Sql } from 'postgres';
import type { Aggregate } from './aggregate.ts';
import { GIVEN } from './counting.ts';
import {
  column,
  dueTest,
  existsBelow,
  joinDown,
  joinUp,
  keyText,
  pairs,
  Values,
  whereTest,
} from './fragments.ts';
import type { ResolvedRule } from './match-rule.ts';
import { type ResolvedStore, scopedTables } from './reality.ts';

export interface RecordHold {
  readonly holdNo: number;
  readonly matter: string;
  readonly effectiveAt: string;
  /** Class through which the hold reaches the record: its own, or that of a part or an owner. */
  readonly through: string;
}

export interface RuleState {
  /** Trigger in force as text, null while there is none. */
  readonly trigger: string | null;
  /** Parts that carry the trigger, and how many of them are still open; null for a trigger of the root. */
  readonly parts: { readonly all: number; readonly open: number; readonly table: string } | null;
  /** True when the record satisfies the rule's `where`. */
  readonly applies: boolean;
  readonly due: boolean;
}

function atKey(aggregate: Aggregate): string {
  return aggregate.key
    .map((part, index) => `${column('r', part.name)} = (($1::text[])[${index + 1}])::${part.type}`)
    .join(' and ');
}

export async function recordExists(
  sql: Sql,
  aggregate: Aggregate,
  key: readonly string[],
): Promise<boolean> {
  const rows = await sql.unsafe(`select 1 from ${aggregate.root.sql} r where ${atKey(aggregate)}`, [
    key as string[],
  ]);
  return rows.length > 0;
}

/** What one rule says of the record at the boundary given. */
export async function ruleState(
  sql: Sql,
  resolved: ResolvedRule,
  boundary: string,
  key: readonly string[],
): Promise<RuleState> {
  const { aggregate, trigger, where } = resolved;
  const values = new Values();
  const due = dueTest({ trigger: { ...trigger, boundary }, where }, values, 'd');
  const applies = whereTest(where, values);
  const [first, ...rest] = trigger.path;
  // An infinite trigger is none: no calendar can count from it.
  const finite = (value: string) => `case when isfinite(${value}) then (${value})::text end`;
  let at = finite(column('r', trigger.column.name));
  let parts = 'null';
  if (first) {
    const down = joinDown('t0', rest, 't');
    const event = column(down.alias, trigger.column.name);
    const from = `from ${first.child.sql} t0 ${down.sql} where ${pairs('t0', first.childColumns, 'r', first.parentColumns)}`;
    const all = `(select count(*) ${from})`;
    const open = `(select count(*) ${from} and ${event} is null)`;
    parts = `json_build_object('all', ${all}, 'open', ${open})`;
    at = `case when ${open} = 0 then ${finite(`(select ${trigger.kind === 'latest' ? 'max' : 'min'}(${event}) ${from})`)} end`;
  }
  const text = `with ${GIVEN} select ${at} as trigger, ${parts} as parts, coalesce(${applies}, false) as applies, coalesce(${due}, false) as due from ${aggregate.root.sql} r where ${atKey(aggregate)}`;
  const rows = await sql.unsafe(text, [
    key as string[],
    null,
    null,
    null,
    null,
    null,
    null,
    values.list,
  ]);
  const row = rows[0] as unknown as
    | {
        trigger: string | null;
        parts: { all: number; open: number } | null;
        applies: boolean;
        due: boolean;
      }
    | undefined;
  const table = trigger.path.at(-1)?.child.name ?? '';
  return {
    trigger: row?.trigger ?? null,
    parts: row?.parts ? { ...row.parts, table } : null,
    applies: row?.applies ?? false,
    due: row?.due ?? false,
  };
}

/** Rows that block, by constraint. */
export async function blockersOf(
  sql: Sql,
  aggregate: Aggregate,
  key: readonly string[],
): Promise<{ constraint: string; table: string }[]> {
  const found: { constraint: string; table: string }[] = [];
  for (const part of aggregate.blocking) {
    const rows = await sql.unsafe(
      `select 1 from ${aggregate.root.sql} r where ${atKey(aggregate)} and ${existsBelow(part.path, 'b', () => '')}`,
      [key as string[]],
    );
    const edge = part.path.at(-1);
    if (rows.length > 0 && edge)
      found.push({ constraint: edge.constraint, table: `${part.table.schema}.${part.table.name}` });
  }
  return found;
}

/** Every hold in force that reaches the record: its own, its parts', its owners'. */
export async function holdsOn(
  sql: Sql,
  store: ResolvedStore,
  aggregate: Aggregate,
  key: readonly string[],
): Promise<RecordHold[]> {
  const branches = scopedTables(store, aggregate).flatMap(({ path, scopes }) =>
    scopes.map((scope) => {
      const down = joinDown('r', path, 'p');
      const up = joinUp(down.alias, scope.up, 'q');
      const subjects = scope.subjects.map(
        (subject) =>
          `exists (select 1 from retain_guard.hold_subject s where s.hold_no = h.hold_no and s.subject_kind = '${subject.kind}' and s.subject = ${column(up.alias, subject.column)}::text)`,
      );
      const byKey = `exists (select 1 from retain_guard.hold_key k where k.hold_no = h.hold_no and k.record_class = '${scope.recordClass}' and k.key_text = ${keyText(up.alias, scope.key)})`;
      return `select h.hold_no, h.matter_id as matter, h.effective_at, '${scope.recordClass}' as through from ${aggregate.root.sql} r ${down.sql} ${up.sql} join retain_guard.hold h on h.released_at is null and (${[byKey, ...subjects].join(' or ')}) where ${atKey(aggregate)}`;
    }),
  );
  const rows = await sql.unsafe(
    `select hold_no::integer as "holdNo", matter, to_char(effective_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "effectiveAt", min(through) as through from (${branches.join(' union ')}) x group by 1, 2, 3 order by 1`,
    [key as string[]],
  );
  return rows as unknown as RecordHold[];
}
