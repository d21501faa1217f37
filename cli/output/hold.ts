/** A hold's receipt and the list of holds. */
import type { HoldReceipt } from '../../app/hold-receipt.ts';
import type { ListedHold } from '../../app/holds.ts';
import { pairs, table } from './table.ts';
import { clockOf, dayText, momentOf } from './times.ts';
import { counted, listed, rowNoun } from './words.ts';

/** Losses beyond these are counted, not listed. */
const LISTED_LOSSES = 20;

export function receiptLines(receipt: HoldReceipt): string[] {
  const { hold, matter, zone, store } = receipt;
  const state =
    receipt.releasedAt === null
      ? 'is in force'
      : `was released ${momentOf(receipt.releasedAt, zone)}`;
  const covers = receipt.covers.filter(({ rows }) => rows > 0);
  const now = covers.map(({ table: name, rows }) => counted(rows, rowNoun(name)));
  return [
    `Hold ${hold} on matter ${matter} ${state}.`,
    ...pairs([
      ['placed', `${momentOf(receipt.placedAt, zone)} by ${receipt.placedBy}`],
      [
        'effective',
        `${momentOf(receipt.effectiveAt, zone)} in ${store}: from this instant nothing it covers can be destroyed`,
      ],
      [
        'covers',
        `${now.length === 0 ? 'nothing that exists now' : listed(now)}, and what arrives later`,
      ],
      ...lossLines(receipt),
      ['reason', `${receipt.reason}: ${receipt.because}`],
      ['review', dayText(receipt.reviewOn, zone)],
    ]),
    ...receipt.notes.map((note) => `  note: ${note}`),
  ];
}

const DONE = { delete: 'destroyed', reduce: 'reduced', anonymise: 'anonymised' } as const;

/** What the hold came too late for; no line when the log knows of nothing. */
function lossLines({ tooLate, zone }: HoldReceipt): [string, string][] {
  if (tooLate === null) return [['too late for', 'not known, see the note']];
  const lines = tooLate.slice(0, LISTED_LOSSES).map((loss, index): [string, string] => {
    const what = `${loss.recordClass.replaceAll('_', ' ')} ${loss.key.join(' ')}`;
    const how = `${DONE[loss.action]} ${clockOf(loss.executedAt, zone)} by run ${loss.run.slice(0, 4)} (batch ${loss.batchNo})`;
    return [index === 0 ? 'too late for' : '', `${what}, ${how}`];
  });
  const rest = tooLate.length - lines.length;
  return rest > 0 ? [...lines, ['', `and ${counted(rest, 'more record')}: see --json`]] : lines;
}

export function holdTable(holds: readonly ListedHold[], zone: string): string[] {
  const columns = ['hold', 'matter', 'reason', 'state', 'effective', 'review', 'covers'];
  return table(
    columns.map((title) => ({ title })),
    holds.map((hold) => [
      ...[hold.hold, hold.matter_id, hold.reason],
      hold.released_at === null ? 'IN FORCE' : 'released',
      momentOf(hold.effective_at, zone),
      dayText(hold.review_on, zone),
      scopeWords(hold),
    ]),
  );
}

/** Counts, not keys: a list of holds is looked at over shoulders. */
function scopeWords({ keys, subjects }: ListedHold): string {
  const words = [
    ...(keys.length > 0 ? [counted(keys.length, 'record')] : []),
    ...(subjects.length > 0 ? [counted(subjects.length, 'subject')] : []),
  ];
  return listed(words);
}
