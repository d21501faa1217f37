/**
 * Certificates of destruction as files: RFC 8785 JSON that holds everything needed to check it besides
 * the policy. What the log proves stands there as entries with their proofs; what only the organisation
 * says stands in `words`. One signature covers the whole file.
 */
import { RetentionError } from '../../domain/errors.ts';
import { type CanonicalValue, canonicalJson } from '../canonical.ts';
import {
  day,
  list,
  mapping,
  matching,
  nullable,
  object,
  oneOf,
  type Read,
  type Shape,
  sha256Hex,
  text,
  utcInstant,
  uuid,
  where,
  word,
} from '../shape.ts';
import { decodeUtf8, readBase64 } from '../text.ts';

/** Media type, and the DSSE type of the signature. */
export const CERTIFICATE_TYPE = 'application/vnd.retain.destruction-certificate.v1+json';

/** A run of 25,000 batches; a certificate of a record has some 6 kB. */
export const CERTIFICATE_BYTES_MAX = 33_554_432;

const base64 = where(
  text,
  (value) => readBase64(value) !== undefined,
  'standard base64 with padding is needed',
);
const workerName = matching(/^worker-[0-9a-f]{8}$/, 'the name of a key of role worker');

/** An entry of the log with the C2SP tlog-proof that it is there. */
const evidence = object({ entry: base64, tlog_proof: text });

const keyColumns = where(
  list(keyColumn),
  (columns) => columns.length > 0,
  'a key has at least one column',
);

/** A name and the salt that opens its reference. */
const openedName = object({ name: text, salt: sha256Hex });

const ruleWords = object({
  /** The rule in words, `6 years after contract closed`. */
  text,
  authority: text,
});

/** Nothing that stands in the log is said here a second time: it could contradict it. */
const commonWords = {
  organisation: text,
  issued_at: utcInstant,
  /** IANA zone in which the organisation counts days. */
  time_zone: text,
  /** Day on which the last backup that may hold what was destroyed expires. */
  backups_expire_on: day,
  /** In which the store is, by the name that its server has for it. */
  database: text,
  /** Exactly the known limits of this kind of certificate. */
  does_not_prove: list(text),
};

const common = {
  type: oneOf(CERTIFICATE_TYPE),
  /** Genesis, then the `key` statements about the keys that signed and about all log keys; by index. */
  keys: list(evidence),
  /** RFC 3161 response over the checkpoint, the bytes of a `.tsr` file. */
  tsr: nullable(base64),
  /** The key whose signature this is. */
  signed_by: workerName,
  /** Ed25519 over the DSSE encoding of this JSON without `signature`. */
  signature: base64,
};

const recordCertificate = object({
  ...common,
  kind: oneOf('record'),
  record: object({ class: word, pk: keyColumns }),
  opening: object({ salt: sha256Hex }),
  entry: base64,
  tlog_proof: text,
  batch_header: evidence,
  approval: evidence,
  people: object({ requested_by: openedName, decided_by: openedName }),
  words: object({ ...commonWords, class_title: text, rule: ruleWords }),
});

const runCertificate = object({
  ...common,
  kind: oneOf('run'),
  run: uuid,
  plan: evidence,
  approval: evidence,
  open: evidence,
  close: evidence,
  /** Headers of every batch, by step, lane and place in the lane. */
  batch_header_entries: list(base64),
  people: object({ requested_by: openedName, decided_by: openedName, opened_by: openedName }),
  words: object({
    ...commonWords,
    /** Titles by record class, of those destroyed. */
    classes: mapping(word, text),
    /** By the id in the schedule, those by which it was done. */
    rules: mapping(word, ruleWords),
  }),
});

export type EvidenceJson = Read<typeof evidence>;
export type OpenedName = Read<typeof openedName>;
export type RuleWords = Read<typeof ruleWords>;
export type RecordCertificate = Read<typeof recordCertificate>;
export type RunCertificate = Read<typeof runCertificate>;
export type Certificate = RecordCertificate | RunCertificate;

/**
 * The certificate in `bytes`; nothing of it is verified. Throws `CERTIFICATE_MALFORMED` for more than 32 MiB,
 * for what is not UTF-8, for JSON that is not its own RFC 8785 form (doubled names, numbers that are no
 * integers below 2^53, blanks) and for fields that are missing, unknown or of another shape.
 */
export function readCertificate(bytes: Uint8Array): Certificate {
  if (bytes.length > CERTIFICATE_BYTES_MAX) {
    throw malformedCertificate(`it has more than ${CERTIFICATE_BYTES_MAX} bytes`);
  }
  const value = readCanonical(bytes);
  if (value === undefined) {
    throw malformedCertificate('it is not JSON in the form of RFC 8785, byte for byte');
  }
  return readShape(() => {
    const { kind } = kinds(value, 'certificate');
    return kind === 'record'
      ? recordCertificate(value, 'certificate')
      : runCertificate(value, 'certificate');
  });
}

/** The bytes of a certificate. Throws `CERTIFICATE_MALFORMED` when `readCertificate` would not read them. */
export function writeCertificate(certificate: Certificate): Buffer {
  const bytes = canonicalJson(certificate);
  readCertificate(bytes);
  return bytes;
}

/** What the signature of a certificate is over: the JSON without it. */
export function signedPart(certificate: Omit<Certificate, 'signature'>): Buffer {
  const { signature: _, ...rest } = { signature: '', ...certificate };
  return canonicalJson(rest);
}

/** Runs `read` and says of what is not in the format of the log that the certificate is not in its own. */
export function readShape<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof RetentionError) || error.code !== 'LEDGER_MALFORMED') throw error;
    throw malformedCertificate(error.message.replace(/\.$/, ''));
  }
}

const kinds: Shape<{ readonly kind: 'record' | 'run' }> = (value, at) => {
  const kind =
    typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined;
  return { kind: oneOf('record', 'run')(kind, `${at}.kind`) };
};

function malformedCertificate(what: string): RetentionError {
  return new RetentionError(
    'CERTIFICATE_MALFORMED',
    `This is no certificate of destruction as Retain writes them: ${what}. Ask for the file again.`,
  );
}

/** A lenient parser drops and rounds; what it lost is missing from the canonical form of what it read. */
function readCanonical(bytes: Uint8Array): CanonicalValue | undefined {
  const json = decodeUtf8(bytes);
  if (json === undefined) return undefined;
  try {
    const value = JSON.parse(json) as CanonicalValue;
    return canonicalJson(value).equals(bytes) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A column of a key may be the empty text. */
function keyColumn(value: unknown, at: string): string {
  return value === '' ? '' : text(value, at);
}
