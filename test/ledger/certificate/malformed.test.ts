/** What is no certificate is refused before anything in it is believed. */
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { RetentionError } from '../../../domain/errors.ts';
import { CERTIFICATE_BYTES_MAX } from '../../../ledger/certificate/format.ts';
import { verifyCertificate } from '../../../ledger/certificate/verify.ts';
import { type CertificateSamples, certificateSamples } from '../../support/certificate-samples.ts';

let samples: CertificateSamples;
let record: Buffer;
let run: Buffer;

beforeAll(async () => {
  samples = await certificateSamples();
  record = samples.sign(samples.record);
  run = samples.sign(samples.run);
});

function refusal(bytes: Uint8Array): string {
  try {
    const { findings } = verifyCertificate(bytes, samples.policy);
    return findings.length === 0 ? 'proven' : 'not proven';
  } catch (error) {
    if (error instanceof RetentionError) return error.code;
    throw error;
  }
}

const edited = (change: (json: string) => string): Buffer =>
  Buffer.from(change(record.toString('utf8')));
const MALFORMED = 'CERTIFICATE_MALFORMED';

test('a certificate as it was made is proven', () => {
  expect([record, run].map(refusal)).toEqual(['proven', 'proven']);
});

test('a name that stands twice is refused, whichever of the two a reader would take', () => {
  expect(refusal(edited((json) => json.replace('{', '{"kind":"record",')))).toBe(MALFORMED);
  expect(refusal(edited((json) => json.replace('"pk":', '"pk":["1"],"pk":')))).toBe(MALFORMED);
});

test('numbers that languages read differently are refused', () => {
  for (const number of ['9007199254740993', '1.0', '1e0', '-0', '01']) {
    const bytes = edited((json) => json.replace('"tsr":null', `"tsr":${number}`));
    expect(refusal(bytes)).toBe(MALFORMED);
  }
});

test('every beginning of a certificate is refused', () => {
  for (let length = 0; length < record.length; length += 97) {
    expect(refusal(record.subarray(0, length))).toBe(MALFORMED);
  }
  expect(refusal(record.subarray(0, -1))).toBe(MALFORMED);
});

test('a file that is too large is refused before it is parsed', () => {
  const large = Buffer.alloc(CERTIFICATE_BYTES_MAX + 1, 0x5b);
  expect(() => verifyCertificate(large, samples.policy)).toThrow(
    expect.objectContaining({ code: MALFORMED, message: expect.stringContaining('more than') }),
  );
});

test('what is not UTF-8 is refused, and so is a byte order mark', () => {
  expect(refusal(Buffer.concat([record, Buffer.of(0xff)]))).toBe(MALFORMED);
  expect(refusal(Buffer.concat([Buffer.of(0xef, 0xbb, 0xbf), record]))).toBe(MALFORMED);
});

test('another spelling of the same JSON is refused', () => {
  for (const change of [
    (json: string) => `${json}\n`,
    (json: string) => json.replace('{', '{ '),
    (json: string) => json.replace('Harbour', 'Har\\u0062our'),
    (json: string) => JSON.stringify(JSON.parse(json), null, 2),
  ]) {
    expect(refusal(edited(change))).toBe(MALFORMED);
  }
});

test('fields that are unknown, missing or of another kind are refused', () => {
  const certificate = JSON.parse(record.toString('utf8')) as Record<string, unknown>;
  const sorted = (value: Record<string, unknown>) =>
    Buffer.from(
      JSON.stringify(
        Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))),
      ),
    );
  expect(refusal(sorted(certificate))).toBe('proven');
  expect(refusal(sorted({ ...certificate, extra: 'x' }))).toBe(MALFORMED);
  for (const name of Object.keys(certificate)) {
    const { [name]: _, ...rest } = certificate;
    expect(refusal(sorted(rest)), `without ${name}`).toBe(MALFORMED);
    expect(refusal(sorted({ ...certificate, [name]: 7 })), `${name} is a number`).toBe(MALFORMED);
  }
});

test('entries and proofs of another kind than their place are refused', async () => {
  const { approval, keys, tlog_proof } = samples.record;
  const changes = [
    { entry: approval.entry },
    { approval: keys[0]! },
    { keys: [approval] },
    { batch_header: approval },
    { tlog_proof: tlog_proof.replace('@v1', '@v2') },
    { record: { class: 'customer', pk: [] } },
  ];
  for (const change of changes) {
    const make = () =>
      verifyCertificate(samples.sign({ ...samples.record, ...change }), samples.policy);
    expect(make).toThrow(expect.objectContaining({ code: MALFORMED }));
  }
});

test('nothing is proven after any one byte was changed', () => {
  const changed = fc.tuple(fc.boolean(), fc.nat(), fc.integer({ min: 1, max: 255 }));
  fc.assert(
    fc.property(changed, ([isRun, at, by]) => {
      const bytes = Buffer.from(isRun ? run : record);
      const place = at % bytes.length;
      bytes[place]! ^= by;
      return refusal(bytes) !== 'proven';
    }),
    { numRuns: 300 },
  );
});

test('an error about a certificate repeats nothing that stands in it', () => {
  const bytes = edited((json) => json.replace('"pk":["4321"]', '"pk":["4321"],"px":["4321"]'));
  expect(() => verifyCertificate(bytes, samples.policy)).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining('4321') }),
  );
});
