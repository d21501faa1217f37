/** The words of a certificate, and the keys that it shows, against the log. */
import { beforeAll, describe, expect, test } from 'vitest';
import { RECORD_LIMITS, RUN_LIMITS } from '../../../ledger/certificate/limits.ts';
import { verifyCertificate } from '../../../ledger/certificate/verify.ts';
import { type CertificateSamples, certificateSamples } from '../../support/certificate-samples.ts';
import { testKey } from '../../support/log-teller.ts';
import { codes as codesOf, verifyBuilt } from '../../support/verified.ts';

const NEXT_LOG = testKey('log', 2);

let samples: CertificateSamples;

beforeAll(async () => {
  samples = await certificateSamples();
});

type Unsigned = CertificateSamples['record'] | CertificateSamples['run'];

function codes(unsigned: Unsigned, from = samples): string[] {
  const { findings, facts } = verifyCertificate(from.sign(unsigned), from.policy);
  expect(facts === undefined).toBe(findings.length > 0);
  return findings.map(({ code }) => code);
}

/** As the organisation signs both kinds of certificate with these words. */
const withWords = (words: object): string[][] => [
  codes({ ...samples.record, words: { ...samples.record.words, ...words } }),
  codes({ ...samples.run, words: { ...samples.run.words, ...words } }),
];
const CONTRADICTED = [['E_WORDS'], ['E_WORDS']];

describe('words', () => {
  test('that say it was issued before what it is about contradict the log', () => {
    expect(withWords({ issued_at: '1999-01-01T00:00:00Z' })).toEqual(CONTRADICTED);
    expect(withWords({ issued_at: '2026-11-21T09:00:00Z' })).toEqual(CONTRADICTED);
  });

  test('that say backups were gone before the destruction contradict the log, whatever the zone', () => {
    expect(withWords({ backups_expire_on: '2026-11-19' })).toEqual(CONTRADICTED);
    expect(withWords({ backups_expire_on: '2026-11-20' })).toEqual([[], []]);
  });

  test('leave out, add or change none of the known limits', () => {
    for (const change of [
      () => [],
      (known: readonly string[]) => known.slice(1),
      (known: readonly string[]) => [...known, 'Nothing else.'],
      (known: readonly string[]) => known.toReversed(),
    ]) {
      const [record, run] = [RECORD_LIMITS, RUN_LIMITS].map(change);
      const { words } = samples.record;
      expect(codes({ ...samples.record, words: { ...words, does_not_prove: record! } })).toEqual([
        'E_WORDS',
      ]);
      const { words: said } = samples.run;
      expect(codes({ ...samples.run, words: { ...said, does_not_prove: run! } })).toEqual([
        'E_WORDS',
      ]);
    }
  });

  test('have no place for what the log says itself', () => {
    for (const extra of [{ method: { date: '1999-01-01' } }, { executed_at: 'x' }]) {
      expect(() => withWords(extra)).toThrow(
        expect.objectContaining({ code: 'CERTIFICATE_MALFORMED' }),
      );
    }
  });
});

describe('the keys shown', () => {
  test('name the log key that signed the head', async () => {
    const forged = await certificateSamples({ publish: { logKey: testKey('log', 77) } });
    for (const unsigned of [forged.record, forged.run]) {
      expect(codes(unsigned, forged)).toEqual(['E_LOGKEY']);
    }
    expect(codesOf(await verifyBuilt(forged.log))).toEqual(['E_LOGKEY']);
  });

  test('may name it later than the genesis', async () => {
    const rotated = await certificateSamples({
      logRotatedTo: NEXT_LOG,
      publish: { logKey: NEXT_LOG },
    });
    for (const unsigned of [rotated.record, rotated.run]) {
      expect(codes(unsigned, rotated)).toEqual([]);
      const keys = unsigned.keys.slice(0, -2);
      expect(codes({ ...unsigned, keys }, rotated)).toEqual(['E_LOGKEY']);
    }
  });

  test('say when the log key that signed the head was revoked', async () => {
    const old = await certificateSamples({ logRotatedTo: NEXT_LOG });
    for (const unsigned of [old.record, old.run]) {
      expect(codes(unsigned, old)).toEqual(['E_LOGKEY']);
    }
  });

  test('are refused out of order, even when the last of them is the newest again', async () => {
    const revoked = await certificateSamples({ revoked: true });
    for (const unsigned of [revoked.record, revoked.run]) {
      const { keys } = unsigned;
      const shuffled = [...keys, keys[1]!, keys.at(-1)!];
      expect(codes({ ...unsigned, keys: shuffled }, revoked)).toEqual(['E_GENESIS']);
    }
  });
});
