/**
 * Timestamps (RFC 3161) as bytes: the question to an authority, and what its answer says. Whether the
 * authority signed that, and who it is, are for tools that are not ours and its certificate:
 *
 *     openssl ts -verify -in checkpoint.tsr -data checkpoint -CAfile authority.pem
 */
import { parseInstant } from '../domain/instant.ts';
import { type DerElement, der, derInteger, readDer, TAG, timestampInvalid } from './der.ts';

export interface Timestamp {
  /** SHA-256 of the bytes that it is about. */
  readonly digest: Buffer;
  /** When they were there, by the authority's clock: RFC 3339 UTC, microseconds at most. */
  readonly at: string;
  /** That of the question, as an element of DER; undefined without one. */
  readonly nonce: Buffer | undefined;
}

const VERSION_1 = derInteger(Buffer.of(1));
/** 2.16.840.1.101.3.4.2.1 */
const SHA256_OID = Buffer.from('608648016503040201', 'hex');
/** 1.2.840.113549.1.7.2 */
const SIGNED_DATA_OID = Buffer.from('2a864886f70d010702', 'hex');
/** 1.2.840.113549.1.9.16.1.4 */
const TST_INFO_OID = Buffer.from('2a864886f70d0109100104', 'hex');
const DIGEST_BYTES = 32;
/** GeneralizedTime in UTC with seconds (RFC 3161, section 2.4.2); what is finer than microseconds is left out. */
const TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:(\.\d{1,6})\d*)?Z$/;

/** TimeStampReq (RFC 3161, section 2.4.1); `nonce` is an integer of DER. Asks for the authority's certificate. */
export function timestampQuery(digest: Buffer, nonce: Buffer): Buffer {
  const algorithm = der(TAG.sequence, der(TAG.oid, SHA256_OID), der(TAG.null));
  const imprint = der(TAG.sequence, algorithm, der(TAG.octetString, digest));
  return der(TAG.sequence, VERSION_1, imprint, nonce, der(TAG.boolean, Buffer.of(0xff)));
}

/**
 * Reads a TimeStampResp (RFC 3161, section 2.4.2), the bytes of a `.tsr` file. Throws `TIMESTAMP_INVALID`
 * for a refusal, for what is not exactly one response in DER, for a timestamp without the authority's
 * certificate, and for one that is not about a SHA-256. No signature is verified.
 */
export function readTimestamp(response: Buffer): Timestamp {
  const [statusInfo, token, ...more] = children(only(readDer(response), TAG.sequence));
  const status = children(statusInfo)[0];
  if (status?.tag !== TAG.integer || status.content.length !== 1) {
    throw timestampInvalid('it has no status');
  }
  // 0 is granted, 1 granted with modifications; those that matter are checked below.
  if (status.content.readUInt8() > 1) {
    throw timestampInvalid(`the authority refused with status ${status.content.readUInt8()}`);
  }
  if (token === undefined || more.length > 0) throw timestampInvalid('it has no timestamp');
  return readTstInfo(tstInfoOf(token));
}

/** The TSTInfo in a ContentInfo of SignedData (RFC 5652, sections 3 and 5.1). */
function tstInfoOf(token: DerElement): readonly DerElement[] {
  const [contentType, wrapped] = children(token);
  if (!isOid(contentType, SIGNED_DATA_OID)) throw timestampInvalid('it is no signed data');
  const signedData = only(children(wrapped, TAG.context0), TAG.sequence);
  const [, , content, certificates] = children(signedData);
  const [type, explicit] = children(content);
  if (!isOid(type, TST_INFO_OID)) throw timestampInvalid('what it signs is no timestamp');
  if (certificates?.tag !== TAG.context0) {
    throw timestampInvalid('the certificate of the authority is missing');
  }
  const octets = only(children(explicit, TAG.context0), TAG.octetString);
  return children(only(readDer(octets.content), TAG.sequence));
}

/** TSTInfo (RFC 3161, section 2.4.2): version, policy, imprint, serial number, time, optional fields. */
function readTstInfo(fields: readonly DerElement[]): Timestamp {
  const [version, policy, imprint, serial, time, ...optional] = fields;
  const tags = [version, policy, imprint, serial, time].map((field) => field?.tag);
  const expected = [TAG.integer, TAG.oid, TAG.sequence, TAG.integer, TAG.generalizedTime];
  if (tags.some((tag, i) => tag !== expected[i]))
    throw timestampInvalid('a field of it is missing');
  if (!encoded(version)?.equals(VERSION_1)) throw timestampInvalid('it is of another version');
  const at = instantOf(time);
  if (at === undefined) throw timestampInvalid('its time is none');
  // No other optional field is an integer of this class: the nonce is unambiguous.
  const nonce = encoded(optional.find(({ tag }) => tag === TAG.integer));
  return { digest: digestOf(imprint), at, nonce };
}

function digestOf(imprint: DerElement | undefined): Buffer {
  const [algorithm, hashed, ...more] = children(imprint);
  const isSha256 =
    isOid(children(algorithm)[0], SHA256_OID) &&
    hashed?.tag === TAG.octetString &&
    hashed.content.length === DIGEST_BYTES &&
    more.length === 0;
  if (!isSha256) throw timestampInvalid('it is not about a SHA-256 digest');
  return hashed.content;
}

function instantOf(time: DerElement | undefined): string | undefined {
  const [, year, month, day, hour, minute, second, fraction = ''] =
    TIME.exec(time?.content.toString('latin1') ?? '') ?? [];
  return parseInstant(`${year}-${month}-${day}T${hour}:${minute}:${second}${fraction}Z`);
}

function children(element: DerElement | undefined, tag: number = TAG.sequence): DerElement[] {
  if (element?.tag !== tag) throw timestampInvalid('it is not built as a timestamp');
  return readDer(element.content);
}

function only(elements: readonly DerElement[], tag: number): DerElement {
  const [element, ...more] = elements;
  if (element?.tag !== tag || more.length > 0) {
    throw timestampInvalid('it is not built as a timestamp');
  }
  return element;
}

function isOid(element: DerElement | undefined, oid: Buffer): boolean {
  return element?.tag === TAG.oid && element.content.equals(oid);
}

function encoded(element: DerElement | undefined): Buffer | undefined {
  return element && der(element.tag, element.content);
}
