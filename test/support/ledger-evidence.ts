/** What must be true of a published log, however many processes that kept it were killed. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isErrno } from '../../app/ledger/durable-files.ts';
import { parseCheckpoint, type TreeHead } from '../../ledger/checkpoint.ts';
import { decodeEntry } from '../../ledger/entry.ts';
import { parseNote } from '../../ledger/note.ts';
import { readStatement, type Statement } from '../../ledger/statements.ts';
import {
  bundlePath,
  bundlesOf,
  decodeBundle,
  encodeBundle,
  parsePath,
  TILE_WIDTH,
} from '../../ledger/tiles.ts';
import { leafOf, referenceTree } from '../ledger/rfc6962.ts';
import type { Broken } from './estate-checks.ts';
import { filesOf } from './published-folder.ts';

export type Head = Pick<TreeHead, 'size' | 'root'>;

export interface LedgerEvidence {
  /** The published log, in order. */
  readonly entries: readonly Buffer[];
  /** Every head that anybody ever signed, remembered or showed. */
  readonly heads: readonly Head[];
  /** As the guard knows them: how many records each batch destroyed, by its id. */
  readonly batches: ReadonlyMap<string, number>;
}

/** How often each promise was broken; only broken ones are named. */
export function brokenLedger(evidence: LedgerEvidence): Broken {
  const told = tell(evidence.entries);
  const counts = {
    ...brokenHeads(evidence),
    'entry twice': evidence.entries.length - distinct(evidence.entries.map(hex)),
    'statement twice': told.statements.length - distinct(told.statements),
    'statement of a source out of turn': told.outOfTurn,
    'record of no batch': told.strayRecords,
    ...brokenBatches(told, evidence.batches),
  };
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}

/** The entries under the checkpoint of a folder; every file of them is complete. */
export function publishedEntries(dir: string): Buffer[] {
  const { size } = headOfNote(readFileSync(join(dir, 'checkpoint')));
  return [...bundlesOf(size)].flatMap((bundle) => {
    const entries = decodeBundle(readFileSync(join(dir, bundlePath(bundle))));
    if (entries.length !== bundle.width) throw new Error('a bundle is not complete');
    return entries;
  });
}

/** Files of a folder, but for drafts, that are no part of the log of these entries. */
export function strayFiles(dir: string, entries: readonly Buffer[]): string[] {
  const tree = referenceTree(entries.map(leafOf));
  const bytesOf = (path: string): Buffer | undefined => {
    const file = parsePath(path);
    if (file === undefined) return undefined;
    const from = file.index * TILE_WIDTH;
    if (file.kind === 'bundle') return encodeBundle(entries.slice(from, from + file.width));
    const leaves = TILE_WIDTH ** file.level;
    const hashes = Array.from({ length: file.width }, (_, i) => (from + i) * leaves);
    return Buffer.concat(hashes.map((first) => tree.subtree(first, first + leaves)));
  };
  return filesOf(dir).filter((path) => {
    if (path === 'checkpoint' || basename(path).startsWith('.')) return false;
    return bytesOf(path)?.equals(readFileSync(join(dir, path))) !== true;
  });
}

/** The heads of notes that were written down, one file each. */
export function writtenHeads(notesDir: string): Head[] {
  return readdirSync(notesDir).flatMap((name) => {
    const note = readFileSync(join(notesDir, name));
    // Whoever was killed before the first byte showed it to nobody.
    return note.length === 0 ? [] : [headOfNote(note)];
  });
}

/** What the file signer remembers now. */
export function rememberedHeads(keyDir: string): Head[] {
  const dir = join(keyDir, '_ledger', 'signed');
  if (!existsSync(dir)) return [];
  return readdirSync(dir)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) => rememberedIn(join(dir, name)));
}

/** None when it was tidied away while we looked. */
function rememberedIn(file: string): Head[] {
  try {
    const head = JSON.parse(readFileSync(file, 'utf8')) as { size: number; root: string };
    return [{ size: head.size, root: Buffer.from(head.root, 'hex') }];
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

export function headOfNote(note: Buffer): Head {
  return parseCheckpoint(parseNote(note).text);
}

export const distinctHeads = (heads: readonly Head[]): number =>
  distinct(heads.map(({ size, root }) => `${size} ${hex(root)}`));

function brokenHeads({ entries, heads }: LedgerEvidence): Record<string, number> {
  const tree = referenceTree(entries.map(leafOf));
  const strangers = heads.filter(
    ({ size, root }) => size > entries.length || !tree.root(size).equals(root),
  );
  return {
    'head that is no beginning of the log': strangers.length,
    'two roots of one size': distinctHeads(heads) - distinct(heads.map(({ size }) => String(size))),
  };
}

interface Told {
  /** Statements without their place in a chain, as text. */
  readonly statements: string[];
  /** Batches in their order, and how many records follow each. */
  readonly batches: { readonly id: string; records: number }[];
  outOfTurn: number;
  strayRecords: number;
}

function tell(entries: readonly Buffer[]): Told {
  const told: Told = { statements: [], batches: [], outOfTurn: 0, strayRecords: 0 };
  const numbers = new Map<string, number>();
  let open: Told['batches'][number] | undefined;
  for (const entry of entries.map((bytes) => decodeEntry(bytes))) {
    if (entry.kind === 'record') {
      if (open === undefined) told.strayRecords += 1;
      else open.records += 1;
      continue;
    }
    const statement = readStatement(entry);
    open = statement.kind === 'batch' ? { id: statement.batch, records: 0 } : undefined;
    if (open === undefined) hear(told, numbers, statement);
    else told.batches.push(open);
  }
  return told;
}

function hear(told: Told, numbers: Map<string, number>, statement: Statement): void {
  if (!('source' in statement)) {
    told.statements.push(JSON.stringify(statement));
    return;
  }
  const { n, prev: _, ...said } = statement;
  told.statements.push(JSON.stringify(said));
  if (n !== (numbers.get(said.source) ?? 0) + 1) told.outOfTurn += 1;
  numbers.set(said.source, n);
}

function brokenBatches(
  { batches }: Told,
  known: ReadonlyMap<string, number>,
): Record<string, number> {
  const ids = new Set(batches.map(({ id }) => id));
  return {
    'batch twice': batches.length - ids.size,
    'batch that the guard does not know': [...ids].filter((id) => !known.has(id)).length,
    'batch that the log does not have': [...known.keys()].filter((id) => !ids.has(id)).length,
    'batch with other records': batches.filter(({ id, records }) => known.get(id) !== records)
      .length,
  };
}

const hex = (bytes: Buffer): string => bytes.toString('hex');
const distinct = (names: readonly string[]): number => new Set(names).size;
