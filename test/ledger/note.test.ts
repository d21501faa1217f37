import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cosign, verifyCosignature } from '../../ledger/cosignature.ts';
import { signingKey } from '../../ledger/ed25519.ts';
import { formatNote, type Note, parseNote, signNote, verifyNote } from '../../ledger/note.ts';
import {
  formatVkey,
  isKeyName,
  NOTE_SIGNATURE,
  parseVkey,
  signatureLine,
} from '../../ledger/note-key.ts';
import { LAB, LOG_VKEY, log, ORIGIN, PUBLIC, witnesses, worker } from './signing-samples.ts';

const MALFORMED = expect.objectContaining({ code: 'LEDGER_MALFORMED' });
const BAD_SIGNATURE = expect.objectContaining({ code: 'SIGNATURE_INVALID' });
const BROKEN = expect.objectContaining({ code: 'INVARIANT_BROKEN' });

const note = (text: string): Note => parseNote(Buffer.from(text));
const rewritten = ({ text, signatures }: Note) =>
  formatNote(
    text,
    signatures.map(({ name, keyId, signature }) => signatureLine(name, keyId, signature)),
  );

const TEXT = 'one\n\nthree\n';
const LOG = parseVkey(LOG_VKEY);
const LINE = signNote(TEXT, log, ORIGIN);

describe('public notes', () => {
  /** The example of the specification, that of the Go module, and the checkpoint of a lab. */
  const published: readonly (readonly [string, string, string])[] = [
    [
      'example.com/foo',
      'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k',
      'This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n',
    ],
    [
      'PeterNeumann',
      'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
      "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
    ],
    ['retain.example.com/acme/disposal-1', LAB.vkey, LAB.note],
  ];

  test.each(published)('%s verifies with its key and is written back byte for byte', (...row) => {
    const [name, vkey, text] = row;
    const read = note(text);
    const verifier = parseVkey(vkey);
    expect(verifier.name).toBe(name);
    expect(verifyNote(read, [verifier])).toEqual([{ verifier }]);
    expect(rewritten(read).toString()).toBe(text);
    expect(formatVkey(name, verifier.publicKey, verifier.type)).toBe(vkey);
  });

  test('signing with the published seed gives the published signature', () => {
    const skey = 'PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz';
    const seed = Buffer.from(skey.split('+').slice(4).join('+'), 'base64').subarray(1);
    const [, , text = ''] = published[1] ?? [];
    const body = note(text).text;
    const line = signNote(body, signingKey('log', seed), 'PeterNeumann');
    expect(formatNote(body, [line]).toString()).toBe(text);
  });

  test('a public checkpoint: a plain signature, four cosignatures, and one of an unknown type', () => {
    const read = note(PUBLIC.note);
    expect(read.signatures).toHaveLength(6);
    const keys = [PUBLIC.log, ...Object.values(PUBLIC.witnesses)].map(parseVkey);
    const verified = verifyNote(read, keys);
    expect(verified.map(({ verifier }) => verifier)).toEqual(keys);
    const seconds = verified.map(({ unixSeconds }) => unixSeconds);
    expect(seconds).toEqual([undefined, ...Array(4).fill(0x6a122120)]);
    expect(rewritten(read).toString()).toBe(PUBLIC.note);
  });

  test.each(Object.entries(PUBLIC.witnesses))(
    'the cosignature of %s is of these bytes',
    (_, vkey) => {
      const changed = note(PUBLIC.note.replace('1432088532', '1432088533'));
      expect(() => verifyNote(changed, [parseVkey(vkey)])).toThrow(BAD_SIGNATURE);
    },
  );
});

