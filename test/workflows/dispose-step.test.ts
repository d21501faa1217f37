import { expect, test } from 'vitest';
import { NO_COUNTS } from '../../domain/disposal.ts';
import type { DisposeStepInput } from '../../workflows/messages.ts';
import { pauseRecheckMs } from '../../workflows/options.ts';
import { HistoryScript } from '../support/history.ts';
import { replay } from '../support/replay.ts';

const RUN = '7f3a';
const ID = `purge-run/${RUN}/step/1`;
const pace = { sliceRecords: 100_000, sliceMs: 60_000, eventsPerRun: 3_000 };
const input: DisposeStepInput = { run: RUN, store: 'housing', step: 1, lanes: 1, pace };
const slice = {
  activity: 'disposeSlice',
  input: { run: RUN, store: 'housing', step: 1, lane: 1, sliceRecords: 100_000, sliceMs: 60_000 },
};
const done = { completes: { outcome: 'finished', totals: NO_COUNTS } };
const result = (outcome: string) => ({ outcome, totals: NO_COUNTS });

test('a resume that was only written into the database is noticed by looking again', async () => {
  const { history } = new HistoryScript('disposeStep', input)
    .task(slice)
    .completed(1, result('paused'))
    .task({ timerMs: 15_000 })
    .fired(1)
    .task(slice)
    .completed(2, result('paused'))
    .task({ timerMs: 30_000 })
    .fired(2)
    .task(slice)
    .completed(3, result('finished'))
    .task(done);
  await replay(history, ID);
});

test('a pause is looked at after 15 s at first and every two minutes in the end', () => {
  expect([0, 1, 2, 3, 4, 1_000].map(pauseRecheckMs)).toEqual([
    15_000, 30_000, 60_000, 120_000, 120_000, 120_000,
  ]);
});

test('a resume that was announced is obeyed at once', async () => {
  const { history } = new HistoryScript('disposeStep', input)
    .task(slice)
    .completed(1, result('paused'))
    .task({ timerMs: 15_000 })
    .signalled('controlChanged', 'run')
    .task({ cancelTimer: 1 }, slice)
    .completed(2, result('finished'))
    .task(done);
  await replay(history, ID);
});

test('a resume that overtakes the slice it was meant for is not lost', async () => {
  const { history } = new HistoryScript('disposeStep', input)
    .task(slice)
    .signalled('controlChanged', 'run')
    .completed(1, result('paused'))
    .task(slice)
    .completed(2, result('finished'))
    .task(done);
  await replay(history, ID);
});

test('twin: a paused lane that goes straight on is not this workflow', async () => {
  const { history } = new HistoryScript('disposeStep', input)
    .task(slice)
    .completed(1, result('paused'))
    .task(slice)
    .completed(2, result('finished'))
    .task(done);
  await expect(replay(history, ID)).rejects.toThrow(/nondeterminism/i);
});

test('a stop ends the step without another slice', async () => {
  const { history } = new HistoryScript('disposeStep', input)
    .task(slice)
    .completed(1, result('stopped'))
    .task({ completes: { outcome: 'stopped', totals: NO_COUNTS } });
  await replay(history, ID);
});

test('when the server suggests it, both lanes are drained before a new history begins', async () => {
  const two = { ...input, lanes: 2 };
  const { history } = new HistoryScript('disposeStep', two)
    .task(slice, { ...slice, input: { ...slice.input, lane: 2 } })
    .completed(1, result('continue'))
    .taskWithSuggestion()
    .completed(2, result('continue'))
    .taskWithSuggestion({ continuesAsNew: two });
  await replay(history, ID);
});

test('twin: going on in a history that is long enough is not this workflow', async () => {
  const { history } = new HistoryScript('disposeStep', input)
    .task(slice)
    .completed(1, result('continue'))
    .taskWithSuggestion(slice)
    .completed(2, result('finished'))
    .task(done);
  await expect(replay(history, ID)).rejects.toThrow(/nondeterminism/i);
});

test('a lane that had finished in an earlier history is not worked again', async () => {
  const finished = { finished: true, totals: { ...NO_COUNTS, picked: 9, destroyed: 9 }, slices: 3 };
  const carried = [finished, { ...finished, finished: false }];
  const { history } = new HistoryScript('disposeStep', { ...input, lanes: 2, carried })
    .task({ ...slice, input: { ...slice.input, lane: 2 } })
    .completed(1, result('finished'))
    .task(done);
  await replay(history, ID);
});
