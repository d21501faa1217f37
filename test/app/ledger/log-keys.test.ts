/** A log key is replaced: who trusts the old one and who trusts the new one both verify, until the old one ends. */
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { beginLedger, logVkey } from '../../../app/ledger/begin.ts';
import { startingPolicy } from '../../../app/ledger/key-admin.ts';
import { revokeKey } from '../../../app/ledger/revoke-keys.ts';
import { rotateLogKey } from '../../../app/ledger/rotate-keys.ts';
import { ledgerRound } from '../../../app/ledger/round.ts';
import { fileSigner } from '../../../app/ledger/signer.ts';
import type { LedgerDb } from '../../../db/ledger.ts';
import type { SigningKey } from '../../../ledger/ed25519.ts';
import { decodeEntry } from '../../../ledger/entry.ts';
import { parseNote } from '../../../ledger/note.ts';
import { parseVkey } from '../../../ledger/note-key.ts';
import { parsePolicy } from '../../../ledger/policy-file.ts';
import { readStatement } from '../../../ledger/statements.ts';
import { refusalOf } from '../../stores/tampering.ts';
import { ORIGIN } from '../../support/governed.ts';
import { type PublishedSite, publishedSite } from '../../support/published-site.ts';

const HOUR_MS = 3_600_000;
let site: PublishedSite;
let old: SigningKey;
beforeEach(async () => {
  site = await publishedSite();
  [old] = await site.governed.retain.ledgerKeys.log();
  await site.destroySome(3);
  await ledgerRound(site.rounds());
});
afterEach(() => site.end());

const rotate = () => rotateLogKey(site.governed.retain, site.governed.keyDir);
const revoke = (name: string) => revokeKey(site.governed.retain, site.governed.keyDir, name);
const fileOf = (name: string) => join(site.governed.keyDir, '_ledger', `${name}.key`);
const seedOf = (name: string) => readFile(fileOf(name), 'utf8');

/** What a verifier finds that trusts these log keys. */
async function foundBy(...keys: readonly SigningKey[]) {
  const lines = keys.map((key) => `log ${logVkey(ORIGIN, key)}\n`).join('');
  const policy = parsePolicy(Buffer.from(`${lines}quorum none\n`));
  const { findings, exitCode } = await site.verify(policy);
  return { exitCode, codes: findings.map(({ code }) => code) };
}
const GOOD = { exitCode: 0, codes: [] };
const NOT_SIGNED = { exitCode: 10, codes: ['E_NOTE'] };
const NO_LONGER_VALID = { exitCode: 15, codes: ['E_LOGKEY'] };

/** Ids of the keys whose signatures the published checkpoint has. */
const signers = async () =>
  parseNote(await readFile(join(site.dir, 'checkpoint'))).signatures.map(({ keyId }) => keyId);
const idOf = (key: SigningKey) => parseVkey(logVkey(ORIGIN, key)).keyId;

const keyStatements = async () =>
  (await site.entries()).flatMap((bytes) => {
    const entry = decodeEntry(bytes);
    return entry.kind === 'key' ? [readStatement(entry)] : [];
  });

/** A control database that has taken the statement when the process dies. */
const dying = () => ({
  ...site.governed.retain,
  control: {
    ...site.governed.retain.control,
    ledger: {
      ...site.deps.ledger,
      addKey: (async (...told) => {
        await site.deps.ledger.addKey(...told);
        throw new Error('killed');
      }) satisfies LedgerDb['addKey'],
    },
  },
});

