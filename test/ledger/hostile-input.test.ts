/**
 * Every reader against bytes that somebody made up or changed: it throws an error with its code, or what it
 * read is written back as the very same bytes.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RetentionError } from '../../domain/errors.ts';
import { canonicalJson } from '../../ledger/canonical.ts';
import { formatCheckpoint, parseCheckpoint } from '../../ledger/checkpoint.ts';
import { cosign } from '../../ledger/cosignature.ts';
import { der, derInteger, readDer, TAG } from '../../ledger/der.ts';
import { decodeEntry, type SignedKind, signEntry } from '../../ledger/entry.ts';
import { formatNote, parseNote, signNote } from '../../ledger/note.ts';
import {
  formatVkey,
  NOTE_SIGNATURE,
  parseVkey,
  signatureLine,
  type Verifier,
} from '../../ledger/note-key.ts';
import { openCheckpoint, type Policy } from '../../ledger/policy.ts';
import { parsePolicy } from '../../ledger/policy-file.ts';
import { recordEntry } from '../../ledger/record-entries.ts';
import { readStatement } from '../../ledger/statements.ts';
import { timestampQuery } from '../../ledger/timestamp.ts';
import { formatTlogProof, parseTlogProof } from '../../ledger/tlog-proof.ts';
import {
  BODIES,
  KINDS,
  LAB,
  LOG_VKEY,
  log,
  ORIGIN,
  PUBLIC,
  witnesses,
  worker,
} from './signing-samples.ts';

const RUNS = 10_000;

type Edit = readonly [kind: number, at: number, length: number, value: number];

/** One change: a bit, a byte, a piece cut out, doubled, moved, or put in from another sample. */
function edit(bytes: Buffer, other: Buffer, [kind, place, length, value]: Edit): Buffer {
  const at = bytes.length === 0 ? 0 : place % bytes.length;
  const [before, piece, after] = [
    bytes.subarray(0, at),
    bytes.subarray(at, at + length),
    bytes.subarray(at + length),
  ];
  switch (kind) {
    case 0: {
      const copy = Buffer.from(bytes);
      if (copy.length > 0) copy.writeUInt8(copy.readUInt8(at) ^ (1 << (value & 7)), at);
      return copy;
    }
    case 1:
      return Buffer.concat([before, Buffer.of(value), bytes.subarray(at)]);
    case 2:
      return Buffer.concat([before, after]);
    case 3:
      return Buffer.concat([before, piece, piece, after]);
    case 4:
      return Buffer.concat([before, after, piece]);
    case 5:
      return Buffer.concat([before, other.subarray(place % (other.length + 1)), after]);
    default:
      return Buffer.concat([before, Buffer.from(' \n+=#"0'[value % 7] ?? ''), after]);
  }
}

/** Made-up bytes, and samples with none to four changes. */
function hostile(samples: readonly Buffer[]): fc.Arbitrary<Buffer> {
  const edits = fc.array(
    fc.tuple(fc.nat(6), fc.nat(4_000), fc.nat(70), fc.nat(255)) as fc.Arbitrary<Edit>,
    { maxLength: 4 },
  );
  const sample = fc.constantFrom(...samples);
  const changed = fc
    .tuple(sample, sample, edits)
    .map(([bytes, other, changes]) =>
      changes.reduce((current, change) => edit(current, other, change), bytes),
    );
  const madeUp = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
  return fc.oneof({ weight: 9, arbitrary: changed }, { weight: 1, arbitrary: madeUp });
}

