/**
 * Timestamps of checkpoints (RFC 3161): a third party's word that the log had this head by then. What is
 * checked here is that an answer is about our checkpoint and our question. Its signature is for whoever
 * relies on it, with tools that are not ours and the authority's certificate:
 *
 *     openssl ts -verify -in checkpoint.tsr -data checkpoint -CAfile authority.pem
 */
import { randomBytes } from 'node:crypto';
import { RetentionError } from '../../domain/errors.ts';
import { sha256 } from '../../ledger/hashing.ts';
import { boundedPost } from './bounded-post.ts';
import { type DerElement, der, derInteger, readDer, TAG } from './der.ts';

const QUERY_MEDIA_TYPE = 'application/timestamp-query';
const NONCE_BYTES = 8;
const ANSWER_BYTES_MAX = 131_072;
const TIMEOUT_MS = 10_000;
const VERSION_1 = derInteger(Buffer.of(1));
/** 2.16.840.1.101.3.4.2.1 */
const SHA256_OID = Buffer.from('608648016503040201', 'hex');
/** 1.2.840.113549.1.7.2 */
const SIGNED_DATA_OID = Buffer.from('2a864886f70d010702', 'hex');
/** 1.2.840.113549.1.9.16.1.4 */
const TST_INFO_OID = Buffer.from('2a864886f70d0109100104', 'hex');

/**
 * Asks the authority at `url` to timestamp the bytes of `note`, and answers its response as it came: what
 * belongs into a `.tsr` file. Throws `TIMESTAMP_UNAVAILABLE` when there is no answer within 10 seconds or
 * none of HTTP status 200, `TIMESTAMP_INVALID` when the answer is a refusal, is about other bytes or another
 * question, lacks the authority's certificate, or is not exactly one response in DER.
 */
export async function timestampCheckpoint(
  url: string,
  note: string,
  { timeoutMs = TIMEOUT_MS }: { readonly timeoutMs?: number } = {},
): Promise<Buffer> {
  const digest = sha256(Buffer.from(note, 'utf8'));
  const nonce = derInteger(randomBytes(NONCE_BYTES));
  const limits = { timeoutMs, maxBytes: ANSWER_BYTES_MAX };
  const answer = await boundedPost(url, QUERY_MEDIA_TYPE, query(digest, nonce), limits);
  if (answer.state === 'too_large') throw invalid(answer.reason);
  if (answer.state !== 'answered') throw unavailable(answer.reason);
  if (answer.status !== 200) throw unavailable(`it answered ${answer.status}`);
  checkResponse(answer.body, digest, nonce);
  return answer.body;
}

/** TimeStampReq (RFC 3161, section 2.4.1); asks for the certificate. */
function query(digest: Buffer, nonce: Buffer): Buffer {
  const algorithm = der(TAG.sequence, der(TAG.oid, SHA256_OID), der(TAG.null));
  const imprint = der(TAG.sequence, algorithm, der(TAG.octetString, digest));
  return der(TAG.sequence, VERSION_1, imprint, nonce, der(TAG.boolean, Buffer.of(0xff)));
}

/** TimeStampResp (RFC 3161, section 2.4.2). */
function checkResponse(response: Buffer, digest: Buffer, nonce: Buffer): void {
  const [statusInfo, token, ...more] = children(only(readDer(response), TAG.sequence));
  const status = children(statusInfo, TAG.sequence)[0];
  if (status?.tag !== TAG.integer || status.content.length !== 1) throw invalid('it has no status');
  // 0 is granted, 1 granted with modifications; those that matter are checked below.
  if (status.content.readUInt8() > 1) {
    throw invalid(`the authority refused the request with status ${status.content.readUInt8()}`);
  }
  if (token === undefined || more.length > 0) throw invalid('it has no timestamp');
  checkTstInfo(tstInfoOf(token), digest, nonce);
}

/** The TSTInfo in a ContentInfo of SignedData (RFC 5652, sections 3 and 5.1). */
function tstInfoOf(token: DerElement): readonly DerElement[] {
  const [contentType, wrapped] = children(token, TAG.sequence);
  if (!isOid(contentType, SIGNED_DATA_OID)) throw invalid('its timestamp is no signed data');
  const signedData = only(children(wrapped, TAG.context0), TAG.sequence);
  const [, , content, certificates] = children(signedData);
  const [type, explicit] = children(content, TAG.sequence);
  if (!isOid(type, TST_INFO_OID)) throw invalid('what it signs is no timestamp');
  if (certificates?.tag !== TAG.context0)
    throw invalid('the certificate of the authority is missing');
  const octets = only(children(explicit, TAG.context0), TAG.octetString);
  return children(only(readDer(octets.content), TAG.sequence));
}

/** TSTInfo (RFC 3161, section 2.4.2): version, policy, imprint, serial number, time, optional fields. */
function checkTstInfo(fields: readonly DerElement[], digest: Buffer, nonce: Buffer): void {
  const [version, policy, imprint, serial, time, ...optional] = fields;
  const tags = [version, policy, imprint, serial, time].map((field) => field?.tag);
  const expected = [TAG.integer, TAG.oid, TAG.sequence, TAG.integer, TAG.generalizedTime];
  if (tags.some((tag, i) => tag !== expected[i])) throw invalid('its timestamp lacks a field');
  if (!encoded(version).equals(VERSION_1)) throw invalid('its timestamp is of another version');
  const [algorithm, hashed, ...more] = children(imprint, TAG.sequence);
  const isOurs =
    isOid(children(algorithm, TAG.sequence)[0], SHA256_OID) &&
    hashed?.tag === TAG.octetString &&
    hashed.content.equals(digest) &&
    more.length === 0;
  if (!isOurs) throw invalid('it is about other bytes than this checkpoint');
  // No other optional field is an integer of this class: the nonce is unambiguous.
  const answered = optional.find(({ tag }) => tag === TAG.integer);
  if (!encoded(answered).equals(nonce)) throw invalid('it answers another question');
}

function children(element: DerElement | undefined, tag: number = TAG.sequence): DerElement[] {
  if (element?.tag !== tag) throw invalid('it is not built as a timestamp');
  return readDer(element.content);
}

function only(elements: readonly DerElement[], tag: number): DerElement {
  const [element, ...more] = elements;
  if (element?.tag !== tag || more.length > 0) throw invalid('it is not built as a timestamp');
  return element;
}

function isOid(element: DerElement | undefined, oid: Buffer): boolean {
  return element?.tag === TAG.oid && element.content.equals(oid);
}

function encoded(element: DerElement | undefined): Buffer {
  return element === undefined ? Buffer.alloc(0) : der(element.tag, element.content);
}

function invalid(what: string): RetentionError {
  return new RetentionError(
    'TIMESTAMP_INVALID',
    `The answer of the timestamp authority is of no use: ${what}. Check its address, or choose another authority.`,
  );
}

function unavailable(reason: string): RetentionError {
  return new RetentionError(
    'TIMESTAMP_UNAVAILABLE',
    `The timestamp authority does not answer: ${reason}. Check its address; the next checkpoint is timestamped again.`,
  );
}
