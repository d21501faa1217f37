import type { Sql } from 'postgres';

/** Calendar days (`YYYY-MM-DD`, London) around which bystanders are planted. */
export interface PlantedDays {
  readonly today: string;
  /** The youngest day that is more than six years back: its record is due, that of the day after not. */
  readonly sixYearsDue: string;
  readonly sixYearsTooYoung: string;
  /** The youngest 29 February that is due after six years, and the oldest that is still kept. */
  readonly leapDayDue: string;
  readonly leapDayKept: string;
  /** The last of the 30 days for which recordings are kept, and the day before it. */
  readonly cctvKept: string;
  readonly cctvDue: string;
}

/** Works the days out from the instant, in PostgreSQL and plain arithmetic, without Retain's calendar. */
export async function plantedDays(sql: Sql, asOf: Date): Promise<PlantedDays> {
  const rows = await sql<{ today: string; sixYearsDue: string }[]>`
    with clock as (select (${asOf}::timestamptz at time zone 'Europe/London')::date as today)
    select today::text as today, (
      select max(day)::date::text
      from generate_series(today - interval '6 years 5 days', today - interval '5 years', '1 day') day
      where (day + interval '6 years')::date < today
    ) as "sixYearsDue"
    from clock`;
  const found = rows[0];
  if (found === undefined) throw new TypeError('the database gave no day');
  const { today, sixYearsDue } = found;
  return {
    today,
    sixYearsDue,
    sixYearsTooYoung: plusDays(sixYearsDue, 1),
    ...leapDays(today),
    cctvKept: plusDays(today, -30),
    cctvDue: plusDays(today, -31),
  };
}

/** The day so many days later, or earlier when negative. */
export function plusDays(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}

/** 15 June so many years before: far from any boundary when the years are. */
export function midsummerBefore(day: string, years: number): string {
  return `${Number(day.slice(0, 4)) - years}-06-15`;
}

/** Six years after 29 February the last day kept is 28 February; the record is due from 1 March. */
function leapDays(today: string): Pick<PlantedDays, 'leapDayDue' | 'leapDayKept'> {
  const year = Number(today.slice(0, 4));
  const past = Array.from({ length: 25 }, (_, back) => year - back).filter(
    (candidate) => isLeap(candidate) && `${candidate}-02-29` <= today,
  );
  const due = past.filter((candidate) => `${candidate + 6}-02-28` < today);
  const kept = past.filter((candidate) => `${candidate + 6}-02-28` >= today);
  return { leapDayDue: `${Math.max(...due)}-02-29`, leapDayKept: `${Math.min(...kept)}-02-29` };
}

function isLeap(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}
