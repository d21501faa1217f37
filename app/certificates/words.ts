/** The words of a certificate: what the organisation says beside what the log proves. */
import { addPeriod, dayIn } from '../../domain/calendar.ts';
import { RetentionError } from '../../domain/errors.ts';
import { instant } from '../../domain/instant.ts';
import type { DispositionKind, PlanDocument, PlanStep } from '../../domain/plan.ts';
import type { MethodWords, RuleWords } from '../../ledger/certificate/format.ts';
import { type Retain, type ScheduleInForce, storeNamed } from '../context.ts';
import { scheduleOf } from '../schedule-versions.ts';

const MEDIUM = 'this is not Clear, Purge or Destroy of a medium in the sense of NIST SP 800-88';

const SANITISATION: Readonly<Record<DispositionKind, string>> = {
  delete: `Rows were deleted by SQL in committed transactions, a logical deletion; ${MEDIUM}.`,
  anonymise: `Columns were overwritten by SQL in committed transactions, the row remains; ${MEDIUM}.`,
  reduce: `Parts were deleted and columns blanked by SQL in committed transactions, the row remains; ${MEDIUM}.`,
};

export interface Done {
  readonly actions: readonly DispositionKind[];
  readonly tables: readonly string[];
  readonly workers: readonly string[];
  readonly requestedBy: string;
  readonly decidedBy: string;
  /** RFC 3339 UTC, of the last batch. */
  readonly executedAt: string;
}

/** The fields of the sample certificate of NIST SP 800-88, as far as they can honestly be filled. */
export function methodWords(document: PlanDocument, done: Done): MethodWords {
  const { store, database, timezone } = document;
  return {
    media: `Rows of ${done.tables.join(', ')} with their parts, in a PostgreSQL database; no storage medium was handled.`,
    sanitisation: [...new Set(done.actions)].map((action) => SANITISATION[action]).join(' '),
    tool: `Retain, signing with ${done.workers.join(', ')}.`,
    verification:
      'The database counted the rows in the transaction that destroyed them; the ledger entries were recomputed before they were signed. No medium was read.',
    person: `Carried out by the program; requested by ${done.requestedBy}, approved by ${done.decidedBy}.`,
    date: dayIn(timezone, instant(done.executedAt)),
    location: `Store ${store}, database ${database}. Where its machines stand is not recorded.`,
  };
}

/** The rule as it stood in the approved plan. */
export function ruleWords(document: PlanDocument, step: PlanStep): RuleWords {
  const { version, sha256 } = document.schedule;
  return { id: step.rule, version, sha256, text: step.ruleText, authority: step.authority };
}

/** The step of a plan, counted from 1. */
export function stepOf(document: PlanDocument, step: number): PlanStep {
  const found = document.steps[step - 1];
  if (found !== undefined) return found;
  throw new RetentionError('LEDGER_BROKEN', 'A batch names a step that its plan does not have.', {
    run: document.run,
    step,
  });
}

/**
 * Civil day on which the last backup that holds what was destroyed at `executedAt` expires: by the schedule
 * of that time or the one in force, whichever keeps backups longer.
 */
export async function backupsExpireOn(
  retain: Retain,
  inForce: ScheduleInForce,
  document: PlanDocument,
  executedAt: string,
): Promise<string> {
  const { version } = document.schedule;
  const then = version === inForce.version ? inForce : await scheduleOf(retain, version);
  const day = dayIn(document.timezone, instant(executedAt));
  const [a, b] = [then, inForce].map(({ schedule }) =>
    addPeriod(day, storeNamed(schedule, document.store).backupsKeptFor),
  );
  return [a ?? day, b ?? day].sort().at(-1) ?? day;
}
