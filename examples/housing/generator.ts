import { readFile } from 'node:fs/promises';
import type { Sql } from 'postgres';
import { RetentionError } from '../../domain/errors.ts';

export interface HousingOptions {
  /**
   * Rows of the five record classes together, at least 100: 58 % CCTV recordings, 20 % customers, 15 %
   * tenancies, 4 % special requirements, 3 % call recordings. Their parts come on top.
   */
  readonly records: number;
  /** Whole number: the same seed, size and instant give the same rows. */
  readonly seed: number;
  /** The instant the data is as of: nothing in it is later, and ages are counted from its London day. */
  readonly asOf: Date;
  /** Told after each step, for a progress line. */
  readonly onStep?: (step: string, done: number, total: number) => void;
}

const FILES = ['chance', 'people', 'customers', 'tenancies', 'recordings'] as const;

const STEPS = [
  'fill_people',
  'fill_customers',
  'fill_contracts',
  'fill_case_work',
  'fill_tenancies',
  'fill_tenancy_files',
  'fill_recordings',
] as const;

/** Creates the tables of Harbour Homes in `public`; fails where one of them is there already. */
export async function createHousingTables(sql: Sql): Promise<void> {
  await runFile(sql, 'schema.sql');
}

/**
 * Fills the empty tables of Harbour Homes. Set-based, so the time grows with the rows and the memory of
 * this process does not. Leaves nothing behind but rows, statistics and advanced identity sequences.
 *
 * @throws RetentionError `USAGE` when an option is out of range or the tables hold rows already.
 */
export async function generateHousing(sql: Sql, options: HousingOptions): Promise<void> {
  checkOptions(options);
  await refuseUnlessEmpty(sql);
  await sql`drop schema if exists housing_generator cascade`;
  try {
    for (const file of FILES) await runFile(sql, `generate/${file}.sql`);
    for (const [index, step] of STEPS.entries()) {
      await sql`select ${sql(`housing_generator.${step}`)}(
        ${options.records}::bigint, ${options.seed}::bigint, ${options.asOf}::timestamptz)`;
      options.onStep?.(step.replaceAll('_', ' '), index + 1, STEPS.length);
    }
    await sql`select housing_generator.continue_ids()`;
  } finally {
    await sql`drop schema if exists housing_generator cascade`;
  }
}

function checkOptions({ records, seed, asOf }: HousingOptions): void {
  if (!Number.isSafeInteger(records) || records < 100) {
    throw new RetentionError('USAGE', 'records must be a whole number of at least 100');
  }
  if (!Number.isSafeInteger(seed)) throw new RetentionError('USAGE', 'seed must be a whole number');
  if (Number.isNaN(asOf.getTime())) throw new RetentionError('USAGE', 'asOf is not an instant');
}

async function refuseUnlessEmpty(sql: Sql): Promise<void> {
  const rows = await sql`
    select 1 from public.person union all
    select 1 from public.property union all
    select 1 from public.cctv_recording limit 1`;
  if (rows.length > 0) {
    throw new RetentionError(
      'USAGE',
      'the tables of Harbour Homes hold rows; generate into empty ones',
    );
  }
}

/** Sends a file of several statements as one simple query: all of it happens or nothing. */
async function runFile(sql: Sql, name: string): Promise<void> {
  const text = await readFile(new URL(name, import.meta.url), 'utf8');
  await sql.unsafe(text).simple();
}