describe('verifying', () => {
  const signed = (...lines: string[]) => parseNote(formatNote(TEXT, lines));
  const [first = log, second = log] = witnesses;
  const garbage = signatureLine(ORIGIN, LOG.keyId, Buffer.alloc(64));

  test('a note that no known key has signed is refused', () => {
    expect(() => verifyNote(signed(LINE), [])).toThrow(BAD_SIGNATURE);
    const other = parseVkey(formatVkey(ORIGIN, worker.publicKey, NOTE_SIGNATURE.ed25519));
    expect(() => verifyNote(signed(LINE), [other])).toThrow(BAD_SIGNATURE);
  });

  test('lines of unknown keys are passed over, also with a known name or a known id', () => {
    const sameName = signNote(TEXT, worker, ORIGIN);
    const sameId = signatureLine('somebody.else', LOG.keyId, Buffer.alloc(64));
    const otherType = signatureLine('x', '01020304', Buffer.alloc(7));
    expect(verifyNote(signed(sameName, sameId, otherType, LINE), [LOG])).toEqual([
      { verifier: LOG },
    ]);
  });

  test('one bad signature of a known key condemns the note, whatever the others say', () => {
    for (const lines of [[garbage], [LINE, garbage], [garbage, LINE]]) {
      expect(() => verifyNote(signed(...lines), [LOG])).toThrow(BAD_SIGNATURE);
    }
    const witness = parseVkey(formatVkey('w', first.publicKey, NOTE_SIGNATURE.cosignature));
    const bad = signatureLine('w', witness.keyId, Buffer.alloc(72));
    expect(() => verifyNote(signed(LINE, bad), [LOG, witness])).toThrow(BAD_SIGNATURE);
    expect(verifyNote(signed(LINE, bad), [LOG])).toHaveLength(1);
  });

  test('a signature of a known key with another length is bad', () => {
    for (const length of [1, 63, 65, 72]) {
      const line = signatureLine(ORIGIN, LOG.keyId, Buffer.alloc(length));
      expect(() => verifyNote(signed(line), [LOG])).toThrow(BAD_SIGNATURE);
    }
  });

  test('a plain signature is no cosignature, and a cosignature is no plain one', () => {
    const plain = parseVkey(formatVkey('w', first.publicKey, NOTE_SIGNATURE.ed25519));
    const timed = parseVkey(formatVkey('w', first.publicKey, NOTE_SIGNATURE.cosignature));
    expect(plain.keyId).not.toBe(timed.keyId);
    const signature = first.sign(Buffer.from(TEXT));
    const asTimed = signatureLine('w', timed.keyId, Buffer.concat([Buffer.alloc(8), signature]));
    expect(() => verifyNote(signed(asTimed), [timed])).toThrow(BAD_SIGNATURE);
  });

  test('every flipped bit of text or signature is found', () => {
    const whole = formatNote(TEXT, [LINE]);
    const from = whole.length - LINE.length - 1;
    for (let bit = 0; bit < whole.length * 8; bit += 1) {
      const bytes = Buffer.from(whole);
      bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      let verified: unknown[] = [];
      try {
        verified = verifyNote(parseNote(bytes), [LOG]);
      } catch (error) {
        expect(['LEDGER_MALFORMED', 'SIGNATURE_INVALID']).toContain(
          (error as { code?: string }).code,
        );
      }
      expect(verified, `bit ${bit} of ${from * 8}`).toEqual([]);
    }
  });

  test('two different keys under one name and id are no policy', () => {
    expect(() => verifyNote(signed(LINE), [LOG, { ...LOG, publicKey: second.publicKey }])).toThrow(
      BROKEN,
    );
  });
});

