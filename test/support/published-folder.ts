/** What any verifier does with a published folder, written from the formats and not from our readers. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseNote, verifyNote } from '../../ledger/note.ts';
import { LOG_VERIFIER } from './memory-log.ts';

const sha256 = (...parts: Buffer[]) => createHash('sha256').update(Buffer.concat(parts)).digest();

/** MTH as RFC 6962, section 2.1 defines it. */
function treeHash(leaves: readonly Buffer[]): Buffer {
  if (leaves.length <= 1) return leaves[0] ?? sha256();
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return sha256(Buffer.of(1), treeHash(leaves.slice(0, split)), treeHash(leaves.slice(split)));
}

/** Paths of the files that tlog-tiles asks for at one place, for so many hashes or entries. */
function paths(place: string, count: number): { path: string; from: number; to: number }[] {
  return Array.from({ length: Math.ceil(count / 256) }, (_, index) => {
    const [from, to] = [index * 256, Math.min(index * 256 + 256, count)];
    const digits = String(index).padStart(index < 1000 ? 3 : 6, '0');
    const position = digits.length === 3 ? digits : `x${digits.slice(0, 3)}/${digits.slice(3)}`;
    const width = to - from;
    return { path: `tile/${place}/${position}${width < 256 ? `.p/${width}` : ''}`, from, to };
  });
}

function entriesOf(bundle: Buffer): Buffer[] {
  const entries: Buffer[] = [];
  for (let at = 0; at < bundle.length; at += 2 + bundle.readUInt16BE(at)) {
    entries.push(bundle.subarray(at + 2, at + 2 + bundle.readUInt16BE(at)));
  }
  return entries;
}

/**
 * Reads every file that the checkpoint needs and recomputes all of it. Throws for the first thing that is
 * missing or another; answers the size, and the paths it read.
 */
export function checkFolder(dir: string): { size: number; paths: string[] } {
  const checkpoint = readFileSync(join(dir, 'checkpoint'));
  verifyNote(parseNote(checkpoint), [LOG_VERIFIER]);
  const [, sizeLine, root] = checkpoint.toString('utf8').split('\n');
  const size = Number(sizeLine);
  const used = ['checkpoint'];

  const bundles = paths('entries', size).map(({ path, from, to }) => {
    used.push(path);
    const entries = entriesOf(readFileSync(join(dir, path)));
    if (entries.length !== to - from) throw new Error(`${path} has ${entries.length} entries`);
    return entries;
  });
  const leaves = bundles.flat().map((entry) => sha256(Buffer.of(0), entry));
  let hashes: Buffer[] = leaves;
  for (let level = 0; hashes.length > 0; level += 1) {
    for (const { path, from, to } of paths(String(level), hashes.length)) {
      used.push(path);
      const tile = readFileSync(join(dir, path));
      if (!tile.equals(Buffer.concat(hashes.slice(from, to)))) throw new Error(`${path} is wrong`);
    }
    const below = hashes;
    hashes = Array.from({ length: Math.floor(below.length / 256) }, (_, i) =>
      treeHash(below.slice(i * 256, i * 256 + 256)),
    );
  }
  if (treeHash(leaves).toString('base64') !== root) throw new Error('the root is another');
  return { size, paths: used.sort() };
}

/** Every file below `dir`, sorted. */
export function filesOf(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
    .sort();
}
