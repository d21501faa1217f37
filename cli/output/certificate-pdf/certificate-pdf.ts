/** The certificate on paper: one page for those who decide, the rest for those who check. */
import { invariant } from '../../../domain/errors.ts';
import { instant, instantMicros } from '../../../domain/instant.ts';
import { CERTIFICATE_TYPE } from '../../../ledger/certificate/format.ts';
import type { CertificateReport, RunReport } from '../../../ledger/certificate/report.ts';
import { methodRows } from '../certificate-method.ts';
import {
  ledgerRows,
  limits,
  provenRows,
  statedRows,
  stepCells,
  subject,
} from '../certificate-words.ts';
import { qrCode } from './qr.ts';
import { openSheet, type Sheet } from './sheet.ts';

/** Name of the file in the PDF. */
const ATTACHMENT = 'certificate.json';

const QR_SIDE = 92;
const ESCAPE_NOTE =
  'Characters that the fonts of this document lack or cannot set are written \\u{...}, their Unicode code point in hexadecimal. The attached file has them as they are.';

/**
 * The PDF of a certificate that was found proven: tagged, in English, with the file itself attached byte for
 * byte. The same certificate gives the same bytes. Throws `INVARIANT_BROKEN` for one that is not proven.
 */
export async function certificatePdf(report: CertificateReport, bytes: Buffer): Promise<Buffer> {
  const { certificate, facts, sha256 } = report;
  invariant(facts !== undefined, 'What is not proven is not put on paper.');
  const { words } = certificate;
  const sheet = openSheet({
    title: `Certificate of destruction: ${report.kind}`,
    author: words.organisation,
    subject: subject(facts),
    date: new Date(Number(instantMicros(instant(words.issued_at)) / 1_000n)),
    foot: `Certificate sha256:${sha256.slice(0, 16)}…`,
  });
  sheet.kicker(words.organisation);
  sheet.title('Certificate of destruction');
  sheet.lead(subject(facts));
  sheet.section(
    'Proven by the ledger',
    'Whoever has the attached file and a policy can check this without us.',
  );
  sheet.rows(provenRows(facts));
  if (report.kind === 'run') stepTable(sheet, report);
  sheet.section(`Stated by ${words.organisation}`, 'Signed, and not proven by the ledger.');
  sheet.rows(statedRows(report));
  howToCheck(sheet, sha256);
  sheet.section('What this certificate does not prove');
  sheet.bullets(limits(report));
  sheet.section('Method', 'In the words of the sample certificate of NIST SP 800-88.');
  sheet.rows(methodRows(facts, certificate));
  sheet.section(
    'Place in the ledger',
    'A tree after RFC 6962, its head signed as a C2SP checkpoint.',
  );
  sheet.rows(ledgerRows(facts));
  sheet.noteEscapes(ESCAPE_NOTE);
  sheet.attach({
    name: ATTACHMENT,
    type: CERTIFICATE_TYPE,
    description: 'The certificate with its proofs; what stands on these pages is taken from it.',
    bytes,
  });
  return sheet.finish();
}

function stepTable(sheet: Sheet, report: RunReport): void {
  const right = { align: 'right' } as const;
  sheet.table(
    [
      { title: 'Record class', width: 112 },
      { title: 'Rule', width: 128 },
      { title: 'Done', width: 68 },
      { title: 'Planned', width: 56, ...right },
      { title: 'Destroyed', width: 58, ...right },
      { title: 'Batches', width: 48, ...right },
    ],
    stepCells(report),
  );
}

function howToCheck(sheet: Sheet, sha256: string): void {
  const { size, runs } = qrCode(`sha256:${sha256}`);
  sheet.section('How to check it');
  sheet.figure({
    side: QR_SIDE,
    alt: `QR code of the SHA-256 digest of the attached file, ${sha256}`,
    units: size,
    squares: runs.map(({ row, column, width }) => ({ x: column, y: row, width })),
    beside: [
      [
        'body',
        `These pages are for reading. The certificate is the file ${ATTACHMENT}, attached to this PDF.`,
      ],
      ['body', 'Save it, take the policy from somebody you trust, and run:'],
      ['digest', `retain cert verify ${ATTACHMENT} --policy policy.txt`],
      ['body', 'Its SHA-256 digest, also in the code on the left, is'],
      ['digest', sha256],
    ],
  });
}
