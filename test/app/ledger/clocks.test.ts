/** Clocks that somebody sets back. Those of the databases stay: what the log says has their times. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { keepLedger } from '../../../app/ledger/keep.ts';
import { ledgerRound } from '../../../app/ledger/round.ts';
import { requireHead } from '../../../app/ledger/sequence.ts';
import { type PublishedSite, publishedSite } from '../../support/published-site.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let site: PublishedSite;
beforeEach(async () => {
  site = await publishedSite();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await site.end();
});

describe('whoever keeps the ledger with a clock that is set back', () => {
  it('goes on signing what is appended, forks nothing, and signs again when time has passed', async () => {
    let offsetMs = 0;
    const rounds = site.rounds({ now: () => Date.now() + offsetMs });
    for (const offset of [0, -2 * HOUR_MS, DAY_MS, -2 * DAY_MS, -3_650 * DAY_MS]) {
      offsetMs = offset;
      await site.destroySome(2);
      expect(await ledgerRound(rounds)).toMatchObject({ signed: true });
      const { size, root } = await requireHead(site.deps.ledger);
      expect(await site.published()).toMatchObject({ size, root });
      expect(await site.governed.retain.ledgerSigner.last()).toEqual({ size, root });
    }
    expect(await ledgerRound(rounds)).toMatchObject({ entries: 0, signed: false });
    offsetMs = 2 * HOUR_MS;
    expect(await ledgerRound(rounds)).toMatchObject({ entries: 0, signed: true });
    expect(site.reported()).toEqual([]);
    // No `E_CLOCK` either: no time of the log comes from the clock that was set back.
    expect(await site.verify()).toMatchObject({ verdict: 'verified', findings: [] });
  });

  it('ends its turn all the same', async () => {
    const clock = vi.spyOn(performance, 'now');
    let day = 0;
    const now = (): number => {
      day += 1;
      return Date.now() - day * DAY_MS;
    };
    let rounds = 0;
    await keepLedger(site.rounds({ now }), {
      signal: new AbortController().signal,
      onRound: () => {
        rounds += 1;
        clock.mockReturnValue(Number.MAX_SAFE_INTEGER);
      },
    });
    expect(rounds).toBe(1);
  });
});
