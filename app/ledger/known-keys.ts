/** Which keys the log itself says are valid: from its genesis and its `key` statements. */
import type { LedgerDb } from '../../db/ledger.ts';
import { RetentionError } from '../../domain/errors.ts';
import { type KeyRole, type SigningKey, signingKeyName } from '../../ledger/ed25519.ts';
import { decodeEntry } from '../../ledger/entry.ts';
import { type NoteSignature, parseNote } from '../../ledger/note.ts';
import { parseVkey } from '../../ledger/note-key.ts';
import { readStatement } from '../../ledger/statements.ts';
import type { LedgerKeys } from '../ledger-keys.ts';

export interface KnownKey {
  readonly name: string;
  readonly role: KeyRole;
  /** 32 bytes. */
  readonly publicKey: Buffer;
  /** How a log key stands in policies; undefined for other keys. */
  readonly vkey: string | undefined;
  readonly state: 'active' | 'revoked';
  /** Index of the entry that says so; undefined while it waits for its place. */
  readonly since: number | undefined;
}

type ReadKeys = Pick<LedgerDb, 'statements' | 'pending'>;
export type KnownKeys = ReadonlyMap<string, KnownKey>;

/** Nobody changes so many keys while no worker keeps the ledger. */
const MOST_WAITING = 1_000;

/** By name, the latest word of the log on each. */
export async function knownKeys(
  ledger: Pick<LedgerDb, 'statements'>,
): Promise<Map<string, KnownKey>> {
  const known = new Map<string, KnownKey>();
  for (const { entry, firstIndex } of await ledger.statements(['genesis', 'key'])) {
    if (entry === null) continue;
    for (const key of keysIn(entry, firstIndex)) known.set(key.name, key);
  }
  return known;
}

/** The same, with what the ledger was told and has not appended yet. Empty before it begins. */
export async function toldKeys(ledger: ReadKeys): Promise<Map<string, KnownKey>> {
  // In this order: what is appended in between is in both.
  const waiting = await ledger.pending(MOST_WAITING);
  const known = await knownKeys(ledger);
  for (const { entry } of waiting) {
    if (entry === null) continue;
    for (const key of keysIn(entry, undefined)) {
      // No key is revived: an older word than that of the log.
      if (known.get(key.name)?.state !== 'revoked') known.set(key.name, key);
    }
  }
  return known;
}

/** What one entry says of keys; nothing for an entry about something else. */
export function keysIn(bytes: Buffer, since: number | undefined): KnownKey[] {
  const entry = decodeEntry(bytes);
  if (entry.kind !== 'genesis' && entry.kind !== 'key') return [];
  const statement = readStatement(entry);
  if (statement.kind === 'genesis') {
    return [
      logKey(statement.log_vkey, 'active', since),
      ...statement.keys.map((key) => signerKey(key, 'active', since)),
    ];
  }
  if (statement.kind !== 'key') return [];
  const { state } = statement;
  return statement.role === 'log'
    ? [logKey(statement.vkey, state, since)]
    : [signerKey(statement, state, since)];
}

/**
 * The key, when the ledger knows it as valid: nothing else may be signed by it. Throws `SIGNER_REVOKED` for one
 * that was revoked, `LEDGER_KEY_MISSING` for one that the ledger does not know.
 */
export function requireValid(known: KnownKeys, key: SigningKey): SigningKey {
  const there = known.get(key.name);
  const state = there?.publicKey.equals(key.publicKey) === true ? there.state : undefined;
  if (state === 'active') return key;
  throw notValid(key.name, state);
}

/**
 * Refuses a checkpoint that no log key has signed which the ledger knows as valid: nobody would accept it. Throws as
 * `requireValid` does.
 */
export function requireValidSignature(known: KnownKeys, note: string): void {
  const ids = new Set(parseNote(Buffer.from(note)).signatures.map(signatureId));
  const signers = [...known.values()].filter(
    ({ vkey }) => vkey !== undefined && ids.has(signatureId(parseVkey(vkey))),
  );
  if (signers.some(({ state }) => state === 'active')) return;
  const [revoked] = signers;
  throw notValid(revoked?.name ?? 'The log key in the key folder', revoked?.state);
}

/** The worker key of this process; throws as `requireValid` does. */
export function validWorker(
  ledger: ReadKeys,
  keys: Pick<LedgerKeys, 'worker'>,
): Promise<SigningKey> {
  return valid(ledger, keys.worker());
}

/** The admin key of this process; throws as `requireValid` does. */
export function validAdmin(ledger: ReadKeys, keys: Pick<LedgerKeys, 'admin'>): Promise<SigningKey> {
  return valid(ledger, keys.admin());
}

async function valid(ledger: ReadKeys, asked: Promise<SigningKey>): Promise<SigningKey> {
  // The key first: the ledger was told of it before it could be read.
  const key = await asked;
  return requireValid(await toldKeys(ledger), key);
}

/** Names of the worker keys that nothing may be signed with any more. */
export function revokedWorkers(known: KnownKeys): string[] {
  return [...known.values()].flatMap(({ name, role, state }) =>
    role === 'worker' && state === 'revoked' ? [name] : [],
  );
}

/** Vkeys of the log keys that are valid, the newest first. */
export function validLogKeys(known: KnownKeys): string[] {
  return [...known.values()]
    .flatMap(({ vkey, state }) => (vkey !== undefined && state === 'active' ? [vkey] : []))
    .reverse();
}

function signatureId({ name, keyId }: Pick<NoteSignature, 'name' | 'keyId'>): string {
  return `${name}+${keyId}`;
}

function notValid(name: string, state: KnownKey['state'] | undefined): RetentionError {
  return state === 'revoked'
    ? new RetentionError(
        'SIGNER_REVOKED',
        `${name} is revoked: nothing is signed with it. Put the key that is in use into this key folder.`,
        { key: name },
      )
    : new RetentionError(
        'LEDGER_KEY_MISSING',
        `${name} is no key of this ledger: nothing is signed with it. Is RETAIN_KEY_DIR the folder of another ledger?`,
        { key: name },
      );
}

function signerKey(
  { role, name, public_key }: { role: KeyRole; name: string; public_key: string },
  state: KnownKey['state'],
  since: number | undefined,
): KnownKey {
  const publicKey = Buffer.from(public_key, 'base64');
  return { name, role, publicKey, vkey: undefined, state, since };
}

function logKey(vkey: string, state: KnownKey['state'], since: number | undefined): KnownKey {
  const { publicKey } = parseVkey(vkey);
  return { name: signingKeyName('log', publicKey), role: 'log', publicKey, vkey, state, since };
}
