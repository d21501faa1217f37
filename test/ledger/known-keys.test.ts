/** What the databases say of keys: the log first, then what it was told and has not appended. */
import { describe, expect, it } from 'vitest';
import {
  knownKeys,
  requireValid,
  requireValidSignature,
  revokedWorkers,
  toldKeys,
  validAdmin,
  validLogKeys,
  validWorker,
} from '../../app/ledger/known-keys.ts';
import type { LogRange, OutboxRow } from '../../db/ledger.ts';
import { formatCheckpoint } from '../../ledger/checkpoint.ts';
import type { SigningKey } from '../../ledger/ed25519.ts';
import { EMPTY_ROOT } from '../../ledger/hashing.ts';
import { formatNote, signNote } from '../../ledger/note.ts';
import { formatVkey, NOTE_SIGNATURE } from '../../ledger/note-key.ts';
import { refusalOf } from '../stores/tampering.ts';
import { logTeller, ORIGIN, type Piece, testKey } from '../support/log-teller.ts';

const NEXT = testKey('worker', 2);
const NEXT_LOG = testKey('log', 2);
const vkeyOf = (key: SigningKey) => formatVkey(ORIGIN, key.publicKey, NOTE_SIGNATURE.ed25519);

/** A control database that has appended `appended`, and has `waiting` still to append. */
function ledgerOf(appended: readonly Piece[], waiting: readonly Piece[] = []) {
  const statements = async () =>
    appended.map(({ entry, kind }, firstIndex): LogRange => {
      const place = { leaves: 1, source: 'control', n: null, batchId: null };
      return { firstIndex, kind, entry, ...place };
    });
  const pending = async () =>
    waiting.map(
      ({ entry, kind }, no): OutboxRow => ({
        ...{ no, kind, entry, body: null, names: {}, at: '2026-11-21T09:00:00.000000Z' },
      }),
    );
  return { statements, pending };
}

const states = (known: Awaited<ReturnType<typeof knownKeys>>) =>
  [...known.values()].map(({ name, state, since }) => [name, state, since]);

describe('the keys of a ledger', () => {
  it('are those of its genesis, the log key among them, and what was said of each last', async () => {
    const teller = logTeller();
    const [admin, worker] = [testKey('admin', 1), teller.worker()];
    const genesis = teller.genesis();
    const told = [
      genesis,
      teller.key('worker', NEXT, 'active'),
      teller.key('worker', worker, 'revoked'),
    ];
    const waiting = [teller.logKey(NEXT_LOG, 'active')];
    expect(states(await toldKeys(ledgerOf(told, waiting)))).toEqual([
      [teller.log.name, 'active', 0],
      [admin.name, 'active', 0],
      [worker.name, 'revoked', 2],
      [NEXT.name, 'active', 1],
      [NEXT_LOG.name, 'active', undefined],
    ]);
    expect((await knownKeys(ledgerOf(told, waiting))).has(NEXT_LOG.name)).toBe(false);
    expect(revokedWorkers(await toldKeys(ledgerOf(told)))).toEqual([worker.name]);
    expect(revokedWorkers(await toldKeys(ledgerOf([])))).toEqual([]);
  });

  it('an older word that still waits does not revive what the log has revoked', async () => {
    const teller = logTeller();
    const active = teller.key('worker', NEXT, 'active');
    const told = [teller.genesis(), active, teller.key('worker', NEXT, 'revoked')];
    expect((await toldKeys(ledgerOf(told, [active]))).get(NEXT.name)?.state).toBe('revoked');
  });

  it('log keys that are valid are named the newest first', async () => {
    const teller = logTeller();
    const told = [teller.genesis(), teller.logKey(NEXT_LOG, 'active')];
    const both = [vkeyOf(NEXT_LOG), vkeyOf(teller.log)];
    expect(validLogKeys(await knownKeys(ledgerOf(told)))).toEqual(both);
    const later = [...told, teller.logKey(teller.log, 'revoked')];
    expect(validLogKeys(await knownKeys(ledgerOf(later)))).toEqual(both.slice(0, 1));
  });
});

describe('a key that signs', () => {
  const teller = logTeller();
  const worker = teller.worker();
  const begun = [teller.genesis()];
  const ended = [...begun, teller.key('worker', worker, 'revoked')];
  const keysOf = (key: SigningKey) => ({ worker: async () => key, admin: async () => key });

  it('is one that the ledger knows as valid, or was told of', async () => {
    expect(await validWorker(ledgerOf(begun), keysOf(worker))).toBe(worker);
    const waiting = [teller.key('worker', NEXT, 'active')];
    expect(await validWorker(ledgerOf(begun, waiting), keysOf(NEXT))).toBe(NEXT);
    expect(await validAdmin(ledgerOf(begun), keysOf(testKey('admin', 1)))).toBeDefined();
  });

  it.each<[string, readonly Piece[], SigningKey, string]>([
    ['was revoked', ended, worker, 'SIGNER_REVOKED'],
    ['the ledger does not know', begun, NEXT, 'LEDGER_KEY_MISSING'],
    ['has the name of another', begun, { ...NEXT, name: worker.name }, 'LEDGER_KEY_MISSING'],
    ['is of a ledger that has not begun', [], worker, 'LEDGER_KEY_MISSING'],
  ])('is refused when it %s', async (_, pieces, key, code) => {
    expect(await refusalOf(validWorker(ledgerOf(pieces), keysOf(key)))).toBe(code);
    const known = await knownKeys(ledgerOf(pieces));
    expect(() => requireValid(known, key)).toThrow(expect.objectContaining({ code }));
  });
});

describe('a checkpoint', () => {
  const teller = logTeller();
  const overlap = [teller.genesis(), teller.logKey(NEXT_LOG, 'active')];
  const ended = [...overlap, teller.logKey(teller.log, 'revoked')];
  const signed = (...keys: readonly SigningKey[]) => {
    const text = formatCheckpoint({ origin: ORIGIN, size: 5, root: EMPTY_ROOT });
    const lines = keys.map((key) => signNote(text, key, ORIGIN));
    return formatNote(text, lines).toString('utf8');
  };
  const refusal = async (pieces: readonly Piece[], note: string) =>
    refusalOf(knownKeys(ledgerOf(pieces)).then((known) => requireValidSignature(known, note)));

  it('has a signature of a log key that is valid', async () => {
    expect(await refusal(overlap, signed(teller.log))).toBe('none');
    expect(await refusal(overlap, signed(NEXT_LOG, teller.log))).toBe('none');
    expect(await refusal(ended, signed(NEXT_LOG, teller.log))).toBe('none');
  });

  it('is refused with that of a revoked key alone, and of a key that is none of the log', async () => {
    expect(await refusal(ended, signed(teller.log))).toBe('SIGNER_REVOKED');
    expect(await refusal(ended, signed(testKey('log', 77)))).toBe('LEDGER_KEY_MISSING');
  });
});
