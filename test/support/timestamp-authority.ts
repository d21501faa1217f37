/** A timestamp authority made of openssl: its own root, a certificate for timestamps, and answers. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { derInteger } from '../../ledger/der.ts';
import { sha256 } from '../../ledger/hashing.ts';
import { timestampQuery } from '../../ledger/timestamp.ts';

const OPENSSL = 'openssl';

const CONFIG = `
[req]
distinguished_name = none
[none]
[root]
basicConstraints = critical, CA:true
[stamps]
basicConstraints = critical, CA:false
extendedKeyUsage = critical, timeStamping
[tsa]
default_tsa = authority
[authority]
serial = serial
default_policy = 1.2.3.4.1
digests = sha256
signer_digest = sha256
ess_cert_id_alg = sha256
`;

export interface TimestampAuthority {
  /** The certificate that a verifier trusts. */
  readonly rootFile: string;
  /** Answers a query; `digests` is what it accepts. */
  reply(query: Buffer, digests?: string): Buffer;
  /** Its response about these bytes, as it answers any question about them. */
  stamp(bytes: Buffer): Buffer;
  /** Whether openssl takes the response for one of this authority about `data`. */
  verifies(tsr: Buffer, data: string): boolean;
}

/** Makes its keys in `dir`, which is empty. */
export function timestampAuthority(dir: string): TimestampAuthority {
  const openssl = (...args: string[]) => execFileSync(OPENSSL, args, { cwd: dir, stdio: 'pipe' });
  const configure = (digests: string) =>
    writeFileSync(join(dir, 'config'), CONFIG.replace('digests = sha256', `digests = ${digests}`));
  configure('sha256');
  writeFileSync(join(dir, 'serial'), '01\n');
  for (const [name, subject] of [
    ['root', '/CN=Test root'],
    ['tsa', '/CN=Test authority'],
  ] as const) {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', name];
    openssl('req', '-config', 'config', ...key, '-new', '-subj', subject, '-out', `${name}.csr`);
  }
  const sign = ['x509', '-req', '-days', '2', '-extfile', 'config'];
  openssl(...sign, '-in', 'root.csr', '-key', 'root', '-extensions', 'root', '-out', 'root.pem');
  const by = ['-CA', 'root.pem', '-CAkey', 'root', '-CAcreateserial'];
  openssl(...sign, '-in', 'tsa.csr', ...by, '-extensions', 'stamps', '-out', 'tsa.pem');
  const reply = (query: Buffer, digests = 'sha256'): Buffer => {
    configure(digests);
    writeFileSync(join(dir, 'query'), query);
    const key = ['-inkey', 'tsa', '-signer', 'tsa.pem'];
    openssl('ts', '-reply', '-config', 'config', '-queryfile', 'query', ...key, '-out', 'reply');
    return readFileSync(join(dir, 'reply'));
  };
  return {
    rootFile: join(dir, 'root.pem'),
    reply,
    stamp: (bytes) => reply(timestampQuery(sha256(bytes), derInteger(Buffer.of(7)))),
    verifies: (tsr, data) => {
      writeFileSync(join(dir, 'tsr'), tsr);
      writeFileSync(join(dir, 'data'), data);
      try {
        openssl('ts', '-verify', '-in', 'tsr', '-data', 'data', '-CAfile', 'root.pem');
        return true;
      } catch {
        return false;
      }
    },
  };
}
