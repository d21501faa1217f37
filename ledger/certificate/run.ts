/** Checks the certificate of a run: plan, approval, beginning, end, and every batch in between. */
import { entrySha256 } from '../entry.ts';
import type { StatementOf } from '../statements.ts';
import { followRun } from '../verify/batch-rules.ts';
import { stepFault } from '../verify/plans.ts';
import { begin, checkClose, type OpenRun, openingFault } from '../verify/runs.ts';
import type { CheckContext } from './check.ts';
import {
  base64Bytes,
  ofKind,
  type StatementEvidence,
  statementEvidence,
  type Told,
  told,
} from './evidence.ts';
import type { CertificateFindingCode, ReportCertificateFinding } from './findings.ts';
import type { RunCertificate } from './format.ts';
import { isSignedBy } from './keys.ts';
import { RUN_LIMITS } from './limits.ts';
import { checkName, checkPeople } from './people.ts';
import type { Placed, RunFacts, StepFacts } from './report.ts';
import { checkSaid } from './words.ts';

type Header = Told<StatementOf<'batch'>>;

/** The certificate, its parts decoded. */
export interface RunParts {
  readonly plan: StatementEvidence<StatementOf<'plan'>>;
  readonly approval: StatementEvidence<StatementOf<'approval'>>;
  readonly open: StatementEvidence<StatementOf<'run.open'>>;
  readonly close: StatementEvidence<StatementOf<'run.close'>>;
  readonly headers: readonly Header[];
}

/** Throws `LEDGER_MALFORMED` for a part that is not in its format. */
export function runParts(certificate: RunCertificate): RunParts {
  return {
    plan: ofKind('plan', statementEvidence(certificate.plan)),
    approval: ofKind('approval', statementEvidence(certificate.approval)),
    open: ofKind('run.open', statementEvidence(certificate.open)),
    close: ofKind('run.close', statementEvidence(certificate.close)),
    headers: certificate.batch_header_entries.map((entry) =>
      ofKind('batch', told(base64Bytes(entry))),
    ),
  };
}

/** Reports whatever does not hold; what it answers is proven only when nothing was reported. */
export function checkRun(
  certificate: RunCertificate,
  parts: RunParts,
  context: CheckContext,
): RunFacts {
  const { plan, approval, open, close } = parts;
  for (const [what, evidence] of Object.entries({ plan, approval, open, close })) {
    context.requireIncluded(what, evidence);
    context.requireSigned(what, evidence);
  }
  checkStory(certificate, parts, context);
  const run = checkBatches(parts, context);
  const { people: named } = certificate;
  const people = checkPeople(named, approval.statement, context.report);
  checkName('began the run', named.opened_by, open.statement.opened_by, context.report);
  checkWords(certificate, parts, run, context);
  return {
    kind: 'run',
    head: context.head,
    plan: placed(plan),
    approval: placed(approval),
    open: placed(open),
    close: placed(close),
    people,
    openedBy: named.opened_by.name,
    steps: stepFacts(parts),
    workers: [...new Set(parts.headers.map(({ statement }) => statement.worker))],
    executed: executedTimes(parts.headers),
  };
}

/** One run of one plan in one store: planned, approved, begun, ended, in this order. */
function checkStory(
  { run }: RunCertificate,
  { plan, approval, open, close }: RunParts,
  { report }: CheckContext,
): void {
  const story = [plan, approval, open, close];
  const indexes = story.map(({ proof }) => proof.index);
  const isOne =
    story.every(({ statement }) => statement.run === run) &&
    story.every(({ statement }) => statement.source === plan.statement.source) &&
    indexes.every((index, i) => i === 0 || index > (indexes[i - 1] ?? 0));
  if (!isOne) {
    report('E_RUN', 'Plan, approval, beginning and end are not, in this order, those of the run.');
  }
  const { sha256, requested_by } = plan.statement;
  const decision = approval.statement;
  if (
    decision.decision !== 'approve' ||
    decision.sha256 !== sha256 ||
    decision.requested_by !== requested_by ||
    open.statement.sha256 !== sha256
  ) {
    report('E_APPROVAL', 'The approval shown is not one of the plan that was carried out.');
  }
}

