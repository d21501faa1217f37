import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { delivery } from '../../../app/ledger/delivery.ts';
import { folderSink } from '../../../app/ledger/folder-sink.ts';
import { requireLedgerInStep } from '../../../app/ledger/in-step.ts';
import type { LogSink } from '../../../app/ledger/publish.ts';
import { ledgerRound, type RoundDependencies } from '../../../app/ledger/round.ts';
import { requireHead } from '../../../app/ledger/sequence.ts';
import { RetentionError } from '../../../domain/errors.ts';
import { parseCheckpoint } from '../../../ledger/checkpoint.ts';
import { parseNote } from '../../../ledger/note.ts';
import { type LedgerSite, ledgerSite } from '../../support/ledger-site.ts';

let site: LedgerSite;
let dir: string;
let reported: string[];
/** Milliseconds that the clock of the delivery is ahead. */
let aheadMs: number;
beforeEach(async () => {
  aheadMs = 0;
  site = await ledgerSite();
  dir = await mkdtemp(join(tmpdir(), 'retain-published-'));
  reported = [];
});
afterEach(async () => {
  await site.end();
  await rm(dir, { recursive: true });
});

function deps(sink: LogSink = folderSink(dir)): RoundDependencies {
  return {
    ...site.deps,
    signer: site.governed.retain.ledgerSigner,
    stores: async () => [site.store.store],
    open: async () => site.store,
    readSealed: site.readSealed,
    delivery: delivery({
      sinks: [sink],
      ledger: site.deps.ledger,
      signedSize: async () => (await site.governed.retain.ledgerSigner.last())?.size ?? 0,
      report: (_, code) => void reported.push(code),
      now: () => Date.now() + aheadMs,
    }),
    now: Date.now,
  };
}

async function published() {
  return parseCheckpoint(parseNote(await readFile(join(dir, 'checkpoint'))).text);
}

describe('a round of the ledger', () => {
  it('appends, signs and publishes what was destroyed, and then has nothing to do', async () => {
    await site.destroySome(30);
    const dependencies = deps();
    const round = await ledgerRound(dependencies);
    expect(round).toMatchObject({ signed: true });
    const head = await requireHead(site.deps.ledger);
    expect(await published()).toMatchObject({ size: head.size, root: head.root });
    expect(await ledgerRound(dependencies)).toMatchObject({ signed: false, entries: 0 });
  });

  it('publishes what another process signed and did not live to publish', async () => {
    const mine = deps();
    await ledgerRound(mine);
    await site.destroySome(3);
    const dying = deps({ ...folderSink(dir), write: () => Promise.reject(new Error('killed')) });
    await expect(ledgerRound(dying)).rejects.toThrow('killed');
    const head = await requireHead(site.deps.ledger);
    expect((await published()).size).toBeLessThan(head.size);
    expect(await ledgerRound(mine)).toMatchObject({ entries: 0 });
    expect(await published()).toMatchObject({ size: head.size, root: head.root });
  });

  it('signs the same head again after an hour, so that silence can be told from an end', async () => {
    await site.destroySome(3);
    const dependencies = deps();
    await ledgerRound(dependencies);
    const later = { ...dependencies, now: () => Date.now() + 3_600_000 };
    expect(await ledgerRound(later)).toMatchObject({ signed: true });
  });

  it('tries a place that failed again a second later, and signs nothing new for it', async () => {
    await site.destroySome(3);
    let full = true;
    const sink = folderSink(dir);
    const filling: LogSink = {
      ...sink,
      write: async (path, bytes, kind) => {
        if (full) throw new RetentionError('LEDGER_SINK_UNAVAILABLE', 'No space is left.');
        await sink.write(path, bytes, kind);
      },
    };
    const dependencies = deps(filling);
    await ledgerRound(dependencies);
    expect(reported).toEqual(['LEDGER_SINK_UNAVAILABLE']);
    full = false;
    aheadMs = 1_000;
    await ledgerRound(dependencies);
    expect((await published()).size).toBe((await requireHead(site.deps.ledger)).size);
    expect(await ledgerRound(dependencies)).toMatchObject({ signed: false });
  });

  it('stops with LEDGER_BEHIND when the control database was restored, and nothing is signed', async () => {
    const { sql, retain } = site.governed;
    await site.destroySome(3);
    await ledgerRound(deps());
    const [before] = await sql<{ size: string; root: Buffer; open: Buffer }[]>`
      select size, root, open from retain.log_state`;
    if (before === undefined) throw new Error('there is no head');
    await site.destroySome(3);
    await ledgerRound(deps());
    const signed = await retain.ledgerSigner.last();
    const { size, root, open } = before;
    await sql`update retain.log_state set size = ${size}, root = ${root}, open = ${open}`;
    await sql`delete from retain.log_seq where first_index >= ${size}`;
    await expect(ledgerRound(deps())).rejects.toMatchObject({ code: 'LEDGER_BEHIND' });
    await expect(requireLedgerInStep(site.deps.ledger, retain.ledgerSigner)).rejects.toMatchObject({
      code: 'LEDGER_BEHIND',
    });
    expect(await retain.ledgerSigner.last()).toEqual(signed);
  });

  it('tells a store of no place before the head that contains it is signed, and then of all', async () => {
    const { sql, retain } = site.governed;
    const untold = async () => {
      const [row] = await sql<{ batches: number; events: number }[]>`
        select (select count(*)::int from retain_guard.batch_sealed where first_index is null) as batches,
               (select count(*)::int from retain_guard.event where first_index is null) as events`;
      return row;
    };
    await ledgerRound(deps());
    await site.destroySome(20);
    const missing = new RetentionError('LEDGER_KEY_MISSING', 'The log key is not there.');
    const keyless = { ...retain.ledgerSigner, sign: () => Promise.reject(missing) };
    const size = (await requireHead(site.deps.ledger)).size;
    for (let attempts = 0; attempts < 2; attempts += 1) {
      await expect(ledgerRound({ ...deps(), signer: keyless })).rejects.toThrow(missing);
      expect((await requireHead(site.deps.ledger)).size).toBeGreaterThan(size + 20);
      const waiting = await untold();
      expect(waiting?.batches).toBeGreaterThan(0);
      expect(waiting?.events).toBeGreaterThan(0);
    }
    expect(await ledgerRound(deps())).toMatchObject({ entries: 0, signed: true });
    expect(await untold()).toEqual({ batches: 0, events: 0 });
  });

  it('goes on for the control database when a store does not answer, and says so', async () => {
    const down = new RetentionError('STORE_UNAVAILABLE', 'The store does not answer.');
    const round = await ledgerRound({ ...deps(), open: () => Promise.reject(down) });
    expect(round.entries).toBeGreaterThan(0);
    expect(round.troubled).toEqual([{ store: site.store.store, code: 'STORE_UNAVAILABLE' }]);
    expect((await published()).size).toBe(round.size);
  });

  it('lets two rounds at once end in one tree that both sign', async () => {
    await site.destroySome(200);
    const rounds = await Promise.allSettled([ledgerRound(deps()), ledgerRound(deps())]);
    expect(rounds.some(({ status }) => status === 'fulfilled')).toBe(true);
    await ledgerRound(deps());
    const head = await requireHead(site.deps.ledger);
    expect(await site.governed.retain.ledgerSigner.last()).toEqual({
      size: head.size,
      root: head.root,
    });
  });
});
