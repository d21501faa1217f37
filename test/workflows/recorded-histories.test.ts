import { describe, expect, test } from 'vitest';
import { allRecorded, payloadsOf, type RecordedHistory } from '../support/recorded.ts';
import { replay } from '../support/replay.ts';

const recorded = allRecorded();
const MAX_PAYLOAD_BYTES = 8_192;

test('the folder holds the turns a run can take', () => {
  expect(recorded.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'run-approved-paused-resumed-completed',
      'run-cancelled',
      'run-expired',
      'run-incomplete',
      'run-refused-then-applied',
      'run-rejected',
      'run-stopped',
      'step-continued-as-new',
      'step-two-lanes-paused-resumed',
    ]),
  );
});

describe.each(recorded)('$name', ({ name, history }) => {
  test('replays on the workflow code of today', async () => {
    await replay(history, `recorded/${name}`);
  });

  test('carries only small payloads, without a key or a machine in them', () => {
    const payloads = payloadsOf(history);
    expect(payloads.length).toBeGreaterThan(0);
    for (const { bytes, value } of payloads) {
      expect(bytes).toBeLessThan(MAX_PAYLOAD_BYTES);
      expect(fieldNames(value)).not.toContain('key');
      expect(fieldNames(value)).not.toContain('keys');
    }
    expect(JSON.stringify(history)).not.toMatch(/"stackTrace"|\d@[a-z]+-/);
  });
});

// The twins: were replay blind, every change to a workflow would look compatible.
describe('an incompatible history is refused', () => {
  const full = recorded.find(({ name }) => name === 'run-approved-paused-resumed-completed');
  const changed = (from: string, to: string): RecordedHistory =>
    JSON.parse(JSON.stringify(full?.history).replaceAll(`"${from}"`, `"${to}"`)) as RecordedHistory;

  test('when an activity has another name', async () => {
    await expect(replay(changed('closeRun', 'sealRun'), 'recorded/renamed')).rejects.toThrow(
      /nondeterminism/i,
    );
  });

  test('when a child is of another type', async () => {
    await expect(replay(changed('disposeStep', 'purgeStep'), 'recorded/child')).rejects.toThrow(
      /nondeterminism/i,
    );
  });
});

test('twin: a key in a payload is found, however deep', () => {
  expect(fieldNames({ steps: [{ keys: ['20417'] }] })).toContain('keys');
});

function fieldNames(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(fieldNames);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [name, ...fieldNames(inner)]);
}
