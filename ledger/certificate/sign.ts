/** Signs certificates: what the organisation says in one is then its own word. */
import { preAuthEncoding } from '../dsse.ts';
import type { SigningKey } from '../ed25519.ts';
import { CERTIFICATE_TYPE, type Certificate, signedPart, writeCertificate } from './format.ts';

type Signed = 'type' | 'signed_by' | 'signature';

/** A certificate before it is signed. */
export type Unsigned<C extends Certificate> = Omit<C, Signed>;

/** The bytes of the certificate. Throws `CERTIFICATE_MALFORMED` when nobody could read them. */
export function signCertificate<C extends Certificate>(
  unsigned: Unsigned<C>,
  key: SigningKey,
): Buffer {
  const body = { ...unsigned, type: CERTIFICATE_TYPE, signed_by: key.name };
  // The fields that were left out are there again.
  const certificate = body as unknown as Omit<Certificate, 'signature'>;
  const signature = key.sign(preAuthEncoding(CERTIFICATE_TYPE, signedPart(certificate)));
  return writeCertificate({
    ...certificate,
    signature: signature.toString('base64'),
  } as Certificate);
}
