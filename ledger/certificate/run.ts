/** Checks the certificate of a run: plan, approval, beginning, end, and every batch in between. */
import { entrySha256 } from '../entry.ts';
import { NO_PREVIOUS, type StatementOf } from '../statements.ts';
import type { CheckContext } from './check.ts';
import {
  base64Bytes,
  ofKind,
  type StatementEvidence,
  statementEvidence,
  type Told,
  told,
} from './evidence.ts';
import type { RunCertificate } from './format.ts';
import { isSignedBy } from './keys.ts';
import { checkName, checkPeople } from './people.ts';
import type { Placed, RunFacts, StepFacts } from './report.ts';

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
  for (const header of parts.headers) checkHeader(header, parts, context);
  checkLanes(parts, context);
  checkTotals(parts, context);
  const { people: named } = certificate;
  const people = checkPeople(named, approval.statement, context.report);
  checkName('began the run', named.opened_by, open.statement.opened_by, context.report);
  checkWords(certificate, parts, context);
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

function checkHeader(header: Header, parts: RunParts, { keys, report }: CheckContext): void {
  const { plan, open, close } = parts;
  const batch = header.statement;
  const place = `Batch ${batch.seq} of step ${batch.step}, lane ${batch.lane},`;
  if (
    batch.run !== plan.statement.run ||
    batch.approval.sha256 !== plan.statement.sha256 ||
    `store:${batch.store}` !== plan.statement.source
  ) {
    report('E_BATCH', `${place} is not of this run and its plan.`);
  }
  if (!isPlanned(batch, plan.statement)) {
    report('E_SCOPE', `${place} is not what the plan says of this step.`);
  }
  const worker = keys.validWithin(batch.worker, open.proof.index, close.proof.index);
  if (worker === undefined) {
    report('E_KEY', `${place} is signed by a key that the log does not name as valid in the run.`);
  } else if (!isSignedBy(header, worker)) {
    report('E_WORKERSIG', `${place} has a signature that is not of its key.`);
  }
}

function isPlanned(batch: StatementOf<'batch'>, plan: StatementOf<'plan'>): boolean {
  const step = plan.steps.find((one) => one.step === batch.step);
  return (
    step !== undefined &&
    step.class === batch.class &&
    step.rule === batch.rule.id &&
    step.action === batch.action &&
    step.table === batch.table &&
    plan.schedule_version === batch.rule.version &&
    plan.schedule_sha256 === batch.rule.sha256
  );
}

/** Every lane from its first header to the last one that the end of the run names, without a gap. */
function checkLanes({ headers, close }: RunParts, { report }: CheckContext): void {
  const lanes = new Map<string, { seq: number; last: string }>();
  for (const { entry, statement } of headers) {
    const name = laneName(statement);
    const before = lanes.get(name) ?? { seq: 0, last: NO_PREVIOUS };
    if (statement.seq !== before.seq + 1 || statement.prev !== before.last) {
      report(
        'E_RUNCHAIN',
        `Step ${statement.step}, lane ${statement.lane}: a batch is missing or doubled.`,
      );
      return;
    }
    lanes.set(name, { seq: statement.seq, last: entrySha256(entry.bytes).toString('hex') });
  }
  const ends = close.statement.lanes;
  const complete =
    ends.length === lanes.size &&
    ends.every((end) => {
      const lane = lanes.get(laneName(end));
      return lane?.seq === end.seq && lane.last === end.last;
    });
  if (!complete) {
    report(
      'E_RUNCHAIN',
      'The batches are not those that the end of the run names: one is missing or too many.',
    );
  }
}

const laneName = ({ step, lane }: { readonly step: number; readonly lane: number }): string =>
  `${step}/${lane}`;

function checkTotals({ headers, close }: RunParts, { report }: CheckContext): void {
  const { batches, records, classes } = close.statement;
  const counted = new Map<string, { batches: number; records: number }>();
  for (const { statement } of headers) {
    const sum = counted.get(statement.class) ?? { batches: 0, records: 0 };
    counted.set(statement.class, {
      batches: sum.batches + 1,
      records: sum.records + statement.items.count,
    });
  }
  const names = new Set([...counted.keys(), ...Object.keys(classes)]);
  const sums = [...counted.values()];
  const same =
    batches === headers.length &&
    records === sums.reduce((sum, one) => sum + one.records, 0) &&
    [...names].every((name) => {
      const said = Object.hasOwn(classes, name) ? classes[name] : undefined;
      const sum = counted.get(name);
      return (
        (said?.batches ?? 0) === (sum?.batches ?? 0) && (said?.records ?? 0) === (sum?.records ?? 0)
      );
    });
  if (!same) report('E_TOTALS', 'The end of the run names other totals than its batches have.');
}

function stepFacts({ plan, headers }: RunParts): StepFacts[] {
  return plan.statement.steps.map((planned) => {
    const done = headers.filter(({ statement }) => statement.step === planned.step);
    return {
      step: planned.step,
      recordClass: planned.class,
      rule: planned.rule,
      action: planned.action,
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

/** What stands in the words and in the log must be the same in both. */
function checkWords(
  { words }: RunCertificate,
  { headers }: RunParts,
  { report }: CheckContext,
): void {
  const explained = headers.every(({ statement: { class: name, rule } }) => {
    const said = words.rules.find(({ id }) => id === rule.id);
    return (
      Object.hasOwn(words.classes, name) &&
      said?.version === rule.version &&
      said.sha256 === rule.sha256
    );
  });
  if (!explained) {
    report(
      'E_WORDS',
      'A class or rule of a batch is not explained, or is of another schedule version.',
    );
  }
}

function placed<S>(of: {
  readonly proof: { readonly index: number };
  readonly statement: S;
}): Placed<S> {
  return { index: of.proof.index, statement: of.statement };
}
