import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { requireHead, sequenceControl, sequenceStore } from '../../../app/ledger/sequence.ts';
import { decodeEntry, type SignedEntry } from '../../../ledger/entry.ts';
import { leafHash } from '../../../ledger/hashing.ts';
import { subtreeRoot, verifyConsistency, verifyInclusion } from '../../../ledger/merkle.ts';
import { proveConsistency, proveInclusion } from '../../../ledger/proofs.ts';
import { readStatement } from '../../../ledger/statements.ts';
import { ORIGIN } from '../../support/governed.ts';
import { type LedgerSite, ledgerSite } from '../../support/ledger-site.ts';

let site: LedgerSite;
beforeEach(async () => {
  site = await ledgerSite();
});
afterEach(() => site.end());

const signed = (entries: readonly Buffer[]): SignedEntry[] =>
  entries.map(decodeEntry).flatMap((entry) => (entry.kind === 'record' ? [] : [entry]));

const head = () => requireHead(site.deps.ledger);

/** The root of what is read back, computed from nothing but the entries. */
async function recomputed(): Promise<Buffer> {
  return subtreeRoot(Buffer.concat((await site.entries()).map(leafHash)));
}

describe('the sequencer', () => {
  it('begins with the genesis and puts every statement before what rests on it', async () => {
    await site.destroySome(3);
    await site.sequence();
    const kinds = (await site.entries()).map((entry) => decodeEntry(entry).kind);
    expect(kinds[0]).toBe('genesis');
    const order = ['genesis', 'rule.version', 'guard.install', 'plan', 'approval', 'run.open'];
    const first = (kind: string) => kinds.indexOf(kind as (typeof kinds)[number]);
    expect(order.map(first)).toEqual(order.map(first).toSorted((a, b) => a - b));
    expect(first('run.open')).toBeLessThan(first('batch'));
    expect(kinds.slice(first('batch') + 1, first('batch') + 4)).toEqual([
      'record',
      'record',
      'record',
    ]);
    expect(kinds.at(-1)).toBe('run.close');
  });

  it('writes statements that every reader accepts, and no name of a person in them', async () => {
    await site.destroySome(2);
    await site.sequence();
    const entries = await site.entries();
    for (const entry of signed(entries)) readStatement(entry);
    const bytes = Buffer.concat(entries).toString('latin1');
    for (const name of ['amira', 'benedict', 'installer']) expect(bytes).not.toContain(name);
    expect(readStatement(signed(entries)[0] as SignedEntry)).toMatchObject({ origin: ORIGIN });
  });

  it('has the root of its entries, and proofs out of the databases that hold', async () => {
    await site.destroySome(40);
    await site.sequence();
    const before = await head();
    await site.destroySome(600);
    await site.sequence();
    const after = await head();
    expect(after.root).toEqual(await recomputed());
    const { tile } = await site.reader();
    const consistency = await proveConsistency(tile, before.size, after.size);
    expect(
      verifyConsistency({
        oldSize: before.size,
        oldRoot: before.root,
        newSize: after.size,
        newRoot: after.root,
        proof: consistency,
      }),
    ).toBe(true);
    const entries = await site.entries();
    for (const index of [0, 1, 40, 255, 256, 300, after.size - 1]) {
      const proof = await proveInclusion(tile, index, after.size);
      const leaf = leafHash(entries[index] as Buffer);
      expect(
        verifyInclusion({ leafHash: leaf, index, size: after.size, proof, root: after.root }),
      ).toBe(true);
    }
  });

  it('adds nothing when asked again', async () => {
    await site.destroySome(5);
    expect(await site.sequence()).toBeGreaterThan(5);
    const once = await head();
    expect(await site.sequence()).toBe(0);
    expect(await head()).toEqual(once);
  });

  it('finds its own work after a crash between the two commits', async () => {
    await site.destroySome(5);
    await sequenceStore(site.deps, site.store, {
      readControl: () => sequenceControl(site.deps),
      onOldest: () => undefined,
    });
    const appended = await head();
    await site.sequence();
    const kinds = (await site.entries()).map((entry) => decodeEntry(entry).kind);
    expect(kinds.filter((kind) => kind === 'record')).toHaveLength(5);
    expect(await head()).toEqual(appended);
    const [waiting] = await site.governed.sql`
      select count(*)::int as n from retain_guard.batch_sealed where first_index is null`;
    expect(waiting?.['n']).toBe(0);
  });

  it('lets only one of two sequencers win each append', async () => {
    await site.destroySome(300);
    const both = await Promise.allSettled([site.sequence(), site.sequence(), site.sequence()]);
    expect(both.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(0);
    await site.sequence();
    const kinds = (await site.entries()).map((entry) => decodeEntry(entry).kind);
    expect(kinds.filter((kind) => kind === 'record')).toHaveLength(300);
    expect(kinds.filter((kind) => kind === 'run.close')).toHaveLength(1);
    expect((await head()).root).toEqual(await recomputed());
  });

  it('lets no statement in twice that another sequencer appended between two looks', async () => {
    const { ledger } = site.deps;
    const slow = {
      ...ledger,
      pending: async (limit: number) => {
        const rows = await ledger.pending(limit);
        await sequenceControl(site.deps);
        return rows;
      },
    };
    expect(await sequenceControl({ ...site.deps, ledger: slow })).toMatchObject({ entries: 0 });
    const kinds = (await site.entries()).map((entry) => decodeEntry(entry).kind);
    expect(kinds).toEqual(['genesis', 'rule.version']);
  });

  it('does not take a store for a restored one because another sequencer was quicker', async () => {
    await site.destroySome(2);
    const slow = {
      ...site.store,
      waiting: async () => {
        const before = await site.store.waiting();
        await site.destroySome(2);
        await site.sequence();
        return before;
      },
    };
    const done = await sequenceStore(site.deps, slow, {
      readControl: async () => undefined,
      onOldest: () => undefined,
    });
    expect(done).toMatchObject({ entries: 0, drained: false });
    expect((await head()).root).toEqual(await recomputed());
  });
});

describe('a control database put together from two', () => {
  it('gets no second genesis into its log', async () => {
    await site.sequence();
    const before = await head();
    const { sql } = site.governed;
    await sql`insert into retain.log_outbox (kind, entry)
      select kind, entry || ''::bytea from retain.log_outbox where kind = 'genesis'`;
    await expect(site.sequence()).rejects.toMatchObject({ code: 'LEDGER_BROKEN' });
    expect(await head()).toEqual(before);
    await sql`delete from retain.log_outbox where kind = 'genesis' and first_index is null`;
  });
});

describe('what was changed behind its back', () => {
  const tamper = (statement: string) =>
    site.governed.sql.unsafe(
      `set session_replication_role = replica; ${statement}; reset session_replication_role`,
    );

  it.each([
    [
      'a reference',
      'update retain_guard.batch_sealed set refs = set_byte(refs, 0, get_byte(refs, 0) # 1)',
    ],
    [
      'a header',
      'update retain_guard.batch_sealed set header = set_byte(header, 199, get_byte(header, 199) # 1)',
    ],
    [
      'a signature',
      'update retain_guard.batch_sealed set header = set_byte(header, 9, get_byte(header, 9) # 1)',
    ],
  ])('refuses a batch of which %s was changed', async (_, statement) => {
    await site.destroySome(4);
    await tamper(statement);
    const before = await head();
    await expect(site.sequence()).rejects.toMatchObject({
      code: expect.stringMatching(/^LEDGER_(BROKEN|MALFORMED)$/),
    });
    expect((await head()).size - before.size).toBeLessThanOrEqual(2);
  });

  it('refuses to go on after a statement was removed', async () => {
    await site.destroySome(4);
    await tamper("delete from retain_guard.event where kind = 'approval'");
    await expect(site.sequence()).rejects.toMatchObject({ code: 'LEDGER_BROKEN' });
  });

  it('refuses a batch that does not continue its lane', async () => {
    await site.destroySome(4);
    await site.sequence();
    // The next run's batch claims to be the first of a lane of which another is in the log.
    const run = await site.destroySome(4);
    await site.governed.sql`insert into retain.log_lane
      values ('store:records', ${run}, 1, 1, 1, ${Buffer.alloc(32, 7)})`;
    await expect(site.sequence()).rejects.toMatchObject({ code: 'LEDGER_BROKEN' });
  });

  it('says that the store was restored when it knows less than the ledger', async () => {
    await site.destroySome(4);
    await site.sequence();
    await tamper('delete from retain_guard.event where event_no > 3');
    await expect(site.sequence()).rejects.toMatchObject({ code: 'LEDGER_BEHIND' });
  });
});
