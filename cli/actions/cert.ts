import { open } from 'node:fs/promises';
import { RetentionError } from '../../domain/errors.ts';
import type { CertificateReport } from '../../ledger/certificate/report.ts';
import { wholeNumber } from '../arguments.ts';
import { EXIT } from '../exit-codes.ts';
import type { CertOptions, RecordCertOptions } from '../options.ts';
import { issuedLines } from '../output/cert.ts';
import { type Shell, withRetain } from '../shell.ts';

interface Issued {
  readonly bytes: Buffer;
  readonly report: CertificateReport;
}

export async function record(
  shell: Shell,
  name: string,
  key: readonly string[],
  options: RecordCertOptions,
): Promise<number> {
  checkFiles(shell, options);
  const entry = options.entry === undefined ? undefined : wholeNumber('--entry', options.entry);
  const { recordCertificate } = await import('../../app/certificates/record-certificate.ts');
  const issued = await withRetain(shell, (retain) => recordCertificate(retain, name, key, entry));
  const { entries } = issued;
  await handOver(shell, issued, options, { entry: issued.entry, entries });
  if (entries > 1) {
    shell.note(
      `The record has ${entries} entries; this is number ${issued.entry}. Any other: --entry N`,
    );
  }
  return EXIT.ok;
}

export async function run(shell: Shell, name: string, options: CertOptions): Promise<number> {
  checkFiles(shell, options);
  const { runCertificate } = await import('../../app/certificates/run-certificate.ts');
  const issued = await withRetain(shell, (retain) => runCertificate(retain, name));
  await handOver(shell, issued, options);
  return EXIT.ok;
}

/** Before anything is asked of a database. */
function checkFiles({ json }: Shell, { out, pdf }: CertOptions): void {
  if (json && out === undefined && pdf === undefined) {
    throw new RetentionError(
      'USAGE',
      'With --json, say where the certificate goes: --out FILE. Without, it goes to standard output as it is.',
    );
  }
  if (out !== undefined && out === pdf) {
    throw new RetentionError('USAGE', '--out and --pdf name the same file.');
  }
}

async function handOver(
  shell: Shell,
  { bytes, report }: Issued,
  { out, pdf }: CertOptions,
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const page = pdf === undefined ? undefined : await pdfOf(report, bytes);
  if (out !== undefined) await writeNew(out, bytes);
  if (pdf !== undefined && page !== undefined) await writeNew(pdf, page);
  if (out === undefined && pdf === undefined) {
    shell.terminal.stdout.write(bytes);
  } else if (shell.json) {
    const { kind, sha256 } = report;
    shell.data({ kind, sha256, certificate: out ?? null, pdf: pdf ?? null, ...more });
  } else {
    shell.print(...issuedLines(report, { out, pdf }));
    shell.note(`Next: retain cert verify ${out ?? 'certificate.json'} --policy policy.txt`);
  }
}

/** The library that writes PDFs is loaded by those who want one. */
async function pdfOf(report: CertificateReport, bytes: Buffer): Promise<Buffer> {
  const { certificatePdf } = await import('../output/certificate-pdf/certificate-pdf.ts');
  return certificatePdf(report, bytes);
}

/** For its owner only: it names a person's record. A file that is there stays as it is. */
async function writeNew(path: string, bytes: Buffer): Promise<void> {
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(bytes);
    } finally {
      await file.close();
    }
  } catch (error) {
    const exists = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    throw new RetentionError(
      'USAGE',
      exists ? `There is a file ${path} already.` : `The file ${path} cannot be written.`,
    );
  }
}
