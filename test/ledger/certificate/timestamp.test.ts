/** The timestamp of a certificate: of its very checkpoint or found out, and its signature one that openssl checks. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RetentionError } from '../../../domain/errors.ts';
import { verifyCertificate } from '../../../ledger/certificate/verify.ts';
import { der, derInteger, TAG } from '../../../ledger/der.ts';
import { readTimestamp } from '../../../ledger/timestamp.ts';
import { ROOT } from '../../architecture/markdown.ts';
import { type CertificateSamples, certificateSamples } from '../../support/certificate-samples.ts';
import { type TimestampAuthority, timestampAuthority } from '../../support/timestamp-authority.ts';
import { changed, FIELD, field, flipped, gone } from '../../support/timestamp-edits.ts';

let samples: CertificateSamples;
let home: string;
let authority: TimestampAuthority;
let tsr: Buffer;

beforeAll(async () => {
  samples = await certificateSamples();
  home = mkdtempSync(join(tmpdir(), 'certificate-timestamp-'));
  mkdirSync(join(home, 'authority'));
  authority = timestampAuthority(join(home, 'authority'));
  copyFileSync(authority.rootFile, join(home, 'authority.pem'));
  tsr = authority.stamp(samples.log.checkpoint);
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** As the organisation itself would hand them out. */
const stamped = (response: Buffer) =>
  [samples.record, samples.run].map((unsigned) =>
    samples.sign({ ...unsigned, tsr: response.toString('base64') }),
  );
const reportsOf = (response: Buffer) =>
  stamped(response).map((bytes) => verifyCertificate(bytes, samples.policy));

/** What docs/auditor.md tells auditors to type, as it stands there. */
function asDocumented(certificate: Buffer): string {
  writeFileSync(join(home, 'certificate.json'), certificate);
  const page = readFileSync(join(ROOT, 'docs/auditor.md'), 'utf8');
  const [commands = ''] = /^sed .*"tsr".*\n(?:.*\n)*?openssl ts -verify .*\n/m.exec(page) ?? [];
  const options = { cwd: home, encoding: 'utf8', stdio: 'pipe' } as const;
  return execFileSync('sh', ['-ec', commands], options);
}

const timeOf = (text: string) => der(TAG.generalizedTime, Buffer.from(text, 'latin1'));

test('a timestamp of the checkpoint is told with its time, and with what is not known of it', () => {
  for (const { findings, facts, timestamp, remarks } of reportsOf(tsr)) {
    expect(findings).toEqual([]);
    expect(facts).toBeDefined();
    expect(Math.abs(Date.parse(timestamp ?? '') - Date.now())).toBeLessThan(120_000);
    expect(remarks).toEqual([expect.stringContaining('who made it was not checked')]);
  }
});

test('openssl verifies it out of the file of a certificate, by the commands of the documents', () => {
  for (const bytes of stamped(tsr)) expect(asDocumented(bytes)).toContain('Verification: OK');
});

test('a certificate without a timestamp is proven as ever', () => {
  for (const unsigned of [samples.record, samples.run]) {
    const report = verifyCertificate(samples.sign(unsigned), samples.policy);
    expect(report).toMatchObject({ findings: [], remarks: [], timestamp: undefined });
    expect(report.facts).toBeDefined();
  }
});

test('what is later than microseconds in its time is left out', () => {
  const finer = changed(tsr, field(FIELD.time), () => timeOf('20261121120000.1234567Z'));
  expect(readTimestamp(finer).at).toBe('2026-11-21T12:00:00.123456Z');
});

test.each<[string, () => Buffer]>([
  ['of another checkpoint', () => authority.stamp(Buffer.from('another'))],
  [
    'of the text of the checkpoint without its signatures',
    () => authority.stamp(samples.log.checkpoint.subarray(0, samples.log.checkpoint.indexOf('—'))),
  ],
  ['with another digest', () => changed(tsr, [...field(FIELD.imprint), 1], flipped)],
  ['with another algorithm', () => changed(tsr, [...field(FIELD.imprint), 0, 0], flipped)],
  [
    'of another length of digest',
    () =>
      changed(tsr, [...field(FIELD.imprint), 1], () => der(TAG.octetString, Buffer.alloc(20, 7))),
  ],
  ['that was refused', () => changed(tsr, [0, 0, 0], () => derInteger(Buffer.of(2)))],
  ['without a status', () => changed(tsr, [0, 0, 0], gone)],
  ['without a token', () => changed(tsr, [0, 1], gone)],
  ['of another version', () => changed(tsr, field(FIELD.version), flipped)],
  ['without a time', () => changed(tsr, field(FIELD.time), gone)],
  ['on no day', () => changed(tsr, field(FIELD.time), () => timeOf('20260230120000Z'))],
  ['in local time', () => changed(tsr, field(FIELD.time), () => timeOf('20261121120000'))],
  ['without the certificate of the authority', () => changed(tsr, [0, 1, 1, 0, 3], gone)],
  ['that is a bare token', () => changed(tsr, [0, 0], gone)],
  ['with bytes after it', () => Buffer.concat([tsr, Buffer.of(0)])],
  ['cut', () => tsr.subarray(0, -1)],
  ['that is something else', () => Buffer.from('<html>')],
])('a timestamp %s is found, although the organisation signed it', (_, response) => {
  for (const { findings, facts, timestamp } of reportsOf(response())) {
    expect(findings.map(({ code }) => code)).toEqual(['E_TIMESTAMP']);
    expect({ facts, timestamp }).toEqual({ facts: undefined, timestamp: undefined });
  }
});

test('a timestamp that was put in, changed or taken out by anybody else is not signed by the organisation', () => {
  const other = authority.stamp(samples.log.checkpoint);
  for (const bytes of stamped(tsr)) {
    const base64 = `"${tsr.toString('base64')}"`;
    for (const changedTo of [`"${other.toString('base64')}"`, 'null']) {
      const forged = Buffer.from(bytes.toString('utf8').replace(base64, changedTo));
      const { findings } = verifyCertificate(forged, samples.policy);
      expect(findings.map(({ code }) => code)).toEqual(['E_ISSUER']);
    }
  }
});

test('a time that the organisation made up is one for openssl to find', () => {
  const made = changed(tsr, field(FIELD.time), () => timeOf('20200101000000Z'));
  for (const bytes of stamped(made)) {
    const { findings, timestamp, remarks } = verifyCertificate(bytes, samples.policy);
    expect({ findings, timestamp }).toEqual({ findings: [], timestamp: '2020-01-01T00:00:00Z' });
    expect(remarks).toEqual([expect.stringContaining('proven once openssl')]);
    expect(() => asDocumented(bytes)).toThrow(/signature failure/);
  }
});

test('whatever is made of a timestamp, reading it answers or refuses with its code', () => {
  const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.nat(3)), {
    minLength: 1,
    maxLength: 4,
  });
  let refused = 0;
  fc.assert(
    fc.property(edits, (changes) => {
      let bytes = Buffer.from(tsr);
      for (const [place, value, cut] of changes) {
        const at = place % bytes.length;
        const piece = cut === 3 ? Buffer.alloc(0) : Buffer.of(value);
        bytes = Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at + cut)]);
      }
      try {
        expect(readTimestamp(bytes).digest).toHaveLength(32);
      } catch (error) {
        if (!(error instanceof RetentionError) || error.code !== 'TIMESTAMP_INVALID') throw error;
        refused += 1;
      }
    }),
    { numRuns: 10_000 },
  );
  expect(refused).toBeGreaterThan(1_000);
});
