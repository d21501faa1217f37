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
        `${momentOf(receipt.effectiveAt, zone)} in ${store}: from this instant no run destroys what it covers`,
      ],
      [
        'covers',
        `${now.length === 0 ? 'nothing that exists now' : listed(now)}, and what arrives later`,
      ],
      ...freezeLines(receipt),
      ...lossLines(receipt),
      ['reason', `${receipt.reason}: ${receipt.because}`],
      ['review', dayText(receipt.reviewOn, zone)],
    ]),
    ...receipt.notes.map((note) => `  note: ${note}`),
  ];
}

const WRITERS_LISTED = 5;

/** From when nobody else changes it either; whom that waits for; where the schedule leaves it open. */
function freezeLines({ frozenAt, waitsFor, notFrozen, releasedAt, zone }: HoldReceipt) {
  const lines: [string, string][] = [];
  if (frozenAt !== null) {
    const what = 'from this instant nobody can change or delete it in the database';
    lines.push(['frozen', `${momentOf(frozenAt, zone)}: ${what}`]);
  } else if (releasedAt === null) {
    const older = counted(waitsFor.length, 'transaction');
    lines.push(['frozen', `not yet: waits for ${older} older than the hold to end`]);
    for (const { pid, prepared, application, since } of waitsFor.slice(0, WRITERS_LISTED)) {
      const who = prepared === null ? `session ${pid}` : `prepared transaction ${prepared}`;
      const name = application ? ` (${application})` : '';
      lines.push([
        '',
        `${who}${name}${since === null ? '' : `, open since ${momentOf(since, zone)}`}`,
      ]);
    }
  }
  const open = notFrozen.map(({ table: name, freeze }) =>
    freeze === 'off' ? `${name} (not at all)` : `${name} (deleting only)`,
  );
  return open.length === 0 ? lines : [...lines, ['not frozen', listed(open)] as [string, string]];
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
      stateOf(hold),
      momentOf(hold.effective_at, zone),
      dayText(hold.review_on, zone),
      scopeWords(hold),
    ]),
  );
}

function stateOf({ released_at, frozen_at }: ListedHold): string {
  if (released_at !== null) return 'released';
  return frozen_at === null ? 'IN FORCE, not frozen yet' : 'IN FORCE';
}

/** Counts, not keys: a list of holds is looked at over shoulders. */
function scopeWords({ keys, subjects }: ListedHold): string {
  const words = [
    ...(keys.length > 0 ? [counted(keys.length, 'record')] : []),
    ...(subjects.length > 0 ? [counted(subjects.length, 'subject')] : []),
  ];
  return listed(words);
}
