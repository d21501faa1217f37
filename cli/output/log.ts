/** The log: a page of batches, and the entries of one record. */

import type { LogBatch } from '../../app/destroyed-records.ts';
import type { LookedUp, Lookup } from '../../app/log.ts';
import { csv } from './csv.ts';
import { table } from './table.ts';
import { dayOfInstant, dayText, momentOf, secondOf } from './times.ts';
import { count, counted, listed, rowNoun } from './words.ts';

export function logTable(batches: readonly LogBatch[], zone: string): string[] {
  const columns = [
    ...['executed', 'run', 'batch', 'record class', 'rule', 'did'].map((title) => ({ title })),
    { title: 'records', align: 'right' as const },
    ...['requested by', 'approved by', 'header'].map((title) => ({ title })),
  ];
  return table(
    columns,
    batches.map((one) => [
      ...[momentOf(one.executedAt, zone), one.run.slice(0, 8), String(one.batchNo)],
      ...[one.recordClass, `${one.rule} v${one.ruleVersion}`, one.action, count(one.destroyed)],
      ...[one.requestedBy, one.approvedBy, one.headerSha256?.slice(0, 12) ?? 'NOT SEALED'],
    ]),
  );
}

const CSV_COLUMNS = [
  ...(['executedAt', 'run', 'batchNo', 'batch', 'recordClass', 'rule', 'ruleVersion'] as const),
  ...(['action', 'destroyed', 'requestedBy', 'approvedBy', 'headerSha256'] as const),
];

export function logCsv(batches: readonly LogBatch[]): string {
  return csv([CSV_COLUMNS, ...batches.map((one) => CSV_COLUMNS.map((name) => one[name] ?? ''))]);
}

const DONE = { delete: 'deleted', reduce: 'reduced', anonymise: 'anonymised' } as const;

export function lookupLines(lookup: Lookup): string[] {
  const name = `${lookup.recordClass.replaceAll('_', ' ')} ${lookup.key.join(' ')}`;
  const title = name.charAt(0).toUpperCase() + name.slice(1);
  const closed = closedLines(lookup);
  if (lookup.entries.length === 0) {
    return [
      `${title} is not in the log: no run destroyed it, as far as the epoch keys here can tell.`,
      ...closed,
      `Next: retain record explain ${lookup.recordClass} ${lookup.key.join(' ')}`,
    ];
  }
  return [...lookup.entries.flatMap((entry) => entryLines(title, entry, lookup.zone)), ...closed];
}

function closedLines({ closedEpochs, zone }: Lookup): string[] {
  return closedEpochs.map(({ epoch, destroyedAt }) =>
    destroyedAt === undefined
      ? `  not looked up: ${epoch}, whose key is not in this key folder`
      : `  not looked up: ${epoch}, whose key was destroyed on ${dayOfInstant(destroyedAt, zone)}: its entries can be connected to nobody`,
  );
}

function entryLines(title: string, entry: LookedUp, zone: string): string[] {
  const parts = Object.entries(entry.parts).filter(([, rows]) => rows > 0);
  const along = parts.map(([name, rows]) => counted(rows, rowNoun(name)));
  const all = listed([counted(entry.destroyed, 'record'), ...along]);
  return [
    `${title} was ${DONE[entry.action]} on ${dayOfInstant(entry.executedAt, zone)} at ${secondOf(entry.executedAt, zone)}.`,
    `  run ${entry.run.slice(0, 4)}, batch ${entry.batchNo} · rule ${entry.rule} version ${entry.ruleVersion} · requested by ${entry.requestedBy}, approved by ${entry.approvedBy}`,
    `  batch ${entry.batchNo} in all: ${all} · last backup holding it expires ${dayText(entry.backupsExpireOn, zone)}`,
    entry.headerSha256 === null
      ? '  the batch is not sealed yet'
      : `  batch header sha256:${entry.headerSha256}`,
  ];
}