describe('reading', () => {
  const good = formatNote(TEXT, [LINE]).toString();

  test('text may have empty lines: the last one of the note is the split', () => {
    expect(note(good).text).toBe(TEXT);
    const quoted = `${good}\n`;
    expect(note(`${quoted}${LINE}\n`).text).toBe(good);
  });

  test('16 signatures are read, and 100 are the most', () => {
    for (const count of [16, 100]) {
      const lines = Array.from({ length: count }, () => LINE);
      expect(parseNote(formatNote(TEXT, lines)).signatures).toHaveLength(count);
    }
    const tooMany = formatNote(
      TEXT,
      Array.from({ length: 101 }, () => LINE),
    );
    expect(() => parseNote(tooMany)).toThrow(/100 signatures/);
  });

  test('sixteen post-quantum signatures fit', () => {
    const long = signatureLine('w', '01020304', Buffer.alloc(5000, 1));
    expect(parseNote(formatNote(TEXT, Array(16).fill(long))).signatures).toHaveLength(16);
    expect(() => parseNote(Buffer.alloc(262_145, 0x0a))).toThrow(/262144 bytes/);
  });

  const base64 = LINE.split(' ')[2] ?? '';
  test.each([
    ['nothing', ''],
    ['no signature', TEXT],
    ['no empty line', `one\n${LINE}\n`],
    ['an empty line and nothing behind it', `${TEXT}\n`],
    ['no line end', good.slice(0, -1)],
    ['a carriage return', good.replace('one\n', 'one\r\n')],
    ['a tab', good.replace('one', 'o\te')],
    ['a zero byte', good.replace('one', 'o\0e')],
    ['a hyphen for the dash', good.replace('— ', '- ')],
    ['two blanks', good.replace('— ', '—  ')],
    ['a blank at the end', good.replace(/\n$/, ' \n')],
    ['no text', `\n${LINE}\n`],
    ['no name', `${TEXT}\n— ${base64}\n`],
    ['a name with a plus', good.replace(`— ${ORIGIN}`, '— a+b')],
    ['a name with a no-break space', good.replace(`— ${ORIGIN}`, '— a\u00a0b')],
    ['base64 without padding', good.replace('=\n', '\n')],
    ['base64 with spare bits', `${TEXT}\n— x AQIDBAV=\n`],
    ['base64 for addresses', `${TEXT}\n— x AQIDBP-_\n`],
    ['no signature behind the key id', `${TEXT}\n— x AQIDBA==\n`],
    ['an empty signature', `${TEXT}\n— x \n`],
    ['text among the signatures', `${good}more\n`],
  ])('refused: %s', (_, text) => {
    expect(() => note(text)).toThrow(MALFORMED);
  });

  test('refused: bytes that are not UTF-8', () => {
    const bytes = Buffer.from(good);
    bytes.writeUInt8(0xff, 1);
    expect(() => parseNote(bytes)).toThrow(/UTF-8/);
  });

  test('a byte order mark belongs to the text', () => {
    expect(note(`\ufeff${good}`).text).toBe(`\ufeff${TEXT}`);
  });
});

describe('signing', () => {
  test.each(['', 'no end', 'a\r\n', 'a\tb\n', 'a\ud800\n'])('text %j is not signed', (text) => {
    expect(() => signNote(text, log, ORIGIN)).toThrow(BROKEN);
  });

  test.each(['', 'a b', 'a+b', 'a\u00a0b', 'a\u0085b', 'a\nb', 'a\ud800'])(
    '%j names no key',
    (name) => {
      expect(isKeyName(name)).toBe(false);
      expect(() => signNote(TEXT, log, name)).toThrow(BROKEN);
      expect(() => formatVkey(name, log.publicKey, NOTE_SIGNATURE.ed25519)).toThrow(BROKEN);
    },
  );

  test('whatever is signed is read back and verified', () => {
    const line = fc
      .string({ unit: 'grapheme' })
      .filter((one) => !/[\p{Cc}\p{Surrogate}]/u.test(one));
    fc.assert(
      fc.property(fc.array(line, { minLength: 1 }), (lines) => {
        const text = `${lines.join('\n')}\n`;
        const read = parseNote(formatNote(text, [signNote(text, log, ORIGIN)]));
        expect(read.text).toBe(text);
        expect(verifyNote(read, [LOG])).toEqual([{ verifier: LOG }]);
      }),
      { numRuns: 300 },
    );
  });
});

