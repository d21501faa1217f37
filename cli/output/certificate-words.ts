/** A certificate in words: what is proven, what is only stated, what neither is. For terminals and for paper. */
import type { RuleWords } from '../../ledger/certificate/format.ts';
import { RECORD_LIMITS, RUN_LIMITS } from '../../ledger/certificate/limits.ts';
import type {
  CertificateReport,
  RecordFacts,
  RunFacts,
  RunReport,
} from '../../ledger/certificate/report.ts';
import { signingKeyName } from '../../ledger/ed25519.ts';
import { parseVkey } from '../../ledger/note-key.ts';
import { dayOfInstant, dayText, secondOf } from './times.ts';
import { count, counted } from './words.ts';

/** A label and what there is to say. */
export type Row = readonly [string, string];

export type Facts = RecordFacts | RunFacts;

const UTC = 'UTC';
const DONE = { delete: 'deleted', reduce: 'reduced', anonymise: 'anonymised' } as const;
const OUTCOME = {
  completed: 'completed',
  incomplete: 'ended, and was not complete',
  stopped: 'was stopped',
} as const;

/** One sentence that says what the certificate is about. */
export function subject(facts: Facts): string {
  if (facts.kind === 'record') {
    const { header } = facts;
    return `The record of class ${header.class} with the key ${keyText(facts.key)} was ${DONE[header.action]} on ${moment(header.executed_at)}.`;
  }
  const { records, batches, outcome } = facts.close.statement;
  const store = facts.plan.statement.source.replace(/^store:/, '');
  return `The run ${facts.plan.statement.run} ${OUTCOME[outcome]} and destroyed ${counted(records, 'record')} of store ${store} in ${counted(batches, 'batch')}.`;
}

/** What the log proves, row by row. */
export function provenRows(facts: Facts): Row[] {
  return facts.kind === 'record' ? recordRows(facts) : runRows(facts);
}

/** What only the organisation says. */
export function statedRows({ certificate, facts, timestamp }: CertificateReport): Row[] {
  const { words, signed_by } = certificate;
  const rules: [string, RuleWords][] =
    'rule' in words ? [['', words.rule]] : Object.entries(words.rules);
  const titles = 'class_title' in words ? [words.class_title] : Object.values(words.classes);
  return [
    ['Organisation', words.organisation],
    [titles.length === 1 ? 'Record class' : 'Record classes', titles.join('; ')],
    ...rules.flatMap(([id, { text, authority }]): Row[] => [
      [rules.length === 1 ? 'Rule' : `Rule ${id}`, text],
      ['Authority', authority],
    ]),
    ...(facts?.kind === 'record' ? [holdsRow(facts)] : []),
    ['Last backup expires', dayText(words.backups_expire_on, words.time_zone)],
    ['Issued', `${moment(words.issued_at)}, signed with ${signed_by}`],
    ...(timestamp === undefined ? [] : [['Timestamp', timestampWords(timestamp)] as const]),
  ];
}

/** What no such certificate proves. */
export function limits({ kind }: CertificateReport): readonly string[] {
  return kind === 'record' ? RECORD_LIMITS : RUN_LIMITS;
}

/** Where the proof leads. */
export function ledgerRows({ head, approval, ...facts }: Facts): Row[] {
  const index = facts.kind === 'record' ? facts.index : facts.close.index;
  const names = head.witnesses.map(
    ({ name, unixSeconds }) => `${name} (${moment(new Date(unixSeconds * 1_000).toISOString())})`,
  );
  return [
    ['Ledger', head.origin],
    [
      facts.kind === 'record' ? 'Entry' : 'End of the run',
      `${count(index)}, the approval ${count(approval.index)}; the ledger had ${count(head.size)} entries, counted from 0`,
    ],
    ['Root', head.root.toString('base64')],
    ['Signed by', head.logKeys.map(logKeyName).join(', ')],
    ...(names.length === 0 ? [] : [['Witnesses', names.join(', ')] as const]),
  ];
}

/** As `retain keys list` names it. */
function logKeyName(vkey: string): string {
  return signingKeyName('log', parseVkey(vkey).publicKey);
}

function holdsRow({ header }: RecordFacts): Row {
  return [
    'Legal holds',
    `the database says that it checked them before, at version ${header.holds.version}`,
  ];
}

function timestampWords(at: string): string {
  return `the checkpoint was there on ${moment(at)}, by a timestamping authority whose signature openssl ts -verify checks`;
}

/** `21 Nov 2026 18:23:28 UTC`. */
export function moment(at: string): string {
  return `${dayOfInstant(at, UTC)} ${secondOf(at, UTC)} ${UTC}`;
}

/** Columns of a key; more than one are separated visibly. */
export function keyText(key: readonly string[]): string {
  return key.length === 1 ? (key[0] ?? '') : key.map((column) => `"${column}"`).join(', ');
}

function recordRows(facts: RecordFacts): Row[] {
  const { header, approval, people } = facts;
  return [
    ['Record', `${header.class}, key ${keyText(facts.key)}`],
    ['Done', `${DONE[header.action]}, in a batch of ${counted(header.items.count, 'record')}`],
    ['Time', `${moment(header.executed_at)} (clock of the database)`],
    ['Rule', `${header.rule.id}, version ${header.rule.version} of the schedule`],
    ['Schedule file', `sha256:${header.rule.sha256}`],
    ['Requested by', people.requestedBy],
    ['Approved by', `${people.decidedBy}, another person, on ${moment(approval.statement.at)}`],
    ['Approved plan', `sha256:${header.approval.sha256}`],
    ['Run', header.run],
    ['Batch', header.batch],
    ['Batch header', `sha256:${facts.headerSha256}`],
  ];
}

function runRows(facts: RunFacts): Row[] {
  const { plan, approval, open, close, people, executed } = facts;
  const { held, blocked, changed, gone } = close.statement;
  return [
    ['Run', plan.statement.run],
    ['Schedule', `version ${plan.statement.schedule_version}`],
    ['Schedule file', `sha256:${plan.statement.schedule_sha256}`],
    ['Requested by', people.requestedBy],
    ['Approved by', `${people.decidedBy}, another person, on ${moment(approval.statement.at)}`],
    ['Approved plan', `sha256:${plan.statement.sha256}`],
    ['Began', `${moment(open.statement.at)}, by ${facts.openedBy}`],
    ...(executed === undefined
      ? []
      : [['Executed', `${moment(executed.first)} to ${moment(executed.last)}`] as const]),
    ['Ended', `${moment(close.statement.at)}: ${close.statement.outcome}`],
    [
      'Kept back',
      `${count(held)} held, ${count(blocked)} blocked, ${count(changed)} changed, ${count(gone)} gone`,
    ],
  ];
}

/** One row per step that destroyed or was to destroy something. */
export function stepCells({ facts }: Pick<RunReport, 'facts'>): string[][] {
  return (facts?.steps ?? []).map((step) => [
    step.recordClass,
    step.rule,
    DONE[step.action],
    count(step.planned),
    count(step.records),
    count(step.batches),
  ]);
}
