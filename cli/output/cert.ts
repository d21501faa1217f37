/** Certificates at the terminal: what was made, and what one proves. */
import type { CertificateReport } from '../../ledger/certificate/report.ts';
import {
  ledgerRows,
  limits,
  provenRows,
  type Row,
  statedRows,
  stepCells,
  subject,
} from './certificate-words.ts';
import type { Paint } from './paint.ts';
import { pairs, table } from './table.ts';
import { visible } from './visible.ts';
import { counted } from './words.ts';

/** Where the parts of a certificate were written. */
export interface WrittenFiles {
  readonly out: string | undefined;
  readonly pdf: string | undefined;
}

/** After a certificate was made. */
export function issuedLines(
  { facts, sha256 }: CertificateReport,
  { out, pdf }: WrittenFiles,
): string[] {
  return [
    ...(facts === undefined ? [] : [visible(subject(facts))]),
    ...pairs([
      ...(out === undefined ? [] : [['certificate', out] as const]),
      ...(pdf === undefined ? [] : [['PDF', pdf] as const]),
      ['digest', `sha256:${sha256}`],
    ]),
  ];
}

/** What a certificate proves, what is only stated in it, and what neither is. */
export function verifiedLines(report: CertificateReport, paint: Paint): string[] {
  const { facts, findings, remarks, sha256 } = report;
  if (facts === undefined) {
    return [
      `${paint.red('NOT PROVEN')}: ${counted(findings.length, 'finding')}. Nothing in this certificate can be relied upon.`,
      ...table(
        [{ title: 'code' }, { title: 'what is wrong' }],
        findings.map(({ code, message }) => [code, message]),
      ),
    ];
  }
  return [
    visible(subject(facts)),
    '',
    `${paint.green('PROVEN')} by the ledger:`,
    ...rows([...provenRows(facts), ...ledgerRows(facts)]),
    ...(report.kind === 'run' ? ['', ...steps(report)] : []),
    '',
    `${paint.yellow('STATED')} and signed by the organisation, not proven:`,
    ...rows(statedRows(report)),
    '',
    'NOT PROVEN by any certificate:',
    ...limits(report).map((limit) => `  - ${limit}`),
    ...(remarks.length === 0 ? [] : ['', ...remarks.map((remark) => `Note: ${remark}`)]),
    '',
    `Certificate sha256:${sha256}`,
  ];
}

/** The same as data. */
export function verifiedData(report: CertificateReport, exitCode: number) {
  const { kind, sha256, findings, remarks, facts, timestamp, certificate } = report;
  return {
    ...{ kind, sha256, exitCode, verdict: facts === undefined ? 'not proven' : 'proven' },
    ...{ findings, remarks },
    proven: facts === undefined ? null : { subject: subject(facts), ...provenData(report) },
    stated: facts === undefined ? null : certificate.words,
    // Its signature is for `openssl ts -verify`: this is what it says, not what is known.
    timestamp: facts === undefined || timestamp === undefined ? null : { at: timestamp },
    notProven: limits(report),
  };
}

function provenData({ facts }: CertificateReport): Readonly<Record<string, unknown>> {
  if (facts === undefined) return {};
  const { head, approval, people } = facts;
  const common = {
    log: { ...head, root: head.root.toString('base64') },
    ...{ approval, people },
  };
  if (facts.kind === 'run') {
    const { plan, open, close, steps: done, executed, openedBy } = facts;
    return { ...common, plan, open, close, steps: done, executed: executed ?? null, openedBy };
  }
  const { index, key, header, headerSha256 } = facts;
  return { ...common, index, key, header, headerSha256 };
}

function rows(all: readonly Row[]): string[] {
  return pairs(all.map(([label, value]) => [visible(label), visible(value)]));
}

function steps(report: Extract<CertificateReport, { readonly kind: 'run' }>): string[] {
  const right = { align: 'right' } as const;
  return table(
    [
      ...['record class', 'rule', 'done'].map((title) => ({ title })),
      ...['planned', 'destroyed', 'batches'].map((title) => ({ title, ...right })),
    ],
    stepCells(report),
  );
}
