/** Chance against the verifier: one change somewhere in a published log, again and again. */
import type { FindingCode } from '../../ledger/verify/findings.ts';
import type { VerifyReport } from '../../ledger/verify/verify-log.ts';
import { type BuiltLog, memorySource } from './log-builder.ts';
import type { Piece } from './log-teller.ts';
import { type Chance, seeded } from './seeded.ts';
import { codes, verified, verifyBuilt } from './verified.ts';

interface Tampered {
  /** What was done, to repeat it by hand. */
  readonly what: string;
  readonly files: Map<string, Buffer>;
}

export interface CampaignEnd {
  readonly changes: number;
  /** Changes that were called verified although a file is another one. */
  readonly missed: readonly string[];
  /** How often each code was found. */
  readonly found: Partial<Record<FindingCode, number>>;
}

/** Changes the log `changes` times, each time from its true state. */
export async function tamperCampaign(
  log: BuiltLog,
  changes: number,
  seed: number,
): Promise<CampaignEnd> {
  const chance = seeded(seed);
  const missed: string[] = [];
  const found: Partial<Record<FindingCode, number>> = {};
  for (let i = 0; i < changes; i += 1) {
    const { what, files } = tamper(log.files, chance);
    const report = await verifyBuilt({ ...log, source: memorySource(files) });
    for (const code of codes(report)) found[code] = (found[code] ?? 0) + 1;
    if (report.errors === 0 && !isHarmless(log, files, report))
      missed.push(`seed ${seed}: ${what}`);
  }
  return { changes, missed, found };
}

/** Changes one byte of an entry or a reference, and publishes and signs all of it anew with the stolen log key. */
export async function forgeCampaign(
  pieces: readonly Piece[],
  changes: number,
  seed: number,
): Promise<CampaignEnd> {
  const chance = seeded(seed);
  const missed: string[] = [];
  const found: Partial<Record<FindingCode, number>> = {};
  for (let i = 0; i < changes; i += 1) {
    const place = chance.integer(pieces.length);
    const piece = pieces[place]!;
    const part = piece.refs !== undefined && chance.integer(2) === 0 ? 'refs' : 'entry';
    const bytes = Buffer.from(piece[part]!);
    const at = chance.integer(bytes.length);
    bytes[at]! ^= 1 + chance.integer(255);
    const report = await verified(pieces.with(place, { ...piece, [part]: bytes }));
    for (const code of codes(report)) found[code] = (found[code] ?? 0) + 1;
    if (report.errors === 0) missed.push(`seed ${seed}: byte ${at} of ${part} of piece ${place}`);
  }
  return { changes, missed, found };
}

/** Signatures may stand in another order, twice, or with a stranger's: the head is the one that was signed. */
function isHarmless(log: BuiltLog, files: Map<string, Buffer>, { head }: VerifyReport): boolean {
  const others = [...log.files].filter(([path]) => path !== 'checkpoint');
  const same = others.every(([path, bytes]) => files.get(path)?.equals(bytes) === true);
  return same && head?.size === log.head.size && head.root.equals(log.head.root);
}

function tamper(files: ReadonlyMap<string, Buffer>, chance: Chance): Tampered {
  const paths = [...files.keys()];
  const path = paths[chance.integer(paths.length)] ?? 'checkpoint';
  const bytes = Buffer.from(files.get(path) ?? Buffer.alloc(0));
  const changed = new Map(files);
  const kinds = ['byte', 'delete', 'insert', 'remove', 'swap', 'truncate'] as const;
  const kind = path === 'checkpoint' ? chance.oneOf(['lines', 'byte']) : chance.oneOf(kinds);
  const at = chance.integer(bytes.length);
  switch (kind) {
    case 'byte':
      bytes[at]! ^= 1 + chance.integer(255);
      changed.set(path, bytes);
      break;
    case 'delete':
      changed.set(path, Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]));
      break;
    case 'insert': {
      const byte = Buffer.of(chance.integer(256));
      changed.set(path, Buffer.concat([bytes.subarray(0, at), byte, bytes.subarray(at)]));
      break;
    }
    case 'remove':
      changed.delete(path);
      break;
    case 'truncate':
      changed.set(path, bytes.subarray(0, at));
      break;
    case 'swap': {
      const others = paths.filter((other) => !files.get(other)!.equals(bytes));
      const other = others[chance.integer(others.length)]!;
      changed.set(path, files.get(other)!).set(other, bytes);
      break;
    }
    case 'lines':
      changed.set(path, changeLines(bytes, chance));
      break;
  }
  return { what: `${kind} of ${path} at ${at}`, files: changed };
}

/** Leaves a line out, doubles one, or makes two change places. */
function changeLines(bytes: Buffer, chance: Chance): Buffer {
  const lines = bytes.toString('utf8').split('\n');
  const [a, b] = [chance.integer(lines.length), chance.integer(lines.length)];
  const [one = '', other = ''] = [lines[a], lines[b]];
  const changed = chance.oneOf([
    lines.toSpliced(a, 1),
    lines.toSpliced(a, 0, one),
    lines.with(a, other).with(b, one),
  ]);
  return Buffer.from(changed.join('\n'));
}
