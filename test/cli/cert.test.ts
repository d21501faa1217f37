/** `retain cert verify`: what it says of a certificate, and with which exit code. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CertificateSamples, certificateSamples } from '../support/certificate-samples.ts';
import { retain } from '../support/command-line.ts';
import { timestampAuthority } from '../support/timestamp-authority.ts';

/** A signature of nobody whom the policy knows. */
const FOREIGN = 'witness.example.org/national';
const FORGED = Buffer.alloc(76, 7).toString('base64');

let samples: CertificateSamples;
let dir: string;
let policy: string;

beforeAll(async () => {
  samples = await certificateSamples();
  dir = mkdtempSync(join(tmpdir(), 'retain-cert-'));
  policy = file('policy.txt', samples.policyText);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function file(name: string, content: string | Buffer): string {
  const path = join(dir, name);
  writeFileSync(path, content);
  return path;
}

/** Nothing is in the environment: no database, no keys. */
const verify = (path: string, ...more: string[]) =>
  retain(['cert', 'verify', path, '--policy', policy, ...more]);

test('a certificate of a record is said to be proven, stated and not proven in its parts', async () => {
  const { exitCode, stdout } = await verify(file('record.json', samples.sign(samples.record)));
  expect(exitCode).toBe(0);
  const [proven = '', stated = '', neither = ''] =
    stdout.split('PROVEN by the ledger:')[1]?.split(/STATED and signed|NOT PROVEN by any/) ?? [];
  expect(proven).toMatch(/Record +customer, key 4321\n/);
  expect(proven).toMatch(/Approved by +bob, another person/);
  expect(proven).toMatch(/Witnesses +w1 \(/);
  expect(proven).not.toContain('Limitation Act');
  expect(proven).not.toContain('Legal holds');
  expect(stated).toMatch(/Legal holds +the database says that it checked them/);
  expect(stated).toMatch(/Authority +Limitation Act 1980, section 5\n/);
  expect(stated).toMatch(/Last backup expires +26 Dec 2026\n/);
  expect(neither).toContain('That no copy exists elsewhere');
});

test('of the signatures under the checkpoint only those that were verified are told', async () => {
  const forged = everyProof(samples.record, (text) => `${text}\u2014 ${FOREIGN} ${FORGED}\n`);
  const path = file('forged.json', samples.sign(forged));
  const { exitCode, stdout } = await verify(path);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(new RegExp(`Signed by +${samples.teller.log.name}\\n`));
  expect(stdout).not.toContain(FOREIGN);
  const asJson = (await verify(path, '--json')).stdout;
  const logKeys = [samples.teller.vkey(samples.teller.log)];
  expect(JSON.parse(asJson)).toMatchObject({
    proven: { log: { logKeys, witnesses: [{ name: 'w1' }] } },
  });
  expect(asJson).not.toContain(FOREIGN);
});

test('a certificate of a run has a line for every step', async () => {
  const { exitCode, stdout } = await verify(file('run.json', samples.sign(samples.run)));
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/customer +customer_6_years +deleted +345 +345 +3\n/);
});

test('the exit code says what kind of thing is wrong, and nothing is called proven', async () => {
  const { record } = samples;
  const cases: [string, string | Buffer, number, string][] = [
    ['words', samples.sign(record).toString().replace('Act 1980', 'Act 1981'), 10, 'E_ISSUER'],
    ['witness', samples.sign(withoutWitness(samples)), 11, 'E_WITNESS'],
    [
      'index',
      samples.sign({ ...record, tlog_proof: record.tlog_proof.replace(/^index .*$/m, 'index 5') }),
      12,
      'E_INCLUSION',
    ],
    ['id', samples.sign({ ...record, record: { class: 'customer', pk: ['1'] } }), 15, 'E_OPENING'],
  ];
  for (const [name, content, exit, code] of cases) {
    const { exitCode, stdout } = await verify(file(`${name}.json`, content));
    expect(exitCode, name).toBe(exit);
    expect(stdout).toContain(code);
    expect(stdout).not.toMatch(/(?<!NOT )PROVEN/);
  }
});

test('what is no certificate ends with 14, what is no policy with 10, what is not there with 2', async () => {
  const good = file('good.json', samples.sign(samples.record));
  const cut = file('cut.json', samples.sign(samples.record).subarray(0, 500));
  expect(await verify(cut)).toMatchObject({
    exitCode: 14,
    stderr: expect.stringContaining('error CERTIFICATE_MALFORMED: '),
  });
  const bad = file('bad-policy.txt', 'log nonsense\n');
  expect((await retain(['cert', 'verify', good, '--policy', bad])).exitCode).toBe(10);
  expect((await verify(join(dir, 'nowhere.json'))).exitCode).toBe(2);
  expect((await retain(['cert', 'verify', good])).exitCode).toBe(2);
  const { exitCode, stderr } = await verify(file('cert.pdf', '%PDF-1.7\n...'));
  expect(exitCode).toBe(2);
  expect(stderr).toContain('certificate.json that is attached');
});

test('as JSON, proven and stated are apart, and nothing is proven where something was found', async () => {
  const good = await verify(file('record.json', samples.sign(samples.record)), '--json');
  expect(JSON.parse(good.stdout)).toMatchObject({
    schemaVersion: 1,
    verdict: 'proven',
    exitCode: 0,
    findings: [],
    proven: { key: ['4321'], header: { class: 'customer' }, people: { decidedBy: 'bob' } },
    stated: { organisation: 'Harbour Homes' },
  });
  const changed = samples.sign({ ...samples.record, record: { class: 'customer', pk: ['1'] } });
  const bad = await verify(file('id.json', changed), '--json');
  expect(JSON.parse(bad.stdout)).toMatchObject({
    verdict: 'not proven',
    exitCode: 15,
    findings: [{ code: 'E_OPENING' }],
    proven: null,
    stated: null,
  });
});

test('of a timestamp it is said what it says, and that only openssl can tell who said it', async () => {
  const authority = timestampAuthority(mkdtempSync(join(dir, 'tsa-')));
  const stamped = (checkpoint: Buffer) =>
    samples.sign({ ...samples.record, tsr: authority.stamp(checkpoint).toString('base64') });
  const good = file('stamped.json', stamped(samples.log.checkpoint));
  const { exitCode, stdout } = await verify(good);
  expect(exitCode).toBe(0);
  const [proven = '', stated = ''] = stdout.split('STATED and signed');
  expect(proven).not.toContain('Timestamp');
  expect(stated).toMatch(/Timestamp +the checkpoint was there on \d+ \w+ 20\d\d/);
  expect(stated).toContain('Note: The timestamp is about exactly this checkpoint');
  const data = JSON.parse((await verify(good, '--json')).stdout);
  expect(data).toMatchObject({ verdict: 'proven', timestamp: { at: expect.any(String) } });
  const bad = await verify(file('stamped-other.json', stamped(Buffer.from('another'))));
  expect(bad).toMatchObject({ exitCode: 15, stdout: expect.stringContaining('E_TIMESTAMP') });
});

test('what a certificate says cannot steer the terminal', async () => {
  const { words } = samples.record;
  const class_title = 'Files\u001b[2J\u202etxt';
  const changed = { ...samples.record, words: { ...words, class_title } };
  const { stdout } = await verify(file('steer.json', samples.sign(changed)));
  expect(stdout).toContain('Files\\u{1b}[2J\\u{202e}txt');
});

test('with --json and nowhere to write, cert record asks for a file before any database', async () => {
  const { exitCode, stderr } = await retain(['cert', 'record', 'customer', '1', '--json']);
  expect(exitCode).toBe(64);
  expect(stderr).toContain('--out FILE');
});

function withoutWitness({ record }: CertificateSamples): CertificateSamples['record'] {
  return everyProof(record, (text) => text.replace(/^\u2014 witness\.example\/w1 .*\n/m, ''));
}

function everyProof(
  record: CertificateSamples['record'],
  change: (text: string) => string,
): CertificateSamples['record'] {
  return {
    ...record,
    tlog_proof: change(record.tlog_proof),
    approval: { ...record.approval, tlog_proof: change(record.approval.tlog_proof) },
    batch_header: { ...record.batch_header, tlog_proof: change(record.batch_header.tlog_proof) },
    keys: record.keys.map((key) => ({ ...key, tlog_proof: change(key.tlog_proof) })),
  };
}
