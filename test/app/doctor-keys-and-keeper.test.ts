/** What `retain doctor` says of key folders, of the keeper and of clocks. */
import { chmod, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ledgerRound } from '../../app/ledger/round.ts';
import { RetentionError } from '../../domain/errors.ts';
import { complaints } from '../support/doctor.ts';
import { type PublishedSite, publishedSite } from '../support/published-site.ts';

const DAY_MS = 86_400_000;

let site: PublishedSite;
beforeEach(async () => {
  site = await publishedSite();
  await site.destroySome(3);
  await ledgerRound(site.rounds());
});
afterEach(() => site.end());

describe('the keys', () => {
  it('a folder that is not named, is not there, is none, or can be reached by others is said', async () => {
    const { keyDir } = site.governed;
    const about = async (environment: Record<string, string | undefined>) =>
      (await complaints(site, { environment })).filter((line) => line.includes('epoch keys'));
    expect(await about({ RETAIN_KEY_DIR: undefined })).toEqual([
      'warning epoch keys EPOCH_KEY_MISSING: RETAIN_KEY_DIR is not set: a worker and log lookups need it',
    ]);
    expect(await about({ RETAIN_KEY_DIR: join(keyDir, 'none') })).toEqual([
      'warning epoch keys EPOCH_KEY_MISSING: KEYS/none is not there yet; retain keys init makes it',
    ]);
    await writeFile(join(keyDir, 'file'), '');
    expect(await about({ RETAIN_KEY_DIR: join(keyDir, 'file') })).toEqual([
      'error epoch keys EPOCH_KEY_INVALID: KEYS/file is not a folder',
    ]);
    await rm(join(keyDir, 'file'));
    expect(await about({})).toEqual([]);
    await chmod(keyDir, 0o750);
    expect(await about({})).toEqual([
      "error epoch keys EPOCH_KEY_EXPOSED: KEYS can be reached by others. If nobody has, run: chmod 700 'KEYS'",
    ]);
  });

  it('a log key that is not there, or another one, is said before anybody needs it, and a memory that is gone', async () => {
    const folder = join(site.governed.keyDir, '_ledger');
    await rename(join(folder, 'log.key'), join(folder, '.log.key'));
    expect(await complaints(site)).toEqual([
      expect.stringMatching(
        /^error ledger: keys LEDGER_KEY_MISSING: _ledger\/log\.key is not there/,
      ),
    ]);
    const other = `${'5a'.repeat(32)}\n`;
    await writeFile(join(folder, 'log.key'), other, { mode: 0o600 });
    expect(await complaints(site)).toEqual([
      expect.stringMatching(
        /^error ledger: keys LEDGER_KEY_MISSING: log-[0-9a-f]{8} is no key of this ledger/,
      ),
    ]);
    await rename(join(folder, '.log.key'), join(folder, 'log.key'));
    expect(await complaints(site)).toEqual([]);
    await rm(join(folder, 'signed'), { recursive: true });
    expect(await complaints(site)).toEqual([
      expect.stringMatching(/^error ledger: signer LEDGER_SIGNER_UNREADABLE: /),
    ]);
  });
});

describe('the keeper', () => {
  it('that stopped is an error with its code, whether it is one of ours or not', async () => {
    for (const [stoppedBy, code] of [
      ['LEDGER_BEHIND', 'LEDGER_BEHIND'],
      ['UNEXPECTED', 'INVARIANT_BROKEN'],
    ] as const) {
      expect(await complaints(site, { keeping: { size: 9, stoppedBy } })).toEqual([
        `error Temporal ${code}: The ledger cannot go on: ${stoppedBy}. Disposal stops within a minute.`,
      ]);
    }
  });

  it('names each store that the ledger cannot follow, and why', async () => {
    const troubled = [
      { store: 'records', code: 'LEDGER_BROKEN' },
      { store: 'archive', code: 'STORE_UNAVAILABLE' },
    ];
    const follows = 'The ledger cannot follow it: its disposal stops within a minute.';
    expect(await complaints(site, { keeping: { size: 9, troubled } })).toEqual([
      `error store records: ledger LEDGER_BROKEN: ${follows}`,
      `error store archive: ledger STORE_UNAVAILABLE: ${follows}`,
    ]);
  });

  it('that nobody began, and one that nobody can ask, are two things', async () => {
    expect(await complaints(site, { keeping: async () => undefined })).toEqual([
      'warning Temporal WORKER_UNAVAILABLE: answers; no worker has kept the ledger yet. Run: retain worker',
    ]);
    const error = new RetentionError('TEMPORAL_UNAVAILABLE', 'Temporal does not answer.');
    expect(await complaints(site, { keeping: () => Promise.reject(error) })).toEqual([
      'error Temporal TEMPORAL_UNAVAILABLE: Temporal does not answer.',
    ]);
  });
});

describe('a clock that was set back or ahead', () => {
  it.each([
    [
      -DAY_MS,
      /^error ledger: signed CLOCK_SKEW: The newest signed head lies 24 h ahead/,
      'ahead of',
    ],
    [DAY_MS, /^error ledger: signed LEDGER_LAGS: The newest signed head is 24 h old/, 'behind'],
  ])(
    'by %i ms is said of this machine and its stores, and of no head else',
    async (aheadMs, head, where) => {
      expect(await complaints(site, { aheadMs })).toEqual(
        expect.arrayContaining([
          expect.stringMatching(head),
          `error store records: clock CLOCK_SKEW: The store's clock is 24 h ${where} this machine's. Set the clock that is wrong: no worker destroys anything by such a one.`,
        ]),
      );
      expect(await complaints(site)).toEqual([]);
    },
  );
});
