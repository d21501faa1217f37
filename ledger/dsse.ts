/** Pre-authentication encoding of DSSE v1: a signature over one type of document fits no other. */

/** The type of the JSON in every signed entry. */
export const ENTRY_TYPE = 'application/vnd.retain.entry.v1+json';

/**
 * `DSSEv1 <length of type> <type> <length of body> <body>`, lengths in bytes and decimal (DSSE protocol
 * v1.0, Signature Definition): what is signed in place of the body.
 */
export function preAuthEncoding(type: string, body: Uint8Array): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(type, 'utf8')} ${type} ${body.length} `;
  return Buffer.concat([Buffer.from(head, 'utf8'), body]);
}
