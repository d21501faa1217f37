/**
 * Entries that the databases have and the published copy does not have yet. No signed head covers them: each must be
 * signed by a key that the log has named before it, and follow those before it.
 */
import type { LogRange } from '../../../db/ledger.ts';
import { RetentionError } from '../../../domain/errors.ts';
import { decodeEntry } from '../../../ledger/entry.ts';
import { readStatement } from '../../../ledger/statements.ts';
import { type SealedBytes, storeLedger } from '../../../stores/postgres/ledger-source.ts';
import { leavesOf, type PublishedPart } from '../published-log.ts';
import { type Chains, chainFault, extendChains } from './chains.ts';
import type { Comparison } from './comparison.ts';
import { type DatabaseFinding, type FoundWhere, found } from './findings.ts';
import type { NamedKeys } from './named-keys.ts';
import { pieceOf } from './piece.ts';

const ENTRIES_AT_ONCE = 4_096;

/** What was read before the tail. */
export interface Before {
  readonly size: number;
  readonly chains: Chains;
  readonly keys: NamedKeys;
}

/**
 * The entries behind `before`, up to `to`, as the databases have them; fewer when there are no more. Ends early,
 * after `onBroken`, at one that they have lost, that is none, or that nobody can have appended: what stands
 * behind it says nothing.
 */
export async function* tailParts(
  comparison: Comparison,
  { size, chains: published, keys }: Before,
  to: number,
  onBroken: (finding: DatabaseFinding) => void,
): AsyncGenerator<PublishedPart> {
  const { ledger } = comparison.retain.control;
  const { sources, open } = published;
  const chains = structuredClone({ sources, open });
  let next = size;
  for (let at = size; at < to; at += ENTRIES_AT_ONCE) {
    for (const range of await ledger.ranges(at, Math.min(at + ENTRIES_AT_ONCE, to))) {
      // A range that began in the window before was taken there.
      if (range.firstIndex < at) continue;
      const part = range.firstIndex === next ? await partOf(comparison, range) : undefined;
      if (part === undefined) return onBroken(lostEntry(next));
      const piece = pieceOf(part);
      const fault = keys.fault(part) ?? chainFault(chains, piece);
      if (fault !== undefined) return onBroken(forged(part, fault));
      // The keys that it names are valid from here.
      keys.hear(piece);
      extendChains(chains, piece);
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

function lostEntry(index: number): DatabaseFinding {
  const message = `The databases have lost entry ${index}, which is not published yet.`;
  return found('E_DB_TREE', message, placeIn(index));
}

function forged({ firstIndex: index }: PublishedPart, fault: string): DatabaseFinding {
  const message = `Entry ${index}, which is not published yet, cannot have been appended: ${fault}.`;
  return found('E_DB_TREE', message, { ...placeIn(index), columns: ['entry'] });
}

function placeIn(index: number): FoundWhere {
  return { source: 'control', table: 'retain.log_seq', row: String(index), index };
}
