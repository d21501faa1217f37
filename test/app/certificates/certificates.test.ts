/** From a destroyed record, through the ledger in the databases, to a file that proves it on its own. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recordCertificate } from '../../../app/certificates/record-certificate.ts';
import { runCertificate } from '../../../app/certificates/run-certificate.ts';
import type { Retain } from '../../../app/context.ts';
import { fileEpochKeys } from '../../../app/epoch-keys.ts';
import { destroyEpochKey } from '../../../app/ledger/epoch-admin.ts';
import { startingPolicy } from '../../../app/ledger/key-admin.ts';
import { requireHead } from '../../../app/ledger/sequence.ts';
import { CERTIFICATE_TYPE } from '../../../ledger/certificate/format.ts';
import { verifyCertificate } from '../../../ledger/certificate/verify.ts';
import { parsePolicy } from '../../../ledger/policy-file.ts';
import { proveConsistency } from '../../../ledger/proofs.ts';
import { retain as command } from '../../support/command-line.ts';
import { asPerson, LONG_AGO } from '../../support/epoch-site.ts';
import { type LedgerSite, ledgerSite } from '../../support/ledger-site.ts';
import { testKey } from '../../support/log-teller.ts';
import { pdfParts } from '../../support/pdf-parts.ts';

let site: LedgerSite;
let retain: Retain;
beforeEach(async () => {
  site = await ledgerSite({ epochClock: LONG_AGO });
  retain = site.governed.retain;
});
afterEach(() => site.end());

/** Everything that waits gets its place, and the head is signed. */
async function integrate(): Promise<void> {
  await site.sequence();
  const { ledger } = retain.control;
  const head = await requireHead(ledger);
  const last = await retain.ledgerSigner.last();
  const { tile } = await site.reader();
  const proof = last === undefined ? [] : await proveConsistency(tile, last.size, head.size);
  await ledger.addCheckpoint(head.size, await retain.ledgerSigner.sign(head, proof));
}

const policy = async () => parsePolicy(Buffer.from(await startingPolicy(retain)));

describe('the certificate of a record', () => {
  it('proves to whoever has the file and the policy which record went, when and by whose approval', async () => {
    const run = await site.destroySome(700);
    await integrate();
    const { bytes, entry, entries } = await recordCertificate(retain, 'parcel', [' 007']);
    const report = verifyCertificate(bytes, await policy());
    expect(report.findings).toEqual([]);
    expect({ entry, entries }).toEqual({ entry: 1, entries: 1 });
    expect(report).toMatchObject({
      kind: 'record',
      facts: {
        key: ['7'],
        header: { class: 'parcel', run, action: 'delete', rule: { id: 'parcels', version: 1 } },
        people: { requestedBy: 'amira', decidedBy: 'benedict' },
      },
      certificate: {
        words: {
          organisation: 'Small Test',
          class_title: 'Class parcel',
          rule: { text: '6 years after closed', authority: 'a test' },
        },
      },
    });
  });

  it('goes on proving when the ledger has grown', async () => {
    await site.destroySome(300);
    await integrate();
    const early = await recordCertificate(retain, 'parcel', ['5']);
    await site.destroySome(900);
    await integrate();
    const late = await recordCertificate(retain, 'parcel', ['5']);
    for (const { bytes } of [early, late]) {
      expect(verifyCertificate(bytes, await policy()).findings).toEqual([]);
    }
    expect(late.report.facts?.head.size).toBeGreaterThan(early.report.facts?.head.size ?? 0);
  });

  it('takes the last entry of a record that came back, and any other when asked', async () => {
    const first = await site.destroySome(3);
    await site.governed.sql`insert into public.parcel values (2, '2010-01-01')`;
    const second = await site.destroySome(3);
    await integrate();
    const last = await recordCertificate(retain, 'parcel', ['2']);
    expect(last).toMatchObject({ entry: 2, entries: 2 });
    expect(last.report.facts?.header.run).toBe(second);
    const oldest = await recordCertificate(retain, 'parcel', ['2'], 1);
    expect(oldest.report.facts?.header.run).toBe(first);
    await expect(recordCertificate(retain, 'parcel', ['2'], 3)).rejects.toMatchObject({
      code: 'USAGE',
    });
  });

  it('is refused for a record that no run destroyed, there or gone', async () => {
    await site.destroySome(3);
    await site.governed.sql`insert into public.parcel values (77, current_date)`;
    await integrate();
    for (const key of [['77'], ['12345']]) {
      await expect(recordCertificate(retain, 'parcel', key)).rejects.toMatchObject({
        code: 'CERTIFICATE_NOTHING',
        message: expect.not.stringContaining(key[0]!),
      });
    }
  });

  it('is not made before a signed checkpoint covers the entry', async () => {
    await site.destroySome(3);
    const asked = () => recordCertificate(retain, 'parcel', ['2']);
    await expect(asked()).rejects.toMatchObject({ code: 'CERTIFICATE_PENDING', kind: 'transient' });
    await site.sequence();
    await expect(asked()).rejects.toMatchObject({ code: 'CERTIFICATE_PENDING' });
    await integrate();
    await expect(asked()).resolves.toMatchObject({ report: { findings: [] } });
  });

  it('is not signed by a key that the ledger does not know yet', async () => {
    await site.destroySome(3);
    await integrate();
    const worker = () => Promise.resolve(testKey('worker', 99));
    const rotated = { ...retain, ledgerKeys: { ...retain.ledgerKeys, worker } };
    await expect(recordCertificate(rotated, 'parcel', ['2'])).rejects.toMatchObject({
      code: 'CERTIFICATE_PENDING',
    });
  });

  it('says that a destroyed epoch key is why nothing can be found; those handed out before still verify', async () => {
    await site.destroySome(3);
    await integrate();
    const [epoch] = await retain.epochKeys.all('parcel');
    const nextYear = Date.now() + 366 * 86_400_000;
    const { bytes } = await recordCertificate(retain, 'parcel', ['2']);
    await destroyEpochKey(asPerson(site), epoch!.id, nextYear);
    await integrate();
    // What was handed out before needs no key.
    expect(verifyCertificate(bytes, await policy()).findings).toEqual([]);
    await expect(recordCertificate(retain, 'parcel', ['2'])).rejects.toMatchObject({
      code: 'EPOCH_KEY_MISSING',
      message: expect.stringContaining(`${epoch!.id} was destroyed`),
    });
  });

  it('tells a key that is elsewhere from one that was destroyed', async () => {
    await site.destroySome(3);
    await integrate();
    await rm(join(site.governed.keyDir, 'parcel'), { recursive: true });
    const later = {
      ...retain,
      epochKeys: fileEpochKeys(site.governed.keyDir, () => new Date().toISOString()),
    };
    await expect(recordCertificate(later, 'parcel', ['2'])).rejects.toMatchObject({
      code: 'EPOCH_KEY_MISSING',
      message: expect.stringContaining('is not here'),
    });
  });

  it('is not handed out when the databases were changed and it would prove nothing', async () => {
    await site.destroySome(300);
    await integrate();
    await site.governed.sql`set session_replication_role = replica`;
    await site.governed
      .sql`update retain.log_state set open = set_byte(open, 0, get_byte(open, 0) # 1)`;
    await expect(recordCertificate(retain, 'parcel', ['2'])).rejects.toMatchObject({
      code: 'LEDGER_BROKEN',
    });
  });
});

