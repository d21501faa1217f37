/** What `retain doctor` says of a published site, a line a check. */
import { examine } from '../../app/doctor.ts';
import { requireHead } from '../../app/ledger/sequence.ts';
import { type EnvSource, readEnv } from '../../config/env.ts';
import type { LedgerKeeping } from '../../workflows/messages.ts';
import type { PublishedSite } from './published-site.ts';

export interface Asked {
  /** Besides the databases, the key folder and the published folder; an undefined one takes those away. */
  readonly environment?: EnvSource;
  /** What the keeper of the ledger says; that it keeps it when missing. */
  readonly keeping?: LedgerKeeping | (() => Promise<LedgerKeeping | undefined>);
  /** What this machine's clock is ahead of the databases'. */
  readonly aheadMs?: number;
  /** How long it waits for what is on its way; not at all when missing. */
  readonly patienceMs?: number;
}

/** `ok ledger: signed: N s ago, of 4 entries`; times in seconds as `N s`, the folders of the site as `DIR` and `KEYS`. */
export async function doctorSays(site: PublishedSite, asked: Asked = {}): Promise<string[]> {
  const { environment, keeping = { size: 1 }, aheadMs = 0, patienceMs = 0 } = asked;
  const { governed, dir } = site;
  const env = readEnv({
    DATABASE_URL: governed.url,
    TEST_STORE_URL: governed.url,
    RETAIN_KEY_DIR: governed.keyDir,
    RETAIN_LEDGER_DIR: dir,
    ...environment,
  });
  const ask = typeof keeping === 'function' ? keeping : async () => keeping;
  const checks = await examine(env, ask, { now: () => Date.now() + aheadMs, patienceMs });
  return checks.map(({ what, state, code, message }) =>
    `${state} ${what}${code === undefined ? '' : ` ${code}`}: ${message}`
      .replaceAll(dir, 'DIR')
      .replaceAll(governed.keyDir, 'KEYS')
      .replaceAll(/\b\d+ s\b/g, 'N s'),
  );
}

/** What is not as it must be. */
export async function complaints(site: PublishedSite, asked: Asked = {}): Promise<string[]> {
  return (await doctorSays(site, asked)).filter((line) => !line.startsWith('ok '));
}

export type Keeper = () => Promise<LedgerKeeping>;

/** What the keeper says of itself: how much it has, and the places that were reported and did not work since. */
export function keeperOf(site: PublishedSite): Keeper {
  const failing = new Map<string, string>();
  return async () => {
    for (const line of site.reported()) {
      const [, place = '', code = ''] = /^(.*) (\S+)$/.exec(line) ?? [];
      if (code === 'works') failing.delete(place);
      else failing.set(place, code);
    }
    const { size } = await requireHead(site.deps.ledger);
    return { size, undelivered: [...failing].map(([place, code]) => ({ place, code })) };
  };
}
