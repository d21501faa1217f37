/** What we sign, checked by a program that is not ours. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatCheckpoint } from '../../ledger/checkpoint.ts';
import { signingKey } from '../../ledger/ed25519.ts';
import { formatNote, parseNote, signNote } from '../../ledger/note.ts';
import { parseVkey } from '../../ledger/note-key.ts';
import { LAB, log, ORIGIN } from './signing-samples.ts';

const version = spawnSync('openssl', ['version'], { encoding: 'utf8' }).stdout ?? '';
const major = Number(/^OpenSSL (\d+)/.exec(version)?.[1] ?? 0);

describe.skipIf(major < 3)('openssl 3 or later on PATH (skipped without it)', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'retain-openssl-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  function verifies(publicKey: Buffer, message: Buffer, signature: Buffer): boolean {
    const paths = {
      key: join(folder, 'key'),
      message: join(folder, 'text'),
      signature: join(folder, 'sig'),
    };
    const prefix = Buffer.from('302a300506032b6570032100', 'hex');
    writeFileSync(paths.key, Buffer.concat([prefix, publicKey]));
    writeFileSync(paths.message, message);
    writeFileSync(paths.signature, signature);
    const key = ['-pubin', '-keyform', 'DER', '-inkey', paths.key];
    const files = ['-rawin', '-in', paths.message, '-sigfile', paths.signature];
    const { status } = spawnSync('openssl', ['pkeyutl', '-verify', ...key, ...files]);
    return status === 0;
  }

  test('finds the signature of a checkpoint good over its text, and bad over any other', () => {
    const text = formatCheckpoint({ origin: ORIGIN, size: 42, root: Buffer.alloc(32, 9) });
    const [signed] = parseNote(formatNote(text, [signNote(text, log, ORIGIN)])).signatures;
    const signature = signed?.signature ?? Buffer.alloc(0);
    expect(verifies(log.publicKey, Buffer.from(text), signature)).toBe(true);
    expect(verifies(log.publicKey, Buffer.from(text.replace('42', '43')), signature)).toBe(false);
  });

  test('agrees about the checkpoint of the lab', () => {
    const { text, signatures } = parseNote(Buffer.from(LAB.note));
    const signature = signatures[0]?.signature ?? Buffer.alloc(0);
    expect(verifies(parseVkey(LAB.vkey).publicKey, Buffer.from(text), signature)).toBe(true);
  });

  test('derives the same public key from a seed', () => {
    const seed = Buffer.alloc(32, 0x2a);
    const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
    const spki = execFileSync('openssl', ['pkey', '-inform', 'DER', '-pubout', '-outform', 'DER'], {
      input: der,
    });
    expect(signingKey('worker', seed).publicKey.equals(spki.subarray(-32))).toBe(true);
  });
});
