/** What every kind of signed entry says: one table that is both the check and the types. */
import { isOrigin } from './checkpoint.ts';
import { type KeyRole, signingKeyName } from './ed25519.ts';
import type { SignedEntry, SignedKind } from './entry.ts';
import { NOTE_SIGNATURE, parseVkey } from './note-key.ts';
import {
  count,
  day,
  decimalText,
  flag,
  list,
  mapping,
  matching,
  microsecondsUtc,
  nullable,
  object,
  oneOf,
  positive,
  publicKey,
  type Read,
  type ReadFields,
  type Shape,
  sha256Hex,
  text,
  utcInstant,
  uuid,
  where,
  word,
} from './shape.ts';
import { REFERENCE_BYTES } from './sort-references.ts';
import { malformed } from './text.ts';

/** What the first entry of a lane or of a source names as its predecessor. */
export const NO_PREVIOUS = '0'.repeat(64);

const ref = sha256Hex;
const source = matching(/^(?:control|store:[a-z][a-z0-9_]*)$/, 'control or store:<id>');
const storeSource = matching(/^store:[a-z][a-z0-9_]*$/, 'store:<id>');
const origin = where(text, isOrigin, 'an origin is a host and a path without a scheme');
const action = oneOf('delete', 'anonymise', 'reduce');
const totals = object({ batches: count, records: count });

const keyName = (role: KeyRole) =>
  matching(new RegExp(`^${role}-[0-9a-f]{8}$`), `the name of a key of role ${role}`);

const epoch = { epoch: text, commitment: sha256Hex };

const NAME_RULE = 'a key is named by its role and the hash of its public key';
const anyKeyName = matching(/^(?:admin|worker|log)-[0-9a-f]{8}$/, 'the name of a key');
const signer = { name: anyKeyName, role: oneOf('admin', 'worker'), public_key: publicKey };
const hasOwnName = ({ name, role, public_key }: ReadFields<typeof signer>) =>
  name === signingKeyName(role, Buffer.from(public_key, 'base64'));
const logVkey = where(text, isLogVkey, 'the key of a log is the vkey of a plain Ed25519 key');

const byAdmin = { v: oneOf(1), signed_by: keyName('admin') };
const told = {
  v: oneOf(1),
  source,
  n: positive,
  prev: sha256Hex,
  at: microsecondsUtc,
  signed_by: keyName('worker'),
};

const keyState = {
  ...byAdmin,
  kind: oneOf('key'),
  state: oneOf('active', 'revoked'),
  at: utcInstant,
};
const signerKey = where(object({ ...keyState, ...signer }), hasOwnName, NAME_RULE);
const logKey = where(
  object({ ...keyState, name: anyKeyName, role: oneOf('log'), vkey: logVkey }),
  ({ name, vkey }) => name === signingKeyName('log', parseVkey(vkey).publicKey),
  NAME_RULE,
);

const isOfLog = (value: unknown) =>
  typeof value === 'object' && value !== null && 'role' in value && value.role === 'log';