/** `again` reads bytes and writes them back. A test in which everything is refused would say nothing. */
function attack(
  samples: readonly (Buffer | string)[],
  codes: readonly string[],
  again: (bytes: Buffer) => Buffer,
): void {
  const seen = { accepted: 0, refused: 0 };
  fc.assert(
    fc.property(hostile(samples.map((sample) => Buffer.from(sample))), (bytes) => {
      let written: Buffer;
      try {
        written = again(Buffer.from(bytes));
      } catch (error) {
        if (!(error instanceof RetentionError) || !codes.includes(error.code)) throw error;
        seen.refused += 1;
        return;
      }
      seen.accepted += 1;
      if (!written.equals(bytes)) throw new Error('accepted, and written back another way');
    }),
    { numRuns: RUNS },
  );
  expect(seen.accepted).toBeGreaterThan(RUNS / 100);
  expect(seen.refused).toBeGreaterThan(RUNS / 4);
}

const text = formatCheckpoint({ origin: ORIGIN, size: 29_419, root: Buffer.alloc(32, 9) });
const [first = log, second = log] = witnesses;
const lines = [signNote(text, log, ORIGIN), cosign(text, first, 'w.example', 1_800_000_000)];
const notes = [LAB.note, PUBLIC.note, formatNote(text, lines), formatNote('a\n\nb\n', lines)];

const againNote = (bytes: Buffer) => {
  const { text: read, signatures } = parseNote(bytes);
  return formatNote(
    read,
    signatures.map(({ name, keyId, signature }) => signatureLine(name, keyId, signature)),
  );
};

test('entries', () => {
  const signed = KINDS.map((kind) => signEntry(kind, BODIES[kind], worker));
  const records = [1, 2, 3].map((byte) => recordEntry(Buffer.alloc(32, byte), Buffer.alloc(32)));
  attack([...signed, ...records, ...records], ['LEDGER_MALFORMED'], (bytes) => {
    const entry = decodeEntry(bytes);
    if (entry.kind === 'record') return recordEntry(entry.headerSha256, entry.ref);
    expect(entry.body['kind']).toBe(entry.kind);
    return Buffer.concat([bytes.subarray(0, 2), entry.signature, canonicalJson(entry.body)]);
  });
});

test('DER', () => {
  const samples = [
    timestampQuery(Buffer.alloc(32, 7), derInteger(Buffer.of(9))),
    der(TAG.sequence, der(TAG.octetString, Buffer.alloc(300)), der(TAG.null)),
  ];
  attack(samples, ['TIMESTAMP_INVALID'], (bytes) =>
    Buffer.concat(readDer(bytes).map(({ tag, content }) => der(tag, content))),
  );
});

test('statements', () => {
  const head = (kind: SignedKind) =>
    signEntry(kind, { v: 1, kind }, worker).subarray(0, -canonicalJson({ v: 1, kind }).length);
  const heads = new Map(KINDS.map((kind) => [kind as string, head(kind)]));
  const bodies = KINDS.map((kind) => canonicalJson(BODIES[kind]));
  attack(bodies, ['LEDGER_MALFORMED'], (bytes) => {
    const kind = /"kind":"([a-z.]+)"/.exec(bytes.toString('latin1'))?.[1] ?? 'batch';
    const entry = decodeEntry(Buffer.concat([heads.get(kind) ?? Buffer.alloc(0), bytes]));
    if (entry.kind === 'record') throw new Error('no signed entry becomes a record');
    return canonicalJson(readStatement(entry));
  });
});

test('notes', () => {
  attack(notes, ['LEDGER_MALFORMED'], againNote);
});

test('checkpoints', () => {
  const samples = [LAB.note, PUBLIC.note].map((note) => parseNote(Buffer.from(note)).text);
  attack([...samples, text, `${text}more\nand more\n`], ['LEDGER_MALFORMED'], (bytes) => {
    // What is not UTF-8 never gets here.
    const read = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
    const { origin, size, root, extensions } = parseCheckpoint(read);
    const again = [origin, String(size), root.toString('base64'), ...extensions];
    expect(again.map((line) => `${line}\n`).join('')).toBe(read);
    return bytes;
  });
});

