/** The PDF of a certificate: exact to the byte, readable by everybody, and never other than the file in it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { certificatePdf } from '../../cli/output/certificate-pdf/certificate-pdf.ts';
import { FONT_NAMES, font, printable } from '../../cli/output/certificate-pdf/fonts.ts';
import { qrCode } from '../../cli/output/certificate-pdf/qr.ts';
import { CERTIFICATE_TYPE } from '../../ledger/certificate/format.ts';
import { verifyCertificate } from '../../ledger/certificate/verify.ts';
import {
  type CertificateSamples,
  certificateSamples,
  type UnsignedRecord,
} from '../support/certificate-samples.ts';
import { testKey } from '../support/log-teller.ts';
import { isAllMarked, pdfParts } from '../support/pdf-parts.ts';
import { timestampAuthority } from '../support/timestamp-authority.ts';

let samples: CertificateSamples;

beforeAll(async () => {
  samples = await certificateSamples();
});

async function pdfOf(unsigned: CertificateSamples['record'] | CertificateSamples['run']) {
  const bytes = samples.sign(unsigned);
  const report = verifyCertificate(bytes, samples.policy);
  expect(report.findings).toEqual([]);
  return { bytes, report, pdf: await certificatePdf(report, bytes) };
}

const withWords = (words: Partial<UnsignedRecord['words']>): UnsignedRecord => ({
  ...samples.record,
  words: { ...samples.record.words, ...words },
});

test('the same certificate has the same PDF, byte for byte', async () => {
  for (const unsigned of [samples.record, samples.run]) {
    const [first, second] = [await pdfOf(unsigned), await pdfOf(unsigned)];
    expect(first.pdf.equals(second.pdf)).toBe(true);
  }
});

test('the certificate itself is attached, byte for byte', async () => {
  for (const unsigned of [samples.record, samples.run]) {
    const { bytes, pdf } = await pdfOf(unsigned);
    const { embedded, raw } = pdfParts(pdf);
    expect(embedded.get(CERTIFICATE_TYPE)?.equals(bytes)).toBe(true);
    expect(raw.includes('(certificate.json)')).toBe(true);
    expect(raw.includes('/AFRelationship /Source')).toBe(true);
  }
});

test('it is tagged, in English, and has a title', async () => {
  const { raw, pages } = pdfParts((await pdfOf(samples.record)).pdf);
  for (const part of [
    '%PDF-1.7',
    '/Marked true',
    '/StructTreeRoot',
    '/Lang (en-GB)',
    '/DisplayDocTitle true',
    '(Certificate of destruction: record)',
    '/S /Figure\n/Alt (QR code of the SHA-256 digest',
    '/S /H1',
    '/Scope /Row',
  ]) {
    expect(raw.includes(part), part).toBe(true);
  }
  expect(pages.length).toBeGreaterThan(1);
  expect(pages.map(isAllMarked)).toEqual(pages.map(() => true));
});

test('page one of a record says what went, when, by which rule, on whose word, and how to check it', async () => {
  const { pdf, report } = await pdfOf(samples.record);
  const [first] = pdfParts(pdf).texts;
  for (const words of [
    'Harbour Homes',
    'Certificate of destruction',
    'customer, key 4321',
    '21 Nov 2026',
    'customer_6_years, version 1 of the schedule',
    '6 years after contract closed',
    'Limitation Act 1980, section 5',
    'bob, another person',
    'Proven by the ledger',
    'Stated by Harbour Homes',
    '26 Dec 2026',
    'retain cert verify certificate.json --policy policy.txt',
    report.sha256,
    'Page 1 of 2',
  ]) {
    expect(first).toContain(words);
  }
});

test('the method claims no sanitisation of a medium, and the limits are said', async () => {
  const { text } = pdfParts((await pdfOf(samples.record)).pdf);
  expect(text).toContain('this is not Clear, Purge or Destroy of a medium');
  expect(text).toContain('What this certificate does not prove');
  expect(text).toContain('That no copy exists elsewhere');
});

test('the method is told by what the log has, not by what somebody said', async () => {
  for (const unsigned of [samples.record, samples.run]) {
    const { text } = pdfParts((await pdfOf(unsigned)).pdf);
    for (const words of [
      'Rows of "public"."customer" with their parts',
      `Retain, signing with ${testKey('worker', 1).name}.`,
      'requested by ann, approved by bob',
      'Date 21 Nov 2026 (UTC)',
      'Store housing, database housing.',
    ]) {
      expect(text).toContain(words);
    }
  }
});

test('the PDF of a run has a line for every step', async () => {
  const { text } = pdfParts((await pdfOf(samples.run)).pdf);
  for (const words of ['customer_6_years', 'Planned', 'Destroyed', '345', 'Kept back']) {
    expect(text).toContain(words);
  }
});

test('names of classes, organisations and laws in Latin, Greek and Cyrillic come out as they went in', async () => {
  const names = {
    organisation: 'Spółdzielnia Źródło',
    class_title: 'Φάκελος Παπαδόπουλος',
    authority: 'Закон о бухгалтерском учёте, ст. 29',
  };
  const { organisation, class_title, authority } = names;
  const { rule } = samples.record.words;
  const { pdf } = await pdfOf(
    withWords({ organisation, class_title, rule: { ...rule, authority } }),
  );
  const { texts, fonts, raw } = pdfParts(pdf);
  for (const name of Object.values(names)) expect(texts[0]).toContain(name);
  expect(texts.join()).not.toContain('Characters that the fonts');
  expect(new Set(fonts)).toEqual(
    new Set(['DejaVuSansCondensed', 'DejaVuSansCondensed-Bold', 'DejaVuSerif', 'DejaVuSansMono']),
  );
  // Nothing is left to the fonts of a reader, and only what is used of ours is in the file.
  expect(raw).not.toMatch(/Helvetica|Times|Courier/);
  expect(pdf.length).toBeLessThan(100_000);
});

test('every letter and sign that is printed as it is has a glyph in its font', () => {
  for (const name of FONT_NAMES) {
    const { has } = font(name);
    for (let codePoint = 0; codePoint < 0x30000; codePoint += 1) {
      const character = String.fromCodePoint(codePoint);
      if (printable(character, name) === character) expect(has(codePoint), character).toBe(true);
    }
    expect(printable('Zażółć gęślą jaźń, Ξεσκεπάζω, съешь ещё, Müller – “§ 5” €', name)).toBe(
      'Zażółć gęślą jaźń, Ξεσκεπάζω, съешь ещё, Müller – “§ 5” €',
    );
  }
});

test.each([
  ['letters of a script from right to left', 'אב', '\\u{5d0}\\u{5d1}'],
  ['letters that join', 'عب', '\\u{639}\\u{628}'],
  ['a sign of such a script', '\u060c', '\\u{60c}'],
  ['letters that the fonts lack', '漢', '\\u{6f22}'],
  ['a letter of a known script that they lack', 'ꬰ', '\\u{ab30}'],
  ['a mark on a letter', 'z\u0301', 'z\\u{301}'],
  ['a blank that is another blank', 'a\u00a0b', 'a\\u{a0}b'],
  ['a hyphen that is not seen', 'a\u00adb', 'a\\u{ad}b'],
  ['what turns the direction', '\u202etxt', '\\u{202e}txt'],
  ['what steers a terminal', '\u001b', '\\u{1b}'],
  ['a line end', '\n', '\\u{a}'],
  ['half a character', '\ud800', '\\u{d800}'],
  ['what looks like an escape', 'a\\u{142}', 'a\\u{5c}u{142}'],
])('%s: written as its code point, never left out', async (_, text, written) => {
  for (const name of FONT_NAMES) expect(printable(text, name)).toBe(written);
});

test('a note says what an escape is where there is one', async () => {
  const { text } = pdfParts((await pdfOf(withWords({ class_title: 'Akta Łukasza 漢' }))).pdf);
  expect(text).toContain('Akta Łukasza \\u{6f22}');
  expect(text).toContain('Characters that the fonts of this document lack');
});

test('a timestamp is said to be there, with what is to be checked of it', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'pdf-timestamp-'));
  try {
    const tsr = timestampAuthority(dir).stamp(samples.log.checkpoint).toString('base64');
    const { text } = pdfParts((await pdfOf({ ...samples.record, tsr })).pdf);
    expect(text).toMatch(/Timestamp the checkpoint was there on \d+ \w+ 20\d\d/);
    expect(text).toContain('openssl ts -verify');
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('no note about characters stands where none was needed', async () => {
  const { text } = pdfParts((await pdfOf(samples.record)).pdf);
  expect(text).not.toContain('Characters that the fonts');
});

test('words of any length stay on their pages', async () => {
  const long = 'Sections 4, 5 and 7 of the retention order. '.repeat(120).trim();
  const { rule } = samples.record.words;
  const { pages } = pdfParts((await pdfOf(withWords({ rule: { ...rule, authority: long } }))).pdf);
  expect(pages.length).toBeGreaterThan(2);
  expect(pages.map(isAllMarked)).toEqual(pages.map(() => true));
});

test('what is not proven is not put on paper', async () => {
  const bytes = samples.sign({ ...samples.record, record: { class: 'customer', pk: ['1'] } });
  const report = verifyCertificate(bytes, samples.policy);
  await expect(certificatePdf(report, bytes)).rejects.toMatchObject({ code: 'INVARIANT_BROKEN' });
});

test('a QR code has its three finder patterns and fits its square', () => {
  const { size, runs } = qrCode(`sha256:${'0123456789abcdef'.repeat(4)}`);
  const dark = (row: number, column: number) =>
    runs.some((run) => run.row === row && run.column <= column && column < run.column + run.width);
  for (const [row, column] of [
    [0, 0],
    [0, size - 7],
    [size - 7, 0],
  ] as const) {
    for (let i = 0; i < 7; i += 1) {
      expect(dark(row, column + i) && dark(row + 6, column + i)).toBe(true);
    }
    expect(dark(row + 1, column + 1)).toBe(false);
    expect(dark(row + 3, column + 3)).toBe(true);
  }
  expect(runs.every(({ column, width }) => column + width <= size)).toBe(true);
});
