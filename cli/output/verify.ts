/** What a verification found, for people and as lines of JSON. */
import type { Finding } from '../../ledger/verify/findings.ts';
import type { VerifyReport } from '../../ledger/verify/verify-log.ts';
import type { Paint } from './paint.ts';
import { pairs, table } from './table.ts';
import { dayOfInstant, secondOf } from './times.ts';
import { count, counted, duration } from './words.ts';

/** What the command did around the verification itself. */
export interface VerifyRound {
  /** Seconds since 1970. */
  readonly now: number;
  /** Labels of the older checkpoints that the log was compared with. */
  readonly compared: readonly string[];
  /** Where the checkpoint is kept from now on; undefined when it is not. */
  readonly kept: string | undefined;
  /** Other logs that the policy trusts, when nobody said which one is meant. */
  readonly otherLogs: readonly string[];
}

type Head = NonNullable<VerifyReport['head']>;

const ZONE = 'UTC';
const MORE_MAY_BE_WRONG =
  'Findings can hide others: mend or fetch what they name, and verify again.';

export function verifyLines(report: VerifyReport, round: VerifyRound, paint: Paint): string[] {
  const { head, findings, errors, warnings } = report;
  const hidden = errors + warnings - findings.length;
  return [
    `${head === undefined ? 'The log' : `Log ${head.origin}`}: ${verdict(report, paint)}`,
    ...(head === undefined ? [] : pairs(facts(report, head, round))),
    ...(findings.length === 0 ? [] : ['', ...findingTable(findings)]),
    ...(hidden > 0 ? [`  and ${counted(hidden, 'finding')} more`] : []),
    ...(errors > 0 ? ['', MORE_MAY_BE_WRONG] : []),
  ];
}

/** One object, for the last line of `--json`. */
export function verifySummary(
  report: VerifyReport,
  { compared, kept, otherLogs }: VerifyRound,
): Readonly<Record<string, unknown>> {
  const { verdict: said, exitCode, errors, warnings, head, freshness } = report;
  const { entries, counts, judged, replays } = report;
  return {
    ...{ verdict: said, exitCode, errors, warnings, entries, judged, counts: counts ?? null },
    log: head === undefined ? null : headData(head),
    ...{ otherLogs, restores: replays.map(({ index }) => index) },
    freshness: freshness ?? null,
    ...{ comparedWith: compared, firstUse: compared.length === 0, kept: kept ?? null },
  };
}

function headData({ origin, size, root, logKeys, cosigners }: Head) {
  return { origin, size, root: root.toString('base64'), logKeys, cosigners };
}

function verdict(
  { verdict: said, errors, warnings, exitCode }: VerifyReport,
  paint: Paint,
): string {
  const warned = warnings === 0 ? '' : `, with ${counted(warnings, 'warning')}`;
  switch (said) {
    case 'verified':
      return `${paint.green('VERIFIED')}${warned}.`;
    case 'sampled':
      return `${paint.yellow('SAMPLED')}, not verified: entries that were not chosen are unknown${warned}.`;
    case 'failed':
      return `${paint.red('NOT VERIFIED')}: ${counted(errors, 'error')}${warned} (exit code ${exitCode}).`;
  }
}

function facts(report: VerifyReport, head: Head, round: VerifyRound): [string, string][] {
  const { counts, entries, freshness } = report;
  const rows: [string, string][] = [
    ...otherLogRows(head, round),
    ['checkpoint', `${counted(head.size, 'entry')}, root ${head.root.toString('base64')}`],
    ['signed by', head.logKeys.map(keyName).join(', ')],
    ['witnesses', witnesses(head)],
  ];
  if (freshness !== undefined) rows.push(['last heard of', lastHeard(freshness, round.now)]);
  if (counts === undefined) rows.push(['proved', counted(entries, 'entry')]);
  else rows.push(...judgedFacts(report, counts, head.size));
  rows.push(['compared with', comparison(round)]);
  if (round.kept !== undefined) rows.push(['kept in', round.kept]);
  return rows;
}

function judgedFacts(
  { entries, judged, replays }: VerifyReport,
  { records, batches, statements, runs }: NonNullable<VerifyReport['counts']>,
  size: number,
): [string, string][] {
  const upTo = judged ? '' : ', before the first damage';
  const open = runs.opened - runs.closed - runs.abandoned;
  const states = `${count(runs.closed)} closed, ${count(runs.abandoned)} abandoned, ${count(open)} open`;
  return [
    ['read', `${counted(entries, 'entry')} of ${count(size)}`],
    ['records', `${count(records)} in ${counted(batches, 'batch')}${upTo}`],
    ['statements', `${count(statements)}${upTo}`],
    ['runs', `${states}${upTo}`],
    ...restoreRows(replays),
  ];
}

/** The word of the admin key alone: whoever has the log at heart knows whether they happened. */
function restoreRows(replays: VerifyReport['replays']): [string, string][] {
  if (replays.length === 0) return [];
  const entries = replays.map(({ index, statement }) => `entry ${index} (${statement.at})`);
  return [['restores', `${entries.join(', ')}: ask whether each happened`]];
}

function otherLogRows(head: Head, { otherLogs }: VerifyRound): [string, string][] {
  if (otherLogs.length === 0) return [];
  const names = otherLogs.join(', ');
  return [
    ['this log', `${head.origin}, and not ${names}, which the policy trusts too: see --origin`],
  ];
}

/** The name and id of a vkey: what people compare. */
function keyName(vkey: string): string {
  return vkey.split('+').slice(0, 2).join('+');
}

function witnesses({ cosigners }: Head): string {
  if (cosigners.length === 0) return 'none';
  return cosigners.map(({ name, unixSeconds }) => `${name} (${momentUtc(unixSeconds)})`).join(', ');
}

function lastHeard(
  { by, unixSeconds }: NonNullable<VerifyReport['freshness']>,
  now: number,
): string {
  const age = duration(Math.max(0, now - unixSeconds) * 1_000);
  const whose =
    by === 'witness' ? 'by its witnesses' : 'by its newest entry, which nobody confirms';
  return `${momentUtc(unixSeconds)}, ${age} ago, ${whose}`;
}

function comparison({ compared }: VerifyRound): string {
  if (compared.length > 0) return compared.join(', ');
  return 'nothing: trusted on first use. What was taken away before now cannot be seen';
}

function momentUtc(unixSeconds: number): string {
  const at = new Date(unixSeconds * 1_000).toISOString();
  return `${dayOfInstant(at, ZONE)} ${secondOf(at, ZONE)} ${ZONE}`;
}

function findingTable(findings: readonly Finding[]): string[] {
  const columns = [
    ...[{ title: 'code' }, { title: 'entry', align: 'right' as const }],
    ...[{ title: 'run' }, { title: 'batch' }, { title: 'what is wrong' }],
  ];
  return table(
    columns,
    findings.map(({ code, index, run, batch, message }) => [
      ...[code, index === undefined ? '' : String(index)],
      ...[run?.slice(0, 8) ?? '', batch?.slice(0, 8) ?? '', message],
    ]),
  );
}
