/** A policy that trusts several logs: only whoever verifies knows which of them was meant. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Answer, retain } from '../support/command-line.ts';
import { folderSink, policyFor, publish, story } from '../support/log-builder.ts';
import { ORIGIN, testKey } from '../support/log-teller.ts';
import { PUBLISHED } from '../support/verified.ts';

const OTHER = { origin: 'retain.example.com/other', logKey: testKey('log', 9) };

let place: string;
beforeAll(async () => {
  place = mkdtempSync(join(tmpdir(), 'retain-verify-'));
  const [first, second] = [policyFor(PUBLISHED), policyFor(OTHER)];
  writeFileSync(join(place, 'policy.txt'), `${first.replace('quorum none\n', '')}${second}`);
  await publish(story({ origin: OTHER.origin, seed: 9 }), OTHER, folderSink(join(place, 'log')));
});
afterAll(() => rmSync(place, { recursive: true }));

const verify = (...args: string[]): Promise<Answer> => {
  const files = ['--dir', join(place, 'log'), '--policy', join(place, 'policy.txt')];
  return retain(['log', 'verify', ...files, '--no-save', ...args], { HOME: place });
};

it('the verdict begins with the log that was served, and says which others it could have been', async () => {
  const { exitCode, stdout } = await verify();
  expect(exitCode).toBe(0);
  expect(stdout.startsWith(`Log ${OTHER.origin}: VERIFIED.\n`)).toBe(true);
  expect(stdout).toMatch(
    /\n {2}this log +retain\.example\.com\/other, and not retain\.example\.com\/housing, /,
  );
  expect(JSON.parse((await verify('--json')).stdout)).toMatchObject({
    log: { origin: OTHER.origin },
    otherLogs: [ORIGIN],
  });
});

it('--origin refuses another one, whoever signed it', async () => {
  const { exitCode, stdout } = await verify('--origin', ORIGIN);
  expect(exitCode).toBe(10);
  expect(stdout).toContain('NOT VERIFIED');
  expect(stdout).toContain(`The checkpoint is of ${OTHER.origin}, and ${ORIGIN} was asked for.`);
});

it('--origin takes the one that it names', async () => {
  const { exitCode, stdout } = await verify('--origin', OTHER.origin);
  expect(exitCode).toBe(0);
  expect(stdout).not.toContain('this log');
  expect(JSON.parse((await verify('--origin', OTHER.origin, '--json')).stdout)).toMatchObject({
    otherLogs: [],
  });
});
