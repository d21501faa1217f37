import type { Sql } from 'postgres';
import type { PlanDocument } from '../../../domain/plan.ts';

/** What a person reads off the plan to go on with it. */
export interface PlannedRun {
  readonly id: string;
  readonly shortId: string;
  readonly digest: string;
  readonly asOf: Date;
  /** Number of the step that destroys customers. */
  readonly customerStep: number;
  readonly destroys: number;
}

export async function newestPlan(sql: Sql): Promise<PlannedRun> {
  const [row] = await sql<{ digest: string; document: string }[]>`
    select digest, document from retain_guard.plan order by created_at desc limit 1`;
  if (row === undefined) throw new TypeError('there is no plan');
  const document = JSON.parse(row.document) as PlanDocument;
  return {
    id: document.run,
    shortId: document.run.slice(0, 4),
    digest: row.digest,
    asOf: new Date(document.asOf),
    customerStep: document.steps.findIndex(({ rule }) => rule === 'customer_6_years') + 1,
    destroys: document.steps.reduce((sum, { counts }) => sum + counts.destroys, 0),
  };
}

/** A customer who would go late in the run, and is none of those that were planted. */
export async function lateCustomer(
  sql: Sql,
  run: PlannedRun,
  planted: readonly string[],
): Promise<string> {
  const [row] = await sql<{ key: string }[]>`
    select key[1] as key from retain_guard.planned
     where run_id = ${run.id} and step_no = ${run.customerStep}
       and key[1] <> all (${planted as string[]})
     order by ord desc limit 1`;
  if (row === undefined) throw new Error('no customer is due: generate more records');
  return row.key;
}
