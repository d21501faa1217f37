/** What a store forgot in a restore is certified and told all the same: out of the ledger and what is kept beside it. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { recordCertificate } from '../../../app/certificates/record-certificate.ts';
import { runCertificate } from '../../../app/certificates/run-certificate.ts';
import type { Retain } from '../../../app/context.ts';
import { extractLines } from '../../../app/ledger/extract.ts';
import { startingPolicy } from '../../../app/ledger/key-admin.ts';
import { recoverLedger } from '../../../app/ledger/recover.ts';
import { ledgerRound } from '../../../app/ledger/round.ts';
import { requireHead } from '../../../app/ledger/sequence.ts';
import { folderSource } from '../../../cli/log-source.ts';
import type { CertificateReport } from '../../../ledger/certificate/report.ts';
import { verifyCertificate } from '../../../ledger/certificate/verify.ts';
import { parsePolicy } from '../../../ledger/policy-file.ts';
import { type PublishedSite, publishedSite } from '../../support/published-site.ts';
import { backedUp } from '../../support/restore.ts';

let site: PublishedSite;
let retain: Retain;
beforeEach(async () => {
  site = await publishedSite();
  retain = site.governed.retain;
});
afterEach(() => site.end());

const round = () => ledgerRound(site.rounds());

/** Sessions that were cut by a backup or a restore are found dead on their next use. */
async function awake(): Promise<void> {
  for (const ask of [
    () => site.store.newestStatement(),
    () => requireHead(site.deps.ledger),
    () => site.governed.guard.clock(),
  ]) {
    await ask().catch(() => undefined);
    await ask();
  }
}

/** Runs `work`, publishes it, restores what was before it, and brings the ledger back. */
async function forgotten<T>(work: () => Promise<T>): Promise<T> {
  await round();
  const restore = await backedUp(site.governed.url);
  await awake();
  const result = await work();
  await round();
  await restore();
  await awake();
  await recoverLedger(retain, folderSource(site.dir), []);
  await round();
  return result;
}

async function proven({ bytes }: { readonly bytes: Buffer }): Promise<CertificateReport['facts']> {
  const report = verifyCertificate(bytes, parsePolicy(Buffer.from(await startingPolicy(retain))));
  expect(report.findings).toEqual([]);
  return report.facts;
}

const tamper = (statement: string) =>
  site.governed.sql.unsafe(
    `set session_replication_role = replica; ${statement}; reset session_replication_role`,
  );

it('a record of a run that no database knows any more has its certificate', async () => {
  await site.destroySome(20);
  const run = await forgotten(() => site.destroySome(300));
  const issued = await recordCertificate(retain, 'parcel', ['150']);
  expect(issued).toMatchObject({ entry: 1, entries: 1 });
  expect(await proven(issued)).toMatchObject({
    key: ['150'],
    header: { run, class: 'parcel', action: 'delete' },
    people: { requestedBy: 'amira', decidedBy: 'benedict' },
  });
  expect(issued.report.certificate.words).toMatchObject({
    organisation: 'Small Test',
    class_title: 'Class parcel',
    rule: { text: '6 years after closed', authority: 'a test' },
  });
});

it('that run has its certificate too', async () => {
  await site.destroySome(20);
  const run = await forgotten(() => site.destroySome(300));
  expect(await proven(await runCertificate(retain, run))).toMatchObject({
    close: { statement: { run, records: 300, outcome: 'completed' } },
    steps: [{ recordClass: 'parcel', records: 300 }],
    openedBy: 'amira',
  });
});

it('a record that was never destroyed is not found in what is kept', async () => {
  await site.destroySome(20);
  await forgotten(() => site.destroySome(300));
  for (const key of ['321', '99999']) {
    await expect(recordCertificate(retain, 'parcel', [key])).rejects.toMatchObject({
      code: 'CERTIFICATE_NOTHING',
    });
  }
});

it('the readable extract has every record of what is kept', async () => {
  await site.destroySome(20);
  const run = await forgotten(() => site.destroySome(300));
  const { size } = await site.published();
  const indexes: number[] = [];
  for await (const line of extractLines(retain, site, size, {})) {
    if (line.run === run) indexes.push(line.index);
  }
  expect(new Set(indexes).size).toBe(300);
});

it('nothing is found of a lost batch that nobody kept', async () => {
  await site.destroySome(20);
  await forgotten(() => site.destroySome(300));
  await tamper('delete from retain.log_kept');
  await expect(recordCertificate(retain, 'parcel', ['150'])).rejects.toMatchObject({
    code: 'CERTIFICATE_NOTHING',
  });
});

it('a record that came back and went again has both entries, the kept one first', async () => {
  await site.destroySome(20);
  const { governed } = site;
  await governed.sql`insert into public.parcel select n, '2010-01-01' from generate_series(5001, 5010) n`;
  await governed.sql`analyze public.parcel`;
  const destroy = async (): Promise<string> => {
    const plan = await governed.plan();
    await governed.carryOut(plan);
    await governed.close(plan);
    return plan.document.run;
  };
  const first = await forgotten(destroy);
  const second = await destroy();
  await round();
  for (const [entry, run] of [first, second].entries()) {
    const issued = await recordCertificate(retain, 'parcel', ['5005'], entry + 1);
    expect(issued).toMatchObject({ entry: entry + 1, entries: 2 });
    expect(await proven(issued)).toMatchObject({ header: { run } });
  }
});

it('a run that was given up has no certificate, and its records have', async () => {
  await site.destroySome(20);
  const { governed } = site;
  await governed.sql`insert into public.parcel select n, '2010-01-01' from generate_series(5001, 5010) n`;
  await governed.sql`analyze public.parcel`;
  const plan = await governed.plan();
  const { run } = plan.document;
  await governed.approve(plan);
  await forgotten(async () => {
    await governed.open(plan);
    await governed.workLane(plan, 1, 1);
  });
  expect(await proven(await recordCertificate(retain, 'parcel', ['5005']))).toMatchObject({
    header: { run },
  });
  await expect(runCertificate(retain, run)).rejects.toMatchObject({
    code: 'CERTIFICATE_NOTHING',
    message: expect.stringContaining('given up'),
  });
});

it('a name that the restore took is asked for, and known again once that person did anything', async () => {
  const run = await forgotten(() => site.destroySome(3));
  for (const asked of [
    () => recordCertificate(retain, 'parcel', ['2']),
    () => runCertificate(retain, run),
  ]) {
    await expect(asked()).rejects.toMatchObject({ code: 'CERTIFICATE_NAME_LOST' });
  }
  await site.destroySome(3);
  expect(await proven(await recordCertificate(retain, 'parcel', ['2']))).toMatchObject({
    people: { requestedBy: 'amira', decidedBy: 'benedict' },
  });
  await proven(await runCertificate(retain, run));
});

it('a batch is certified as the log has it, however its store sealed it since', async () => {
  const run = await site.destroySome(20);
  await round();
  const [sealed] = await site.governed.sql<{ batch: string; header: Buffer; refs: Buffer }[]>`
    select batch_id as batch, header, refs from retain_guard.batch_sealed`;
  await retain.control.ledger.keep(sealed!.batch, sealed!.header, sealed!.refs);
  // Another signature, as of another worker key.
  await tamper(
    'update retain_guard.batch_sealed set header = set_byte(header, 9, get_byte(header, 9) # 1)',
  );
  await proven(await recordCertificate(retain, 'parcel', ['7']));
  await proven(await runCertificate(retain, run));
});