test('proofs', () => {
  const proofs = [0, 3, 15].map((levels, i) =>
    formatTlogProof({
      index: 29_418 - i,
      hashes: Array.from({ length: levels }, (_, level) => Buffer.alloc(32, level)),
      checkpoint: Buffer.from(i === 1 ? formatNote(text, lines) : LAB.note),
      ...(i === 2 && { extra: Buffer.from('extra') }),
    }),
  );
  attack(proofs, ['LEDGER_MALFORMED'], (bytes) => formatTlogProof(parseTlogProof(bytes)));
});

test('verifier keys', () => {
  const keys = [LOG_VKEY, PUBLIC.log, ...Object.values(PUBLIC.witnesses)];
  attack(keys, ['LEDGER_MALFORMED'], (bytes) => {
    const read = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
    const { name, publicKey, type } = parseVkey(read);
    expect(formatVkey(name, publicKey, type)).toBe(read);
    return bytes;
  });
});

const vkey = ({ name, publicKey, type }: Verifier) => formatVkey(name, publicKey, type);
const cosigners = [first, second].map((key, i) =>
  formatVkey(`w${i}.example`, key.publicKey, NOTE_SIGNATURE.cosignature),
);
const POLICIES = [
  `log ${LOG_VKEY}\nquorum none\n`,
  `log ${PUBLIC.log} https://x.example\nwitness r ${PUBLIC.witnesses.remora}\nquorum r\n`,
  `# all\nlog ${LOG_VKEY}\nwitness a ${cosigners[0] ?? ''}\nwitness b ${cosigners[1] ?? ''} u\n\ngroup g 1 a b\ngroup h all g\nquorum h\n`,
];

test('policies mean the lines that are in them, and nothing else', () => {
  attack(
    [...POLICIES, ...POLICIES.map((one) => one.replaceAll(' ', '\t '))],
    ['POLICY_INVALID'],
    (bytes) => {
      expect(definitionsOf(parsePolicy(bytes))).toEqual(plainLines(bytes.toString()));
      return bytes;
    },
  );

  /** The lines without comments and blanks, thresholds as numbers; their order is told elsewhere. */
  function plainLines(read: string): string[] {
    return read
      .split('\n')
      .map((line) => line.split(/[ \t]+/).filter((word) => word !== ''))
      .filter(([keyword = '#']) => !keyword.startsWith('#'))
      .map(([keyword, name, rule, ...rest]) => {
        if (keyword !== 'group') return [keyword, name, rule, ...rest];
        const threshold = { any: 1, all: rest.length }[rule ?? ''] ?? rule;
        return [keyword, name, threshold, ...rest];
      })
      .map((words) => words.filter((word) => word !== undefined).join(' '))
      .sort();
  }

  function definitionsOf({ logs, witnesses: known, groups, quorum }: Policy): string[] {
    const url = (address: string | undefined) => (address === undefined ? '' : ` ${address}`);
    return [
      ...logs.map((key) => `log ${vkey(key.verifier)}${url(key.url)}`),
      ...[...known].map(([name, key]) => `witness ${name} ${vkey(key.verifier)}${url(key.url)}`),
      ...[...groups].map(
        ([name, { threshold, members }]) => `group ${name} ${threshold} ${members.join(' ')}`,
      ),
      `quorum ${quorum ?? 'none'}`,
    ].sort();
  }
});

test('a checkpoint opens only with the very text that was signed', () => {
  const policy = parsePolicy(Buffer.from(POLICIES[0] ?? ''));
  const whole = formatNote(text, lines);
  attack(
    [whole, formatNote(text, lines.slice(0, 1))],
    ['LEDGER_MALFORMED', 'SIGNATURE_INVALID'],
    (bytes) => {
      const { checkpoint, quorum } = openCheckpoint(bytes, policy);
      expect(checkpoint).toMatchObject({ origin: ORIGIN, size: 29_419, extensions: [] });
      expect(quorum).toBe(true);
      expect(bytes.subarray(0, text.length).toString()).toBe(text);
      return againNote(bytes);
    },
  );
});