describe('verifier keys', () => {
  test.each([
    [
      'the example of a cosigner',
      'remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2',
      4,
    ],
    ['base64 with a plus', 'TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6', 1],
    ['another', 'EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop', 1],
  ])('%s is read and written back', (_, text, type) => {
    const verifier = parseVkey(text);
    expect(verifier.type).toBe(type);
    expect(formatVkey(verifier.name, verifier.publicKey, verifier.type)).toBe(text);
  });

  const [name = '', id = '', key = ''] = LAB.vkey.split('+');
  const ofType = (type: number, bytes = 32) =>
    Buffer.concat([Buffer.of(type), Buffer.alloc(bytes, 1)]).toString('base64');
  test.each([
    ['nothing', ''],
    ['no key', `${name}+${id}`],
    ['no name', `+${id}+${key}`],
    ['a name with a blank', `a b+${id}+${key}`],
    ['the id of another name', `${name}x+${id}+${key}`],
    ['the id of another key', `${name}+00000000+${key}`],
    ['an id in upper case', `${name}+${id.toUpperCase()}+${key}`],
    ['a short id', `${name}+${id.slice(1)}+${key}`],
    ['a key without padding', `${name}+${id}+${key}=`],
    ['a blank behind it', `${LAB.vkey} `],
    ['a line end behind it', `${LAB.vkey}\n`],
    ['type 0', `x+00000000+${ofType(0)}`],
    ['type 2', `x+00000000+${ofType(2)}`],
    ['type 6', `x+00000000+${ofType(6, 1312)}`],
    ['31 bytes', `x+00000000+${ofType(1, 31)}`],
    ['33 bytes', `x+00000000+${ofType(1, 33)}`],
  ])('refused: %s', (_, text) => {
    expect(() => parseVkey(text)).toThrow(MALFORMED);
  });

  test('every other character anywhere is refused or names another key', () => {
    for (let at = 0; at < LAB.vkey.length; at += 1) {
      for (const character of ['A', 'b', '0', '+', ' ', '=', '/']) {
        if (LAB.vkey[at] === character) continue;
        const text = `${LAB.vkey.slice(0, at)}${character}${LAB.vkey.slice(at + 1)}`;
        expect(() => parseVkey(text), text).toThrow(MALFORMED);
      }
    }
  });
});

describe('cosignatures', () => {
  const body = note(LAB.note).text;
  const [witness = log] = witnesses;
  const blobOf = (line: string) => Buffer.from(line.split(' ')[2] ?? '', 'base64').subarray(4);

  test('are over a header, the time and the body of the checkpoint', () => {
    const blob = blobOf(cosign(body, witness, 'w.example/1', 1_679_315_147));
    expect(blob.length).toBe(72);
    expect(blob.readBigUInt64BE()).toBe(1_679_315_147n);
    const message = Buffer.from(`cosignature/v1\ntime 1679315147\n${body}`);
    expect(blob.subarray(8).equals(witness.sign(message))).toBe(true);
  });

  test('say when, in a note of several', () => {
    const lines = [signNote(body, log, ORIGIN), cosign(body, witness, 'w.example/1', 0)];
    const verifier = parseVkey(
      formatVkey('w.example/1', witness.publicKey, NOTE_SIGNATURE.cosignature),
    );
    expect(verifyNote(parseNote(formatNote(body, lines)), [verifier])).toEqual([
      { verifier, unixSeconds: 0 },
    ]);
  });

  test('a flipped bit, another time, another key or another body is none', () => {
    const blob = blobOf(cosign(body, witness, 'w', 1_679_315_147));
    expect(verifyCosignature(witness.publicKey, body, blob)).toBe(1_679_315_147);
    for (let bit = 0; bit < blob.length * 8; bit += 1) {
      const other = Buffer.from(blob);
      other.writeUInt8(other.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(verifyCosignature(witness.publicKey, body, other)).toBeUndefined();
    }
    expect(verifyCosignature(log.publicKey, body, blob)).toBeUndefined();
    expect(verifyCosignature(witness.publicKey, `${body}x\n`, blob)).toBeUndefined();
    for (const length of [0, 7, 8, 71]) {
      expect(verifyCosignature(witness.publicKey, body, blob.subarray(0, length))).toBeUndefined();
    }
  });

  test('a time beyond what a number holds is none, signed or not', () => {
    const seconds = 2n ** 53n;
    const time = Buffer.alloc(8);
    time.writeBigUInt64BE(seconds);
    const signature = witness.sign(Buffer.from(`cosignature/v1\ntime ${seconds}\n${body}`));
    const blob = Buffer.concat([time, signature]);
    expect(verifyCosignature(witness.publicKey, body, blob)).toBeUndefined();
  });

  test('only checkpoints are cosigned, at whole seconds', () => {
    expect(() => cosign('anything\n', witness, 'w', 1)).toThrow(MALFORMED);
    for (const time of [-1, 1.5, Number.NaN, 2 ** 53]) {
      expect(() => cosign(body, witness, 'w', time)).toThrow(BROKEN);
    }
  });
});
