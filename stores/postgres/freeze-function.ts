/** The body of a trigger function: which questions to the holds a changed row of a table raises. */
import type { Aggregate } from './aggregate.ts';
import type { CatalogueColumn } from './catalogue.ts';
import { column, heldBy, joinDown, joinUp } from './fragments.ts';
import { type Place, placesOf } from './freeze-places.ts';
import { quoteLiteral } from './identifier.ts';
import type { ResolvedStore } from './reality.ts';

/** One question to the holds: is a row that this join reaches named by one? */
export interface Probe {
  /** What the hold names: `class line` or `subject person`. */
  readonly reach: string;
  readonly sql: string;
  readonly types: readonly string[];
}

/**
 * A changed row is frozen when a hold names it, or anything else of an aggregate it is a part of. Old
 * values lead there: the row may be gone or point elsewhere by now. What is below the row is reached from
 * the row itself too, because the way through the root ends where the row was cut off.
 */
export function probesOf(store: ResolvedStore, { aggregate, path }: Place): [string, Probe][] {
  const up = joinUp('r', path, 'u');
  return placesOf(aggregate).flatMap((target) => {
    const classes = [...store.aggregates.values()].filter(
      ({ root }) => root.topOid === target.table.topOid,
    );
    const ways = [];
    if (path.length > 0) {
      const down = joinDown(up.alias, target.path, 'd');
      ways.push({ from: `${up.sql} ${down.sql}`.trim(), alias: down.alias });
    }
    if (path.every((edge, index) => edge === target.path[index])) {
      const down = joinDown('r', target.path.slice(path.length), 'd');
      ways.push({ from: down.sql, alias: down.alias });
    }
    return ways.flatMap(({ from, alias }) =>
      classes.flatMap((named) => [
        keyProbe(from, alias, named),
        ...subjectProbes(from, alias, named),
      ]),
    );
  });
}

function keyProbe(from: string, alias: string, { recordClass, key }: Aggregate): [string, Probe] {
  const scope = { recordClass: recordClass.id, up: [], key, subjects: [] };
  const by = heldBy(scope);
  const same =
    by.column === 'key_number'
      ? `k.key_number = ${by.of(alias)} and k.key_number is not null`
      : `k.key_text = (${by.of(alias)}) collate "C"`;
  const test = `k.record_class = ${quoteLiteral(recordClass.id)} and ${same}`;
  return probe(from, 'hold_key', test, `class ${recordClass.id}`, key);
}

function subjectProbes(
  from: string,
  alias: string,
  { recordClass, root }: Aggregate,
): [string, Probe][] {
  return Object.entries(recordClass.subjects).flatMap(([kind, columns]) =>
    columns.map((name) => {
      const test = `k.subject_kind = ${quoteLiteral(kind)} and k.subject = (${column(alias, name)}::text) collate "C"`;
      const read = root.columns.get(name);
      return probe(from, 'hold_subject', test, `subject ${kind}`, read ? [read] : []);
    }),
  );
}

/** With `limit` it stays one probe per row: the planner cannot turn it into a join with all holds. */
function probe(
  from: string,
  table: string,
  test: string,
  reach: string,
  columns: readonly CatalogueColumn[],
): [string, Probe] {
  const sql = [
    `(select p.hold_no from gone r ${from}`,
    `  cross join lateral (select k.hold_no from retain_guard.${table} k join retain_guard.hold h using (hold_no)`,
    `    where ${test} and ${IN_FORCE} limit 1) p limit 1)`,
  ].join('\n    ');
  return [sql, { reach, sql, types: columns.map(({ type }) => type) }];
}

/** Of a hold `h`. */
const IN_FORCE = 'h.released_version is null';

/** Only what a hold ever named is looked for: a session plans the queries of the others never. */
export function functionBody(probes: readonly Probe[], reaches: readonly string[]): string {
  return `
declare
  named text[];
  the_hold bigint;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    perform retain_guard.require_newest_holds();
  end if;
  if not exists (select from retain_guard.hold h where ${IN_FORCE}) then
    return null;
  end if;
  select array_agg(c.kind || ' ' || c.name) into named from retain_guard.hold_reach c
   where c.kind || ' ' || c.name in (${reaches.map(quoteLiteral).join(', ')});
  if named is null then
    return null;
  end if;
  if tg_op = 'TRUNCATE' then
    select a.hold_no into the_hold from (
      select k.hold_no from retain_guard.hold_key k where 'class ' || k.record_class = any (named)
      union all
      select k.hold_no from retain_guard.hold_subject k where 'subject ' || k.subject_kind = any (named)) a
      join retain_guard.hold h using (hold_no) where ${IN_FORCE} limit 1;
${reaches.map((reach) => lookFor(reach, probes)).join('')}  end if;
  if the_hold is not null then
    perform retain_guard.refuse_frozen(the_hold, tg_table_schema, tg_table_name);
  end if;
  return null;
end
`;
}

function lookFor(reach: string, probes: readonly Probe[]): string {
  const queries = probes.filter((probe) => probe.reach === reach).map(({ sql }) => sql);
  return `  end if;
  if tg_op <> 'TRUNCATE' and the_hold is null and ${quoteLiteral(reach)} = any (named) then
    select a.hold_no into the_hold from (
    ${queries.join('\n    union all ')}) a limit 1;
`;
}
