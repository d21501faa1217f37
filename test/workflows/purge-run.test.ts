import { expect, test } from 'vitest';
import type { PurgeRunInput } from '../../workflows/messages.ts';
import { HistoryScript } from '../support/history.ts';
import { replay } from '../support/replay.ts';

const ID = 'purge-run/7f3a';
const input: PurgeRunInput = {
  run: '7f3a',
  store: 'housing',
  digest: 'sha256:91cc',
  requestedBy: 'amira',
  expiresAt: '2026-11-28T23:10:00Z',
};
const expired = { completes: { run: '7f3a', status: 'expired', destroyed: 0, withheld: 0 } };

test('silence is never consent: a plan nobody decides about expires, and nothing was called', async () => {
  const { history } = new HistoryScript('purgeRun', input)
    .task({ timerMs: 604_797_000 })
    .fired(1)
    .task(expired);
  await replay(history, ID);
});

test('twin: a run that opens when its time is over is not this workflow', async () => {
  const { history } = new HistoryScript('purgeRun', input)
    .task({ timerMs: 604_797_000 })
    .fired(1)
    .task({ activity: 'openRun', input: {} });
  await expect(replay(history, ID)).rejects.toThrow(/nondeterminism/i);
});

test('a plan that had expired before its workflow began does not wait', async () => {
  const { history } = new HistoryScript('purgeRun', {
    ...input,
    expiresAt: '2026-11-21T23:00:00Z',
  }).task(expired);
  await replay(history, ID);
});
