import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { folderSink } from '../../../app/ledger/folder-sink.ts';
import { publish } from '../../../app/ledger/publish.ts';
import { requireHead } from '../../../app/ledger/sequence.ts';
import { ledgerCampaign } from '../../support/ledger-campaign.ts';
import {
  brokenLedger,
  type LedgerEvidence,
  publishedEntries,
  strayFiles,
} from '../../support/ledger-evidence.ts';
import { ledgerSite } from '../../support/ledger-site.ts';
import { memoryLog } from '../../support/memory-log.ts';

const KILLS = { keeper: 3, worker: 2, database: 1 };

test('six kills of keepers, workers and the database neither fork nor lose nor double anything in the ledger', async () => {
  const report = await ledgerCampaign({
    ...{ tenancies: 400, recordings: 500, seed: 20_261_215 },
    ...{ kills: KILLS, batchRecords: 2, windows: 8 },
  });
  const { records, gone, held, broken, verdict, findings, kills } = report;
  expect({ kills, verdict, findings, broken }).toEqual({
    ...{ kills: KILLS, verdict: 'verified', findings: [], broken: {} },
  });
  expect([records, report.destroyed]).toEqual([gone, gone]);
  expect(held).toBeGreaterThan(0);
  expect(report.published).toBeGreaterThan(KILLS.keeper);
}, 120_000);

test('twin: what a campaign asks of a log notices every fork, loss and double', async () => {
  const site = await ledgerSite();
  onTestFinished(() => site.end());
  const heads = [];
  for (const records of [3, 2]) {
    await site.destroySome(records);
    await site.sequence();
    heads.push(await requireHead(site.deps.ledger));
  }
  const rows = await site.governed.sql<{ batch: string; destroyed: number }[]>`
    select batch_id::text as batch, destroyed::integer as destroyed from retain_guard.batch`;
  const batches = new Map(rows.map(({ batch, destroyed }) => [batch, destroyed]));
  const entries = await site.entries();
  const whole: LedgerEvidence = { entries, heads, batches };
  const brokenBy = (change: Partial<LedgerEvidence>) =>
    Object.keys(brokenLedger({ ...whole, ...change }));
  expect(brokenBy({})).toEqual([]);

  const forked = { size: 3, root: Buffer.alloc(32, 1) };
  expect(brokenBy({ heads: [forked] })).toEqual(['head that is no beginning of the log']);
  expect(brokenBy({ heads: [...heads, { ...forked, size: heads[0]?.size ?? 0 }] })).toContain(
    'two roots of one size',
  );
  // The log ends with a header, its two records and the statement that the run closed.
  const [last] = entries.slice(-1);
  expect(brokenBy({ heads: [], entries: entries.slice(0, -1) })).toEqual([]);
  expect(brokenBy({ heads: [], entries: [...entries, last ?? Buffer.alloc(0)] })).toEqual([
    'entry twice',
    'statement twice',
    'statement of a source out of turn',
  ]);
  const lastBatch = entries.slice(-4, -1);
  expect(brokenBy({ heads: [], entries: entries.slice(0, -4) })).toEqual([
    'batch that the log does not have',
  ]);
  expect(brokenBy({ heads: [], entries: [...entries, ...lastBatch] })).toEqual([
    'entry twice',
    'batch twice',
  ]);
  expect(brokenBy({ heads: [], entries: entries.toSpliced(-2, 1) })).toEqual([
    'batch with other records',
  ]);
  expect(brokenBy({ batches: new Map() })).toEqual([
    'batch that the guard does not know',
    'batch with other records',
  ]);
});

test('twin: a published file that is no part of the log is found', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'retain-stray-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const log = memoryLog(600);
  for (const size of [3, 256, 600]) await publish(folderSink(dir), log.reader, log.note(size));
  const entries = publishedEntries(dir);
  expect(strayFiles(dir, entries)).toEqual([]);
  const spoilt = ['tile/entries/000.p/3', 'tile/0/001', 'tile/1/000.p/2'];
  for (const path of spoilt) {
    const bytes = readFileSync(join(dir, path));
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(join(dir, path), bytes);
  }
  expect(strayFiles(dir, entries)).toEqual(spoilt.toSorted());
});
