import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { calendarDate } from '../../domain/civil.ts';
import { boundary, firstDestroyable, type RetentionClock } from '../../domain/eligibility.ts';
import {
  compareInstants,
  type Instant,
  instant,
  instantFromMicros,
  instantMicros,
} from '../../domain/instant.ts';
import type { CutoffCalendar } from '../../domain/schedule.ts';
import { wallClock } from '../../domain/wall-clock.ts';
import { clock } from '../domain/builders.ts';
import { moments } from '../domain/moments.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { scheduleText, timed } from './small-schedule.ts';

// Thousands of triggers around each boundary, destroyed by one run each; which ones is then compared
// with what the pure calendar says of every single one.
const ZONE = 'Europe/London';
const APIA = 'Pacific/Apia';
const AS_OF = instant('2026-11-21T23:10:00Z');
const YEAR_END: CutoffCalendar = { kind: 'year', month: 3, day: 31 };

interface Rule {
  readonly keep: string;
  readonly cutoff?: 'financial_year';
}
const RULES: Rule[] = [
  { keep: 'P30D' },
  { keep: 'P6M' },
  { keep: 'P6Y' },
  { keep: 'P6Y', cutoff: 'financial_year' },
  { keep: 'P0D' },
];
const COLUMNS = ['on_day', 'at_instant', 'at_wall'] as const;
type Column = (typeof COLUMNS)[number];

const clockOf = (rule: Rule): RetentionClock =>
  clock(ZONE, rule.keep, rule.cutoff ? YEAR_END : undefined);
const tableOf = (rule: number, column: Column) => `t${rule}_${column}`;

/** Within two days of the boundary, to the microsecond, and a few far away. */
function triggers(rule: Rule, seed: number): Instant[] {
  const limit = instantMicros(boundary(clockOf(rule), AS_OF).instant);
  const day = 86_400_000_000n;
  const near = fc.oneof(
    fc.bigInt({ min: -2n * day, max: 2n * day }),
    fc.bigInt({ min: -3n, max: 3n }),
    fc.constantFrom(-day - 1n, -day, -1n, 0n, 1n, day - 1n, day),
  );
  const any = fc.oneof(
    { weight: 4, arbitrary: near.map((by) => instantFromMicros(limit + by)) },
    moments,
  );
  return fc.sample(any, { numRuns: 700, seed });
}

const isDue = (at: Instant) => compareInstants(at, AS_OF) <= 0;

/** What the record would hold for this moment, and whether it may go at AS_OF, by the calendar alone. */
const VIEWS: Readonly<
  Record<Column, (at: Instant, rule: Rule) => { text: string; goes: boolean }>
> = {
  at_instant: (at, rule) => ({
    text: at,
    goes: isDue(firstDestroyable(clockOf(rule), { instant: at }).destroyableFrom),
  }),
  on_day: (at, rule) => {
    const day = calendarDate(at.slice(0, 10));
    return { text: day, goes: isDue(firstDestroyable(clockOf(rule), { day }).destroyableFrom) };
  },
  at_wall: (at, rule) => ({
    text: wallClock(at, APIA),
    goes: isDue(firstDestroyable(clockOf(rule), { instant: at }).destroyableFrom),
  }),
};
const TYPES: Readonly<Record<Column, string>> = {
  on_day: 'date',
  at_instant: 'timestamptz',
  at_wall: 'timestamp',
};

const each = RULES.flatMap((rule, index) => COLUMNS.map((column) => ({ rule, column, index })));
let governed: Governed;
const expected = new Map<string, number[]>();

beforeAll(async () => {
  governed = await governedDatabase({
    setup: async (sql) => {
      for (const { rule, column, index } of each) {
        const table = tableOf(index, column);
        await sql.unsafe(
          `create table ${table} (id integer primary key, trigger_at ${TYPES[column]}); create index on ${table} (trigger_at)`,
        );
        const views = triggers(rule, index).map((at) => VIEWS[column](at, rule));
        await sql`insert into ${sql(table)} select n, t::text::${sql.unsafe(TYPES[column])} from unnest(${views.map(({ text }) => text)}::text[]) with ordinality as u(t, n)`;
        expected.set(
          table,
          views.flatMap(({ goes }, at) => (goes ? [] : [at + 1])),
        );
      }
    },
    schedule: scheduleText({
      timezone: ZONE,
      calendars: { financial_year: { ends_on: '03-31' } },
      classes: Object.fromEntries(
        each.map(({ index, column }) => [
          tableOf(index, column),
          { table: `public.${tableOf(index, column)}` },
        ]),
      ),
      rules: Object.fromEntries(
        each.map(({ rule, index, column }) => [
          `rule_${tableOf(index, column)}`,
          timed(
            tableOf(index, column),
            {
              event: 'closed',
              column: 'trigger_at',
              ...(column === 'at_wall' ? { zone: APIA } : {}),
            },
            'delete',
            {
              keep: { at_least: rule.keep },
              ...(rule.cutoff ? { cutoff: rule.cutoff } : {}),
              ...(rule.keep === 'P0D' ? { at_once: true } : {}),
            },
          ),
        ]),
      ),
    }),
  });
  const plan = await governed.plan({ asOf: AS_OF });
  await governed.carryOut(plan);
  expect((await governed.close(plan)).outcome).toBe('completed');
});
afterAll(() => governed.end());

describe('destroyed exactly when the calendar says destroyable', () => {
  it.each(
    each.map(
      (one) =>
        [one.rule.keep + (one.rule.cutoff ? ' from the year end' : ''), one.column, one] as const,
    ),
  )('%s, %s', async (_keep, _column, { index, column }) => {
    const table = tableOf(index, column);
    const rows = await governed.sql<
      { id: number }[]
    >`select id from ${governed.sql(table)} order by id`;
    const kept = expected.get(table) ?? [];
    expect(kept.length).toBeGreaterThan(50);
    expect(kept.length).toBeLessThan(650);
    expect(rows.map(({ id }) => id)).toEqual(kept);
  });
});
