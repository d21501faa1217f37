/** The proof at the end: sums of counts taken before and after, and the planted records one by one. */
import type { Sql } from 'postgres';
import { type Bystander, checkBystanders, fingerprint } from '../bystander-check.ts';
import { type Counted, countEverything, loggedOf, partsOf } from './counts.ts';
import type { PlannedRun } from './planned-run.ts';
import { count, say } from './say.ts';

export interface Check {
  readonly ok: boolean;
  readonly text: string;
}

/** What is known before anything goes. */
export interface Before {
  readonly counted: Counted;
  readonly held: string;
  readonly heldPrint: string | undefined;
  readonly heldParts: {
    readonly contract: number;
    readonly note: number;
    readonly newsletter: number;
  };
}

export async function takeStock(sql: Sql, run: PlannedRun, held: string): Promise<Before> {
  return {
    counted: await countEverything(sql, run.asOf),
    held,
    heldPrint: await fingerprint(sql, { class: 'customer', key: held }),
    heldParts: await partsOf(sql, held),
  };
}

/** Prints every check with ✓ or ✗; true when all passed. */
export async function prove(
  sql: Sql,
  run: PlannedRun,
  before: Before,
  planted: readonly Bystander[],
): Promise<boolean> {
  const after = await countEverything(sql, run.asOf);
  const checks = [
    ...sumChecks(before, after),
    ...partChecks(before, after),
    await logCheck(sql, run, destroyedOf(before.counted, after)),
    await heldCheck(sql, before),
    ...(await bystanderChecks(sql, planted)),
  ];
  for (const { ok, text } of checks) say(`  ${ok ? '✓' : '✗'} ${text}`);
  return checks.every(({ ok }) => ok);
}

/** Destroyed records of each rule, by how many rows are missing (or have nothing left to reduce). */
function destroyedOf(before: Counted, after: Counted): Readonly<Record<string, number>> {
  return {
    cctv_30_days: before.rows.cctv_recording - after.rows.cctv_recording,
    customer_6_years: before.rows.customer - after.rows.customer,
    special_requirements_6_years: before.rows.special_requirement - after.rows.special_requirement,
    tenancy_file_6_years: after.rows.reduced_tenancy - before.rows.reduced_tenancy,
  };
}

function sumChecks({ counted: before }: Before, after: Counted): Check[] {
  const destroyed = destroyedOf(before, after);
  const sum = (title: string, rule: keyof Counted['due'], reasons: Record<string, number>) => {
    const [due, gone] = [before.due[rule].due, destroyed[rule] ?? 0];
    const withheld = after.due[rule].due;
    const expected = Object.values(reasons).reduce((total, value) => total + value, 0);
    const why = Object.entries(reasons).map(([reason, value]) => `${count(value)} ${reason}`);
    return {
      ok: due - gone - withheld === 0 && withheld === expected,
      text:
        `${title.padEnd(21)} ${count(due)} due − ${count(gone)} destroyed − ${count(withheld)} ` +
        `withheld = ${due - gone - withheld}${why.length > 0 ? `  (${why.join(', ')})` : ''}`,
    };
  };
  return [
    sum('CCTV images', 'cctv_30_days', {}),
    sum('Customer record', 'customer_6_years', {
      held: 1,
      blocked: after.due.customer_6_years.blocked,
      'blocked until this run took their special requirements':
        before.due.customer_6_years.blockedOnlyByDue,
    }),
    sum('Special requirements', 'special_requirements_6_years', {}),
    sum('Tenancy file', 'tenancy_file_6_years', {}),
  ];
}

function partChecks({ counted: before, heldParts }: Before, after: Counted): Check[] {
  const { customer_6_years: customers, tenancy_file_6_years: tenancies } = before.due;
  const { contract, note } = customers.parts;
  const { rent_line: lines, tenancy_document: documents } = tenancies.parts;
  const fell = (table: keyof Counted['rows']) => before.rows[table] - after.rows[table];
  const untouched = [
    ...['tenancy', 'newsletter', 'complaint', 'call_recording', 'person', 'property'],
  ] as const;
  const changed = untouched.filter((table) => fell(table as keyof Counted['rows']) !== 0);
  return [
    {
      ok:
        fell('contract') === contract - heldParts.contract &&
        fell('note') === note - heldParts.note,
      text: `with the customers went ${count(fell('contract'))} contracts and ${count(fell('note'))} notes, those of the held one stayed`,
    },
    {
      ok: fell('rent_line') === lines && fell('tenancy_document') === documents,
      text: `with the tenancy files went ${count(fell('rent_line'))} rent lines and ${count(fell('tenancy_document'))} documents`,
    },
    {
      ok: fell('linked_newsletter') === customers.detached.newsletter - heldParts.newsletter,
      text: `${count(fell('linked_newsletter'))} newsletter subscriptions stayed, unlinked`,
    },
    {
      ok: changed.length === 0,
      text:
        changed.length === 0
          ? `not one row of ${untouched.join(', ').replaceAll('_', ' ')} is missing`
          : `rows are missing in ${changed.join(', ')}`,
    },
  ];
}

async function logCheck(
  sql: Sql,
  run: PlannedRun,
  destroyed: Readonly<Record<string, number>>,
): Promise<Check> {
  const logged = await loggedOf(sql, run.id);
  const total = (of: (rule: string) => number) =>
    Object.keys(destroyed).reduce((sum, rule) => sum + of(rule), 0);
  const entries = total((rule) => logged.get(rule)?.references ?? 0);
  return {
    ok: Object.entries(destroyed).every(([rule, gone]) => {
      const log = logged.get(rule) ?? { destroyed: 0, references: 0 };
      return log.destroyed === gone && log.references === gone;
    }),
    text: `${count(total((rule) => destroyed[rule] ?? 0))} records are gone and the log has ${count(entries)} entries, rule by rule the same`,
  };
}

async function heldCheck(sql: Sql, { held, heldPrint }: Before): Promise<Check> {
  const print = await fingerprint(sql, { class: 'customer', key: held });
  return {
    ok: print !== undefined && print === heldPrint,
    text: `customer ${held}, held while the run was at work, is there to the last byte`,
  };
}

async function bystanderChecks(sql: Sql, planted: readonly Bystander[]): Promise<Check[]> {
  const checked = await checkBystanders(sql, planted);
  const survivors = checked.filter(({ bystander }) => bystander.expect === 'survives');
  const others = checked.filter(({ bystander }) => bystander.expect !== 'survives');
  const good = (list: typeof checked) => list.filter(({ asExpected }) => asExpected).length;
  return [
    {
      ok: good(survivors) === survivors.length,
      text: `${good(survivors)} of ${survivors.length} planted bystanders survive, to the last byte`,
    },
    {
      ok: good(others) === others.length,
      text: `${good(others)} of ${others.length} planted records that were due went as they should`,
    },
    ...checked
      .filter(({ asExpected }) => !asExpected)
      .map(({ bystander, found }) => ({
        ok: false,
        text: `${bystander.class} ${bystander.key} (${bystander.why}): ${bystander.expect} expected, ${found} found`,
      })),
  ];
}