/** By the rules that a whole log is verified by. */
function checkBatches(parts: RunParts, context: CheckContext): OpenRun {
  const { plan, open, close, headers } = parts;
  const { report } = context;
  const steps = stepFault(plan.statement);
  if (steps !== undefined) report('E_PLAN', `The plan ${steps}.`);
  // Whether it was approved is another question.
  const terms = { ...plan.statement, approved: true };
  const opening = openingFault(open.statement, terms);
  if (opening !== undefined) report('E_RUN', `The run begins ${opening}.`);
  const run = begin(placed(open), terms);
  const ids = new Set<string>();
  for (const header of headers) {
    const { batch, seq, step, lane } = header.statement;
    const wrong = (code: CertificateFindingCode, what: string): void =>
      report(code, `Batch ${seq} of step ${step}, lane ${lane}, ${what}.`);
    if (ids.has(batch)) wrong('E_RUNCHAIN', 'has the id of a batch before it');
    ids.add(batch);
    checkHeader(header, parts, context, wrong);
    followRun(run, header.statement, entrySha256(header.entry.bytes).toString('hex'), wrong);
  }
  checkClose(run, close.statement, report);
  return run;
}

function checkHeader(
  header: Header,
  { plan, open, close }: RunParts,
  { keys }: CheckContext,
  wrong: ReportCertificateFinding,
): void {
  const { run, store, worker } = header.statement;
  if (run !== plan.statement.run || `store:${store}` !== plan.statement.source) {
    wrong('E_BATCH', 'is not of this run');
  }
  const key = keys.validWithin(worker, open.proof.index, close.proof.index);
  if (key === undefined) {
    wrong('E_KEY', 'is signed by a key that the log does not name as valid in the run');
  } else if (!isSignedBy(header, key)) {
    wrong('E_WORKERSIG', 'has a signature that is not of its key');
  }
}

function stepFacts({ plan, headers }: RunParts): StepFacts[] {
  return plan.statement.steps.map((planned) => {
    const done = headers.filter(({ statement }) => statement.step === planned.step);
    return {
      step: planned.step,
      recordClass: planned.class,
      rule: planned.rule,
      action: planned.action,
      table: planned.table,
      planned: planned.destroys,
      batches: done.length,
      records: done.reduce((sum, { statement }) => sum + statement.items.count, 0),
    };
  });
}

/** Microseconds and UTC throughout, so that they compare as text. */
function executedTimes(headers: readonly Header[]): RunFacts['executed'] {
  const times = headers.map(({ statement }) => statement.executed_at).sort();
  const [first, last] = [times.at(0), times.at(-1)];
  return first === undefined || last === undefined ? undefined : { first, last };
}

/** Every class and rule by which it was done is explained, and no other. */
function checkWords(
  { words }: RunCertificate,
  { headers, close }: RunParts,
  { lastExecutedAt }: OpenRun,
  { report }: CheckContext,
): void {
  const classes = new Set(headers.map(({ statement }) => statement.class));
  const rules = new Set(headers.map(({ statement }) => statement.rule.id));
  if (!areNames(classes, words.classes) || !areNames(rules, words.rules)) {
    report('E_WORDS', 'The classes and rules explained are not those of the batches.');
  }
  checkSaid(words, { executed: lastExecutedAt, over: close.statement.at }, RUN_LIMITS, report);
}

function areNames(names: ReadonlySet<string>, of: Readonly<Record<string, unknown>>): boolean {
  const said = Object.keys(of);
  return said.length === names.size && said.every((name) => names.has(name));
}

function placed<S>(of: {
  readonly proof: { readonly index: number };
  readonly statement: S;
}): Placed<S> {
  return { index: of.proof.index, statement: of.statement };
}
