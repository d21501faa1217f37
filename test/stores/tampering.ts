/** What a test does to the guard that nobody else may: weaken it and see the bad thing happen. */
import postgres, { type Sql } from 'postgres';
import { RetentionError } from '../../domain/errors.ts';
import type { Plan } from '../../domain/plan.ts';

/** Replaces a piece of a guard function's text; answers how to put it back. */
export async function weaken(
  sql: Sql,
  functionName: string,
  from: string,
  to: string,
): Promise<() => Promise<void>> {
  const [row] = await sql<{ text: string }[]>`
    select pg_get_functiondef(${`retain_guard.${functionName}`}::regproc) as text`;
  const text = row?.text ?? '';
  if (text.split(from).length !== 2) throw new Error(`"${from}" is not once in ${functionName}`);
  await sql.unsafe(text.replace(from, () => to));
  return async () => void (await sql.unsafe(text));
}

/**
 * Replaces a piece of the approved statements of a step, everywhere it occurs, and makes the guard
 * believe they are the approved ones.
 */
export async function weakenStatements(
  sql: Sql,
  plan: Plan,
  step: number,
  from: string | RegExp,
  to: string,
): Promise<() => Promise<void>> {
  const run = plan.document.run;
  const [row] = await sql<{ statements: string }[]>`
    select statements from retain_guard.step where run_id = ${run} and step_no = ${step}`;
  const before = row?.statements ?? '';
  const after = before.replaceAll(
    typeof from === 'string' ? from : new RegExp(from, 'g'),
    () => to,
  );
  if (after === before) throw new Error(`${String(from)} is not in the statements: ${before}`);
  await sql`update retain_guard.step set statements = ${after} where run_id = ${run} and step_no = ${step}`;
  return weaken(
    sql,
    'approved_step',
    "is distinct from step_doc ->> 'statementsSha256'",
    'is null',
  );
}

/** One connection that took a role of the guard before its first statement. */
export async function asRole<T>(
  url: string,
  role: string,
  work: (sql: Sql) => Promise<T>,
): Promise<T> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined, connection: { role } });
  try {
    return await work(sql);
  } finally {
    await sql.end();
  }
}

/** The SQLSTATE that a statement fails with; for the guard's own refusals their code. `none` when it succeeds. */
export async function refusalOf(work: PromiseLike<unknown>): Promise<string> {
  try {
    await work;
    return 'none';
  } catch (error) {
    if (error instanceof RetentionError) return error.code;
    const { code, message } = error as { code?: string; message?: string };
    return code === 'RG001' ? (message?.split(':')[0] ?? '') : (code ?? String(error));
  }
}

/** The ids of a table in ascending order. */
export async function idsOf(sql: Sql, table: string): Promise<number[]> {
  const rows = await sql.unsafe<{ id: number }[]>(
    `select id::integer as id from ${table} order by 1`,
  );
  return rows.map(({ id }) => id);
}
