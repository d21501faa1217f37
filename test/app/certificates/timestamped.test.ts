/** A certificate carries the timestamp that the ledger has, over the very checkpoint its proofs lead to. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { recordCertificate } from '../../../app/certificates/record-certificate.ts';
import { runCertificate } from '../../../app/certificates/run-certificate.ts';
import type { Retain } from '../../../app/context.ts';
import { startingPolicy } from '../../../app/ledger/key-admin.ts';
import { revokeKey } from '../../../app/ledger/revoke-keys.ts';
import { rotateLogKey } from '../../../app/ledger/rotate-keys.ts';
import { ledgerRound } from '../../../app/ledger/round.ts';
import type { CertificateReport } from '../../../ledger/certificate/report.ts';
import { verifyCertificate } from '../../../ledger/certificate/verify.ts';
import { formatCheckpoint, parseCheckpoint } from '../../../ledger/checkpoint.ts';
import { formatNote, parseNote, signNote } from '../../../ledger/note.ts';
import { parsePolicy } from '../../../ledger/policy-file.ts';
import { parseTlogProof } from '../../../ledger/tlog-proof.ts';
import { testKey } from '../../support/log-teller.ts';
import { type PublishedSite, publishedSite } from '../../support/published-site.ts';
import { type SwitchedServer, switchedServer } from '../../support/switched-server.ts';
import { type TimestampAuthority, timestampAuthority } from '../../support/timestamp-authority.ts';

let home: string;
let authority: TimestampAuthority;
let server: SwitchedServer;
let site: PublishedSite;
let retain: Retain;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'retain-tsa-'));
  authority = timestampAuthority(home);
  server = await switchedServer((request, response) => {
    void buffer(request).then((query) => response.end(authority.reply(query)));
  });
});
afterAll(async () => {
  await server.shut();
  await rm(home, { recursive: true });
});
beforeEach(async () => {
  site = await publishedSite();
  retain = site.governed.retain;
});
afterEach(() => site.end());

const round = (tsaUrl?: string) => ledgerRound(site.rounds(tsaUrl === undefined ? {} : { tsaUrl }));

interface Read {
  readonly report: CertificateReport;
  readonly size: number;
  readonly tsr: string | null;
  readonly note: string;
}

/** As whoever is handed the certificate reads it; it is proven. */
async function read({ bytes }: { readonly bytes: Buffer }): Promise<Read> {
  const report = verifyCertificate(bytes, parsePolicy(Buffer.from(await startingPolicy(retain))));
  expect(report.findings).toEqual([]);
  const { certificate } = report;
  const proof = certificate.kind === 'record' ? certificate : certificate.close;
  const note = parseTlogProof(Buffer.from(proof.tlog_proof)).checkpoint;
  const { size } = parseCheckpoint(parseNote(note).text);
  return { report, size, tsr: certificate.tsr, note: note.toString('utf8') };
}

it('the newest timestamped head is taken, although newer ones are signed', async () => {
  const run = await site.destroySome(5);
  await round(server.url);
  const stamped = await site.published();
  await site.destroySome(5);
  await round();
  for (const issued of [
    await recordCertificate(retain, 'parcel', ['2']),
    await runCertificate(retain, run),
  ]) {
    const { report, size, tsr, note } = await read(issued);
    expect(size).toBe(stamped.size);
    expect(authority.verifies(Buffer.from(tsr ?? '', 'base64'), note)).toBe(true);
    expect(report.timestamp).toMatch(/^20\d\d-/);
  }
  await round(server.url);
  const later = await read(await recordCertificate(retain, 'parcel', ['2']));
  expect(later.size).toBeGreaterThan(stamped.size);
  expect(authority.verifies(Buffer.from(later.tsr ?? '', 'base64'), later.note)).toBe(true);
});

it('what came after the last timestamp is proven by the newest checkpoint, without one', async () => {
  await site.destroySome(5);
  await round(server.url);
  await site.destroySome(5);
  await round();
  const { size, tsr, report } = await read(await recordCertificate(retain, 'parcel', ['7']));
  expect(size).toBe((await site.published()).size);
  expect({ tsr, timestamp: report.timestamp }).toEqual({ tsr: null, timestamp: undefined });
});

it('a timestamped head of a log key that the newest head is not signed by is passed over', async () => {
  await site.destroySome(5);
  await round();
  const head = await site.published();
  const { origin, size } = head;
  const text = formatCheckpoint(head);
  const old = formatNote(text, [signNote(text, testKey('log', 66), origin)]);
  await site.deps.ledger.addTimestamp(size, old.toString('utf8'), authority.stamp(old));
  expect((await read(await recordCertificate(retain, 'parcel', ['2']))).tsr).toBeNull();
  const published = await site.deps.ledger.checkpoint();
  const note = published?.note ?? '';
  await site.deps.ledger.addTimestamp(size, note, authority.stamp(Buffer.from(note)));
  expect((await read(await recordCertificate(retain, 'parcel', ['2']))).tsr).not.toBeNull();
});

it('a timestamped head from before a log key was revoked serves on', async () => {
  const { keyDir } = site.governed;
  const [old] = await retain.ledgerKeys.log();
  await rotateLogKey(retain, keyDir);
  await site.destroySome(5);
  await round(server.url);
  const stamped = await site.published();
  await revokeKey(retain, keyDir, old.name);
  await round();
  const { size, tsr } = await read(await recordCertificate(retain, 'parcel', ['2']));
  expect(size).toBe(stamped.size);
  expect(tsr).not.toBeNull();
});

it('a timestamp that was changed in the database is not handed out', async () => {
  await site.destroySome(5);
  await round(server.url);
  const stamped = await site.deps.ledger.timestamped();
  const other = authority.stamp(Buffer.from('another checkpoint'));
  await site.deps.ledger.addTimestamp(stamped?.size ?? 0, stamped?.note ?? '', other);
  await expect(recordCertificate(retain, 'parcel', ['2'])).rejects.toMatchObject({
    code: 'LEDGER_BROKEN',
    facts: { finding: 'E_TIMESTAMP' },
  });
});