const STATEMENTS = {
  genesis: where(
    object({
      ...byAdmin,
      kind: oneOf('genesis'),
      origin,
      created_at: utcInstant,
      log_vkey: logVkey,
      keys: list(where(object(signer), hasOwnName, NAME_RULE)),
    }),
    (body) => parseVkey(body.log_vkey).name === body.origin,
    'the key of the log is named by its origin',
  ),
  batch: where(
    object({
      v: oneOf(1),
      kind: oneOf('batch'),
      store: word,
      batch: uuid,
      run: uuid,
      step: count,
      lane: count,
      seq: positive,
      prev: sha256Hex,
      class: word,
      action,
      table: text,
      parts: mapping(text, count),
      rule: object({ id: word, version: positive, sha256: sha256Hex }),
      approval: object({ id: uuid, sha256: sha256Hex }),
      schema_sha256: sha256Hex,
      executed_at: microsecondsUtc,
      txid: decimalText,
      holds: object({ checked: oneOf(true), version: decimalText }),
      items: object({
        count: positive,
        len: oneOf(REFERENCE_BYTES),
        order: oneOf('asc'),
        sha256: sha256Hex,
      }),
      key_epoch: text,
      worker: keyName('worker'),
      recovered: flag,
    }),
    (body) => body.approval.id === body.run,
    'a batch rests on the approval of its own run',
  ),
  'run.open': object({
    ...told,
    kind: oneOf('run.open'),
    run: uuid,
    sha256: sha256Hex,
    opened_by: ref,
  }),
  'run.close': object({
    ...told,
    kind: oneOf('run.close'),
    run: uuid,
    outcome: oneOf('completed', 'incomplete', 'stopped'),
    batches: count,
    records: count,
    classes: mapping(word, totals),
    lanes: list(object({ step: count, lane: count, seq: positive, last: sha256Hex })),
    held: count,
    blocked: count,
    changed: count,
    gone: count,
  }),
  'rule.version': object({
    ...told,
    kind: oneOf('rule.version'),
    version: positive,
    sha256: sha256Hex,
    installed_by: ref,
  }),
  approval: object({
    ...told,
    kind: oneOf('approval'),
    run: uuid,
    sha256: sha256Hex,
    decision: oneOf('approve', 'reject'),
    requested_by: ref,
    decided_by: ref,
  }),
  plan: object({
    ...told,
    kind: oneOf('plan'),
    run: uuid,
    sha256: sha256Hex,
    schedule_version: positive,
    schedule_sha256: sha256Hex,
    as_of: utcInstant,
    expires_at: utcInstant,
    hold_version: decimalText,
    requested_by: ref,
    steps: list(
      object({ step: count, class: word, rule: word, action, table: text, destroys: count }),
    ),
  }),
  'hold.place': object({
    ...told,
    kind: oneOf('hold.place'),
    hold: positive,
    version: decimalText,
    matter: ref,
    reason: word,
    placed_at: utcInstant,
    effective_at: utcInstant,
    review_on: day,
    placed_by: ref,
    classes: mapping(word, count),
    subjects: mapping(word, count),
  }),
  'hold.release': object({
    ...told,
    kind: oneOf('hold.release'),
    hold: positive,
    version: decimalText,
    released_at: utcInstant,
    released_by: ref,
  }),
  'hold.freeze': object({
    ...told,
    kind: oneOf('hold.freeze'),
    hold: positive,
    frozen_at: utcInstant,
  }),
  'epoch.open': object({
    ...told,
    kind: oneOf('epoch.open'),
    ...epoch,
    destroy_after: nullable(day),
  }),
  'epoch.destroy': object({ ...told, kind: oneOf('epoch.destroy'), ...epoch }),
  key: (value: unknown, at: string) => (isOfLog(value) ? logKey(value, at) : signerKey(value, at)),
  replay: object({
    ...byAdmin,
    kind: oneOf('replay'),
    size_before: count,
    size_after: count,
    root_after: sha256Hex,
    sources: mapping(source, count),
    lost: mapping(
      storeSource,
      object({ after: count, batches: object({ count, sha256: sha256Hex }) }),
    ),
    runs_abandoned: list(uuid),
    at: utcInstant,
  }),
  'guard.install': object({ ...told, kind: oneOf('guard.install'), guard_version: positive }),
  'guard.remove': object({ ...told, kind: oneOf('guard.remove'), guard_version: positive }),
} satisfies { readonly [K in SignedKind]: Shape<{ readonly kind: K }> };

/** The body of an entry of kind `K`; field names are those of the JSON. */
export type StatementOf<K extends SignedKind> = Read<(typeof STATEMENTS)[K]>;
export type Statement = StatementOf<SignedKind>;

/**
 * The body of an entry with its types. Throws `LEDGER_MALFORMED` naming the field for a field that is
 * missing, unknown or of another shape, and for a chain whose first link has a predecessor or whose later
 * one has none. What the fields say together with other entries is not looked at, nor is the signature.
 */
export function readStatement(entry: SignedEntry): Statement {
  const statement = STATEMENTS[entry.kind](entry.body, entry.kind);
  if ('prev' in statement) {
    const place = statement.kind === 'batch' ? statement.seq : statement.n;
    if ((place === 1) !== (statement.prev === NO_PREVIOUS)) {
      throw malformed(`${entry.kind}.prev is zeros exactly in the first link of a chain.`);
    }
  }
  return statement;
}

/** Name of the key that the entry must be signed by. */
export function signerName(statement: Statement): string {
  return statement.kind === 'batch' ? statement.worker : statement.signed_by;
}

function isLogVkey(vkey: string): boolean {
  try {
    return parseVkey(vkey).type === NOTE_SIGNATURE.ed25519;
  } catch {
    return false;
  }
}
