import { expect, test } from 'vitest';
import { signingKey, signingKeyName, verifySignature } from '../../ledger/ed25519.ts';
import { admin, log, worker } from './signing-samples.ts';

/** RFC 8032, section 7.1: seed, public key, message, signature. */
const vectors = [
  [
    '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
  [
    'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    'af82',
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  ],
] as const;
const hex = (text: string) => Buffer.from(text, 'hex');

test.each(vectors)('RFC 8032, seed %s', (seed, publicKey, message, signature) => {
  const key = signingKey('worker', hex(seed));
  expect(key.publicKey.toString('hex')).toBe(publicKey);
  expect(key.sign(hex(message)).toString('hex')).toBe(signature);
  expect(verifySignature(hex(publicKey), hex(message), hex(signature))).toBe(true);
});

test('a key is named by its role and the hash of its public key', () => {
  // SHA-256 of the public key of the first vector begins with 21fe31df.
  const publicKey = hex(vectors[0][1]);
  expect(signingKeyName('worker', publicKey)).toBe('worker-21fe31df');
  expect(signingKey('log', hex(vectors[0][0])).name).toBe('log-21fe31df');
  expect(new Set([admin.name, worker.name, log.name]).size).toBe(3);
});

test('a seed of another length is refused', () => {
  for (const bytes of [0, 31, 33, 64]) {
    expect(() => signingKey('log', Buffer.alloc(bytes))).toThrow(
      expect.objectContaining({ code: 'INVARIANT_BROKEN' }),
    );
  }
});

test('wiping the seed does not change the key', () => {
  const seed = Buffer.alloc(32, 9);
  const key = signingKey('worker', seed);
  const before = key.sign(Buffer.from('x'));
  seed.fill(0);
  expect(key.sign(Buffer.from('x')).equals(before)).toBe(true);
});

test('every single flipped bit of message, signature and key is found', () => {
  const message = Buffer.from('a batch');
  const signature = worker.sign(message);
  for (const part of [message, signature]) {
    for (let bit = 0; bit < part.length * 8; bit += 1) {
      part.writeUInt8(part.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(verifySignature(worker.publicKey, message, signature)).toBe(false);
      part.writeUInt8(part.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    }
  }
  for (let bit = 0; bit < 256; bit += 1) {
    const other = Buffer.from(worker.publicKey);
    other.writeUInt8(other.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    expect(verifySignature(other, message, signature)).toBe(false);
  }
  expect(verifySignature(worker.publicKey, message, signature)).toBe(true);
});

test('keys and signatures of a wrong length, and keys that are no point, are false and no error', () => {
  const message = Buffer.from('x');
  const signature = log.sign(message);
  for (const length of [0, 31, 33]) {
    expect(verifySignature(Buffer.alloc(length, 1), message, signature)).toBe(false);
  }
  for (const length of [0, 63, 65, 128]) {
    const other = Buffer.concat([signature, signature]).subarray(0, length);
    expect(verifySignature(log.publicKey, message, other)).toBe(false);
  }
  for (const byte of [0, 2, 0x7f, 0xff]) {
    expect(verifySignature(Buffer.alloc(32, byte), message, signature)).toBe(false);
  }
});

test('nobody without the key makes a second valid signature of a valid one', () => {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const message = Buffer.from('x');
  const signature = log.sign(message);
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`);
  const other = hex((s + order).toString(16).padStart(64, '0')).reverse();
  const twin = Buffer.concat([signature.subarray(0, 32), other]);
  expect(verifySignature(log.publicKey, message, signature)).toBe(true);
  expect(verifySignature(log.publicKey, message, twin)).toBe(false);
});

test('more keys than are remembered are told apart', () => {
  const message = Buffer.from('x');
  const keys = Array.from({ length: 150 }, (_, i) =>
    signingKey('worker', Buffer.alloc(32, i + 50)),
  );
  const signatures = keys.map((key) => key.sign(message));
  for (const round of [0, 1]) {
    keys.forEach((key, i) => {
      const own = signatures[i] ?? Buffer.alloc(0);
      const other = signatures[(i + 1 + round) % keys.length] ?? Buffer.alloc(0);
      expect(verifySignature(key.publicKey, message, own)).toBe(true);
      expect(verifySignature(key.publicKey, message, other)).toBe(false);
    });
  }
});
