/** Entries that the databases have and the published copy does not have yet. */
import type { LogRange } from '../../../db/ledger.ts';
import { RetentionError } from '../../../domain/errors.ts';
import { decodeEntry } from '../../../ledger/entry.ts';
import { readStatement } from '../../../ledger/statements.ts';
import { type SealedBytes, storeLedger } from '../../../stores/postgres/ledger-source.ts';
import { leavesOf, type PublishedPart } from '../published-log.ts';
import type { Comparison } from './comparison.ts';
import { type DatabaseFinding, found } from './findings.ts';

const ENTRIES_AT_ONCE = 4_096;

/**
 * Entries `from` to `to` as the databases have them; fewer when there are no more. Ends early, after
 * `onBroken`, at one that they have lost or that is none: nothing behind it can be placed.
 */
export async function* tailParts(
  comparison: Comparison,
  from: number,
  to: number,
  onBroken: (finding: DatabaseFinding) => void,
): AsyncGenerator<PublishedPart> {
  const { ledger } = comparison.retain.control;
  let next = from;
  for (let at = from; at < to; at += ENTRIES_AT_ONCE) {
    for (const range of await ledger.ranges(at, Math.min(at + ENTRIES_AT_ONCE, to))) {
      // A range that began in the window before was taken there.
      if (range.firstIndex < at) continue;
      const part = range.firstIndex === next ? await partOf(comparison, range) : undefined;
      if (part === undefined) return onBroken(broken(next));
      yield part;
      next += leavesOf(part);
    }
  }
}

async function partOf(
  comparison: Comparison,
  { entry, source, batchId, firstIndex, leaves }: LogRange,
): Promise<PublishedPart | undefined> {
  const sealed = entry === null ? await sealedOf(comparison, source, batchId ?? '') : undefined;
  const bytes = entry ?? sealed?.header;
  if (bytes === undefined) return undefined;
  try {
    const decoded = decodeEntry(bytes);
    if (decoded.kind === 'record') return undefined;
    const statement = readStatement(decoded);
    const part = { firstIndex, entry: decoded, statement, refs: sealed?.refs ?? Buffer.alloc(0) };
    return leavesOf(part) === leaves ? part : undefined;
  } catch (error) {
    if (error instanceof RetentionError && error.code === 'LEDGER_MALFORMED') return undefined;
    throw error;
  }
}

async function sealedOf(
  comparison: Comparison,
  source: string,
  batch: string,
): Promise<SealedBytes | undefined> {
  const connection = await comparison.store(source);
  if (connection === undefined) return undefined;
  return comparison.read(source, 'retain_guard.batch_sealed', () =>
    storeLedger(connection).sealed(batch),
  );
}

function broken(index: number): DatabaseFinding {
  const message = `The databases have lost entry ${index}, which is not published yet.`;
  const where = { source: 'control', table: 'retain.log_seq', row: String(index), index };
  return found('E_DB_TREE', message, where);
}
