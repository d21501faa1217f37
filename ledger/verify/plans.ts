/** Schedule versions, plans and decisions: what each may rest on. */
import type { StatementOf } from '../statements.ts';
import type { ReportFinding } from './findings.ts';
import type { SaidOf } from './said.ts';

/** A registered plan, until it is rejected or its run is over: what decisions and batches are measured by. */
export interface Plan
  extends Pick<
    StatementOf<'plan'>,
    | 'source'
    | 'sha256'
    | 'schedule_version'
    | 'schedule_sha256'
    | 'as_of'
    | 'expires_at'
    | 'requested_by'
    | 'steps'
  > {
  approved: boolean;
}

export interface Plans {
  version(said: SaidOf<'rule.version'>): void;
  register(said: SaidOf<'plan'>, holdVersion: bigint): void;
  decide(said: SaidOf<'approval'>): void;
  of(run: string): Plan | undefined;
  /** Its run is over: what it allowed is used up. */
  forget(run: string): void;
}

export function plans(report: ReportFinding): Plans {
  const versions = new Map<number, string>();
  const open = new Map<string, Plan>();
  /** Runs are told apart for ever: 36 characters each. */
  const known = new Set<string>();
  let newest = 0;
  return {
    version({ statement: { version, sha256 }, index, signed }) {
      if (version <= newest) {
        report('E_RULE', `Schedule version ${version} comes after version ${newest}.`, { index });
        return;
      }
      newest = version;
      if (signed) versions.set(version, sha256);
    },
    register({ statement, index, signed }, holdVersion) {
      const { run, schedule_version, schedule_sha256 } = statement;
      const wrong = (what: string): void => report('E_PLAN', `A plan ${what}.`, { index, run });
      if (known.has(run)) {
        wrong('is registered twice');
        return;
      }
      if (versions.get(schedule_version) !== schedule_sha256) {
        wrong(
          `names schedule version ${schedule_version}, which the log does not have so before it`,
        );
      }
      if (BigInt(statement.hold_version) > holdVersion) {
        wrong('has seen holds that the log does not have before it');
      }
      const doubled = stepFault(statement);
      if (doubled !== undefined) wrong(doubled);
      known.add(run);
      if (signed) open.set(run, termsOf(statement));
    },
    decide({ statement, index, signed }) {
      const { run, sha256, source, requested_by, decided_by, decision } = statement;
      const plan = open.get(run);
      const wrong = (what: string): void =>
        report('E_APPROVAL', `A decision ${what}.`, { index, run });
      if (plan === undefined) {
        wrong('is on a plan that is not registered before it, rejected, or over');
        return;
      }
      if (plan.source !== source) wrong('is told by another store than its plan');
      if (plan.sha256 !== sha256) wrong('names another digest than its plan has');
      if (plan.requested_by !== requested_by) wrong('names another requester than its plan');
      if (plan.approved) wrong('is the second on its plan');
      if (decision === 'approve' && requested_by === decided_by) {
        report('E_FOUREYES', 'Who asked for a plan approved it.', { index, run });
      }
      const fits = plan.sha256 === sha256 && plan.source === source;
      if (!signed || !fits || plan.approved) return;
      if (decision === 'approve') plan.approved = true;
      else open.delete(run);
    },
    of: (run) => open.get(run),
    forget: (run) => void open.delete(run),
  };
}

/** What is wrong with the steps of a plan by themselves. */
export function stepFault({ steps }: StatementOf<'plan'>): string | undefined {
  const numbers = new Set(steps.map(({ step }) => step));
  return numbers.size === steps.length ? undefined : 'has two steps of one number';
}

function termsOf(statement: StatementOf<'plan'>): Plan {
  const { source, sha256, schedule_version, schedule_sha256, as_of } = statement;
  const { expires_at, requested_by, steps } = statement;
  return {
    ...{ source, sha256, schedule_version, schedule_sha256, as_of },
    ...{ expires_at, requested_by, steps, approved: false },
  };
}
