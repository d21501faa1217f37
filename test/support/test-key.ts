/** A fixed worker key: for tests of what is signed, without any folder of keys. */
import { type SigningKey, signingKey } from '../../ledger/ed25519.ts';

export const TEST_KEY: SigningKey = signingKey('worker', Buffer.alloc(32, 7));
