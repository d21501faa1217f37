/** A ledger site that publishes into a folder, and what an auditor says of that folder. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DeliverySettings, delivery } from '../../app/ledger/delivery.ts';
import { folderSink } from '../../app/ledger/folder-sink.ts';
import { startingPolicy } from '../../app/ledger/key-admin.ts';
import type { RoundDependencies } from '../../app/ledger/round.ts';
import { folderSource } from '../../cli/log-source.ts';
import { parseCheckpoint, type TreeHead } from '../../ledger/checkpoint.ts';
import { parseNote } from '../../ledger/note.ts';
import type { Policy } from '../../ledger/policy.ts';
import { parsePolicy } from '../../ledger/policy-file.ts';
import { type VerifyReport, verifyLog } from '../../ledger/verify/verify-log.ts';
import { type LedgerSite, type LedgerSiteOptions, ledgerSite } from './ledger-site.ts';

export interface PublishedSite extends LedgerSite {
  readonly dir: string;
  /** `place code`, or `place works`, of everything that was reported since the last look. */
  reported(): string[];
  /** What rounds need; each call is a process that knows nothing of the others. */
  rounds(settings?: Partial<DeliverySettings>): RoundDependencies;
  /** The head that the folder shows. */
  published(): Promise<TreeHead>;
  /** By the policy, or by the log key alone. */
  verify(policy?: Policy): Promise<VerifyReport>;
}

const MS_PER_SECOND = 1_000;

export async function publishedSite(options?: LedgerSiteOptions): Promise<PublishedSite> {
  const site = await ledgerSite(options);
  const dir = await mkdtemp(join(tmpdir(), 'retain-published-'));
  const { retain } = site.governed;
  const heard: string[] = [];
  const policyWithoutWitnesses = async () => parsePolicy(Buffer.from(await startingPolicy(retain)));
  return {
    ...site,
    dir,
    reported: () => heard.splice(0),
    rounds: (settings = {}) => ({
      ...site.deps,
      signer: retain.ledgerSigner,
      stores: async () => [site.store.store],
      open: async () => site.store,
      readSealed: site.readSealed,
      delivery: delivery({
        sinks: [folderSink(dir)],
        ledger: site.deps.ledger,
        signedSize: async () => (await retain.ledgerSigner.last())?.size ?? 0,
        report: (place, code) => void heard.push(`${place} ${code}`),
        recovered: (place) => void heard.push(`${place} works`),
        now: Date.now,
        ...settings,
      }),
      now: settings.now ?? Date.now,
    }),
    published: async () => parseCheckpoint(parseNote(await readFile(join(dir, 'checkpoint'))).text),
    verify: async (policy) =>
      verifyLog(folderSource(dir), policy ?? (await policyWithoutWitnesses()), {
        now: Math.floor(Date.now() / MS_PER_SECOND),
      }),
    async end() {
      await site.end();
      await rm(dir, { recursive: true });
    },
  };
}
