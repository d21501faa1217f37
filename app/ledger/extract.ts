/** The ledger for people and spreadsheets: one line per destroyed record, each naming its log index. */

import { decodeEntry } from '../../ledger/entry.ts';
import { HASH_BYTES } from '../../ledger/hashing.ts';
import { readStatement } from '../../ledger/statements.ts';
import type { Retain } from '../context.ts';
import { asLogged } from './log-reader.ts';
import type { OpenLedger } from './open-ledger.ts';

export interface ExtractFilter {
  readonly recordClass?: string | undefined;
  /** RFC 3339 UTC; batches executed at or after it. */
  readonly from?: string | undefined;
  /** RFC 3339 UTC; batches executed before it. */
  readonly until?: string | undefined;
}

/** One destroyed record as the log has it. Everything is of the batch's header, but index and reference. */
export interface ExtractLine {
  readonly index: number;
  /** Hex: whoever knows the record's key and the epoch key can recompute it. */
  readonly reference: string;
  readonly store: string;
  readonly class: string;
  readonly action: string;
  readonly rule: string;
  readonly ruleVersion: number;
  readonly executedAt: string;
  readonly run: string;
  readonly batch: string;
  /** Index of the header, whose hash stands in the record's entry. */
  readonly headerIndex: number;
  readonly planSha256: string;
}

/** Ranges of the log looked at in one query. */
const ENTRIES_AT_ONCE = 1_000_000;

/** In the order of the log, up to `size` entries; memory is that of one batch. */
export async function* extractLines(
  retain: Retain,
  { readSealed }: Pick<OpenLedger, 'readSealed'>,
  size: number,
  filter: ExtractFilter,
): AsyncGenerator<ExtractLine> {
  const read = asLogged(retain.control.ledger, readSealed);
  for (let from = 0; from < size; from += ENTRIES_AT_ONCE) {
    const to = Math.min(from + ENTRIES_AT_ONCE, size);
    for (const range of await retain.control.ledger.ranges(from, to)) {
      // A range that began in the window before was told there.
      if (range.batchId === null || range.firstIndex < from) continue;
      const sealed = await read(range.source, range.batchId);
      if (sealed !== undefined) yield* linesOf(range.firstIndex, sealed, filter);
    }
  }
}

function* linesOf(
  headerIndex: number,
  { header, refs }: { readonly header: Buffer; readonly refs: Buffer },
  filter: ExtractFilter,
): Generator<ExtractLine> {
  const entry = decodeEntry(header);
  const said = entry.kind === 'batch' ? readStatement(entry) : undefined;
  if (said?.kind !== 'batch' || !wanted(said, filter)) return;
  const line = {
    store: said.store,
    class: said.class,
    action: said.action,
    rule: said.rule.id,
    ruleVersion: said.rule.version,
    executedAt: said.executed_at,
    run: said.run,
    batch: said.batch,
    headerIndex,
    planSha256: said.approval.sha256,
  };
  for (let at = 0; at < refs.length; at += HASH_BYTES) {
    const reference = refs.toString('hex', at, at + HASH_BYTES);
    yield { index: headerIndex + 1 + at / HASH_BYTES, reference, ...line };
  }
}

/** Instants of the log all have six decimals, and the bounds are brought to the same form. */
function wanted(
  header: { readonly class: string; readonly executed_at: string },
  { recordClass, from, until }: ExtractFilter,
): boolean {
  const at = header.executed_at;
  return (
    (recordClass === undefined || header.class === recordClass) &&
    (from === undefined || at >= from) &&
    (until === undefined || at < until)
  );
}
