/** The PDF of a certificate: exact to the byte, readable by everybody, and never other than the file in it. */
import { beforeAll, expect, test } from 'vitest';
import { certificatePdf } from '../../cli/output/certificate-pdf/certificate-pdf.ts';
import { printable } from '../../cli/output/certificate-pdf/fonts.ts';
import { qrCode } from '../../cli/output/certificate-pdf/qr.ts';
import { CERTIFICATE_TYPE } from '../../ledger/certificate/format.ts';
import { verifyCertificate } from '../../ledger/certificate/verify.ts';
import {
  type CertificateSamples,
  certificateSamples,
  type UnsignedRecord,
} from '../support/certificate-samples.ts';
import { isAllMarked, pdfParts } from '../support/pdf-parts.ts';

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
  expect(text).toContain('this is not Clear,');
  expect(text).toContain('What this certificate does not prove');
  expect(text).toContain('That no copy exists elsewhere');
});

test('the PDF of a run has a line for every step', async () => {
  const { text } = pdfParts((await pdfOf(samples.run)).pdf);
  for (const words of ['customer_6_years', 'Planned', 'Destroyed', '345', 'Kept back']) {
    expect(text).toContain(words);
  }
});

test('characters that the fonts lack are written as what they are, never as others', async () => {
  expect(printable('Müller, Café – “§ 5” €')).toBe('Müller, Café – “§ 5” €');
  expect(printable('Łukasz')).toBe('\\u{141}ukasz');
  expect(printable('Παπαδόπουλος')).toMatch(/^(\\u\{3[0-9a-f]{2}\}){12}$/);
  expect(printable('a\\u{142}')).toBe('a\\u{5c}u{142}');
  expect(printable('\u202e\u001b😀')).toBe('\\u{202e}\\u{1b}\\u{1f600}');
  const { text } = pdfParts((await pdfOf(withWords({ class_title: 'Akta Łukasza Müllera' }))).pdf);
  expect(text).toContain('Akta \\u{141}ukasza Müllera');
  expect(text).toContain('Characters that the fonts of this document lack');
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