describe('a new log key', () => {
  it('signs every checkpoint beside the old one: a policy of either verifies, and of both', async () => {
    expect(await foundBy(old)).toEqual(GOOD);
    const next = await rotate();
    await site.destroySome(2);
    await ledgerRound(site.rounds());
    expect(await signers()).toEqual([next, old].map(idOf));
    for (const trusted of [[old], [next], [old, next]]) {
      expect(await foundBy(...trusted)).toEqual(GOOD);
    }
    expect(await startingPolicy(site.governed.retain)).toBe(
      `log ${logVkey(ORIGIN, next)}\nlog ${logVkey(ORIGIN, old)}\nquorum none\n`,
    );
  });

  it('leaves the ledger the same one for whoever begins it again', async () => {
    const next = await rotate();
    const begun = { origin: ORIGIN, vkey: logVkey(ORIGIN, next) };
    expect(await beginLedger(site.governed.retain, ORIGIN)).toEqual(begun);
    await writeFile(fileOf('log'), `${'ab'.repeat(32)}\n`);
    expect(await refusalOf(beginLedger(site.governed.retain, ORIGIN))).toBe('LEDGER_EXISTS');
  });

  it('signs the head that is there as well, within the hour in which heads are signed again', async () => {
    await expect(rotateLogKey(dying(), site.governed.keyDir)).rejects.toThrow('killed');
    const rounds = site.rounds();
    await ledgerRound(rounds);
    expect(await signers()).toEqual([idOf(old)]);
    const next = await rotate();
    const later = { ...rounds, now: () => Date.now() + HOUR_MS };
    expect(await ledgerRound(later)).toMatchObject({ entries: 0, signed: true });
    expect(await signers()).toEqual([next, old].map(idOf));
    expect(await foundBy(next)).toEqual(GOOD);
  });

  it('a crash between the entry and the files is mended by asking again, with the same key', async () => {
    await expect(rotateLogKey(dying(), site.governed.keyDir)).rejects.toThrow('killed');
    const [draft, before] = [await seedOf('log-next'), await seedOf('log')];
    const next = await rotate();
    expect(await seedOf('log')).toBe(draft);
    expect(await seedOf('log-previous')).toBe(before);
    expect(existsSync(fileOf('log-next'))).toBe(false);
    await ledgerRound(site.rounds());
    expect(await keyStatements()).toMatchObject([{ name: next.name, state: 'active' }]);
  });

  it('a crash between the two files is mended too, and nothing is signed by the new key alone', async () => {
    await expect(rotateLogKey(dying(), site.governed.keyDir)).rejects.toThrow('killed');
    await writeFile(fileOf('log-previous'), await seedOf('log'), { mode: 0o600 });
    expect(await site.governed.retain.ledgerKeys.log()).toMatchObject([{ name: old.name }]);
    const next = await rotate();
    expect(await site.governed.retain.ledgerKeys.log()).toMatchObject([
      { name: next.name },
      { name: old.name },
    ]);
  });

  it('is refused while an earlier one still signs beside the one in use', async () => {
    const next = await rotate();
    const seeds = await Promise.all([seedOf('log'), seedOf('log-previous')]);
    expect(await refusalOf(rotate())).toBe('USAGE');
    expect(await Promise.all([seedOf('log'), seedOf('log-previous')])).toEqual(seeds);
    expect(existsSync(fileOf('log-next'))).toBe(false);
    await ledgerRound(site.rounds());
    expect(await keyStatements()).toMatchObject([{ name: next.name }]);
    await revoke(old.name);
    await rotate();
  });

  it('replaces one that was lost: from then on it signs alone', async () => {
    await rm(fileOf('log'));
    expect(await refusalOf(ledgerRound(site.rounds({ now: () => Date.now() + HOUR_MS })))).toBe(
      'LEDGER_KEY_MISSING',
    );
    const next = await rotate();
    await ledgerRound(site.rounds());
    expect(await signers()).toEqual([idOf(next)]);
    expect(await foundBy(next)).toEqual(GOOD);
  });

  it('asked for twice at once is one key, or a refusal', async () => {
    const outcomes = await Promise.all([refusalOf(rotate()), refusalOf(rotate())]);
    expect(outcomes).toContain('none');
    expect(new Set([...outcomes, 'USAGE', 'none']).size).toBe(2);
    const [inUse, previous] = await site.governed.retain.ledgerKeys.log();
    expect(previous?.name).toBe(old.name);
    await ledgerRound(site.rounds());
    expect(await foundBy(inUse)).toEqual(GOOD);
    expect(await foundBy(old)).toEqual(GOOD);
  });
});

describe('the end of the old log key', () => {
  it('is an entry, and then its file is gone: checkpoints have the other signature alone', async () => {
    const next = await rotate();
    await ledgerRound(site.rounds());
    await revoke(old.name);
    expect(existsSync(fileOf('log-previous'))).toBe(false);
    expect(existsSync(fileOf('log-revoked'))).toBe(false);
    await ledgerRound(site.rounds());
    expect(await signers()).toEqual([idOf(next)]);
    expect(await foundBy(next)).toEqual(GOOD);
    expect(await foundBy(next, old)).toEqual(GOOD);
    expect(await foundBy(old)).toEqual(NOT_SIGNED);
    expect(await startingPolicy(site.governed.retain)).not.toContain(logVkey(ORIGIN, old));
  });

  it('counts from the entry on: a checkpoint that still has both signatures is refused by a policy of the old one', async () => {
    const next = await rotate();
    const both = await site.governed.retain.ledgerKeys.log();
    await revoke(old.name);
    const signer = fileSigner(site.governed.keyDir, { log: async () => both });
    await ledgerRound({ ...site.rounds(), signer });
    expect(await signers()).toEqual([next, old].map(idOf));
    expect(await foundBy(old)).toEqual(NO_LONGER_VALID);
    expect(await foundBy(next)).toEqual(GOOD);
  });

  it('leaves no checkpoint verified that only the old key signed, whomever the policy trusts', async () => {
    const next = await rotate();
    await ledgerRound(site.rounds());
    await revoke(old.name);
    await ledgerRound(site.rounds());
    const signer = fileSigner(site.governed.keyDir, { log: async () => [old] });
    const { size, root } = await site.published();
    await writeFile(
      join(site.dir, 'checkpoint'),
      await signer.sign({ origin: ORIGIN, size, root }, []),
    );
    expect(await foundBy(old)).toEqual(NO_LONGER_VALID);
    expect(await foundBy(next, old)).toEqual(NO_LONGER_VALID);
    expect(await foundBy(next)).toEqual(NOT_SIGNED);
  });

  it('a crash before the file is gone is mended by asking again, with one entry', async () => {
    await rotate();
    await expect(revokeKey(dying(), site.governed.keyDir, old.name)).rejects.toThrow('killed');
    expect(existsSync(fileOf('log-previous'))).toBe(true);
    await revoke(old.name);
    expect(existsSync(fileOf('log-previous'))).toBe(false);
    // What is left when it dies while it destroys.
    await writeFile(fileOf('log-revoked'), 'half of it is gone', { mode: 0o600 });
    await revoke(old.name);
    expect(existsSync(fileOf('log-revoked'))).toBe(false);
    expect(await refusalOf(revoke(old.name))).toBe('USAGE');
    await ledgerRound(site.rounds());
    const ends = (await keyStatements()).filter(
      (one) => one.kind === 'key' && one.state === 'revoked',
    );
    expect(ends).toHaveLength(1);
  });

  it('is refused for the key in use', async () => {
    expect(await refusalOf(revoke(old.name))).toBe('USAGE');
    const next = await rotate();
    expect(await refusalOf(revoke(next.name))).toBe('USAGE');
  });
});