describe('the certificate of a run', () => {
  it('proves its totals and every batch', async () => {
    const run = await site.destroySome(700);
    await integrate();
    const { bytes } = await runCertificate(retain, run.slice(0, 8));
    const report = verifyCertificate(bytes, await policy());
    expect(report.findings).toEqual([]);
    expect(report).toMatchObject({
      kind: 'run',
      facts: {
        steps: [{ recordClass: 'parcel', rule: 'parcels', records: 700 }],
        close: { statement: { outcome: 'completed', records: 700 } },
        openedBy: 'amira',
      },
    });
  });

  it('is not made before the run is closed and in the ledger', async () => {
    const { governed } = site;
    await governed.sql`insert into public.parcel values (1, '2010-01-01')`;
    await governed.sql`analyze public.parcel`;
    const plan = await governed.plan();
    const { run } = plan.document;
    await expect(runCertificate(retain, run)).rejects.toMatchObject({
      code: 'CERTIFICATE_NOTHING',
    });
    await governed.carryOut(plan);
    await integrate();
    await expect(runCertificate(retain, run)).rejects.toMatchObject({
      code: 'CERTIFICATE_PENDING',
    });
    await governed.close(plan);
    await expect(runCertificate(retain, run)).rejects.toMatchObject({
      code: 'CERTIFICATE_PENDING',
    });
    await integrate();
    await expect(runCertificate(retain, run)).resolves.toMatchObject({ report: { findings: [] } });
  });
});

describe('retain cert', () => {
  const environment = (): Record<string, string> => ({
    DATABASE_URL: site.governed.url,
    TEST_STORE_URL: site.governed.url,
    RETAIN_KEY_DIR: site.governed.keyDir,
  });

  it('writes files that are its owner’s only, never over others, and that verify', async () => {
    const run = await site.destroySome(20);
    await integrate();
    const folder = await mkdtemp(join(tmpdir(), 'retain-cert-'));
    try {
      const [out, pdf] = [join(folder, 'record.json'), join(folder, 'record.pdf')];
      const record = ['cert', 'record', 'parcel', '7', '--out', out, '--pdf', pdf];
      expect(await command(record, environment())).toMatchObject({
        exitCode: 0,
        stdout: expect.stringContaining('The record of class parcel with the key 7 was deleted'),
      });
      for (const file of [out, pdf]) expect((await stat(file)).mode & 0o777).toBe(0o600);
      expect(pdfParts(await readFile(pdf)).embedded.get(CERTIFICATE_TYPE)).toEqual(
        await readFile(out),
      );
      expect((await command(record, environment())).stderr).toContain('already');

      const printed = await command(['cert', 'run', run], environment());
      const runFile = join(folder, 'run.json');
      await writeFile(runFile, printed.stdout);
      const policyFile = join(folder, 'policy.txt');
      await writeFile(policyFile, await startingPolicy(retain));
      for (const file of [out, runFile]) {
        const verified = await command(['cert', 'verify', file, '--policy', policyFile]);
        expect(verified).toMatchObject({ exitCode: 0, stderr: '' });
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('says which of several entries it took', async () => {
    await site.destroySome(3);
    await site.governed.sql`insert into public.parcel values (2, '2010-01-01')`;
    await site.destroySome(3);
    await integrate();
    const { exitCode, stderr } = await command(['cert', 'record', 'parcel', '2'], environment());
    expect(exitCode).toBe(0);
    expect(stderr).toContain('2 entries; this is number 2');
  });

  it('refuses a record that was not destroyed with its code', async () => {
    const answer = await command(['cert', 'record', 'parcel', '99'], environment());
    expect(answer).toMatchObject({
      exitCode: 5,
      stderr: expect.stringContaining('error CERTIFICATE_NOTHING: '),
    });
  });
});
