import { test } from 'vitest';
import { LEDGER_RECHECK_MS, LEDGER_TURNS } from '../../workflows/options.ts';
import { HistoryScript } from '../support/history.ts';
import { replay } from '../support/replay.ts';

const ID = 'keep-ledger';
const turn = { activity: 'keepLedger', input: undefined };
const kept = (size: number) => ({ entries: 1, size });

test('one turn follows the other', async () => {
  const { history } = new HistoryScript('keepLedger', undefined)
    .task(turn)
    .completed(1, kept(3))
    .task(turn)
    .completed(2, kept(4))
    .task(turn);
  await replay(history, ID);
});

test('a store that it cannot follow and a place that fails are carried along until they work', async () => {
  const failing = {
    troubled: [{ store: 'archive', code: 'LEDGER_BROKEN' }],
    undelivered: [{ place: 'witness w1', code: 'unreachable' }],
  };
  const script = new HistoryScript('keepLedger', undefined);
  for (let n = 1; n <= LEDGER_TURNS; n += 1)
    script.task(turn).completed(n, { ...kept(n), ...failing });
  const { history } = script.task({ continuesAsNew: { size: LEDGER_TURNS, ...failing } });
  await replay(history, ID);
});

test('a ledger that cannot go on is looked at again, and the workflow stays', async () => {
  const { history } = new HistoryScript('keepLedger', undefined)
    .task(turn)
    .failed(1, 'LEDGER_BEHIND')
    .task({ timerMs: LEDGER_RECHECK_MS })
    .fired(1)
    .task(turn)
    .completed(2, kept(9))
    .task(turn);
  await replay(history, ID);
});

test('a history is short: the next one begins with what is known', async () => {
  const script = new HistoryScript('keepLedger', { size: 7 });
  for (let n = 1; n <= LEDGER_TURNS; n += 1) script.task(turn).completed(n, kept(7 + n));
  const { history } = script.task({ continuesAsNew: { size: 7 + LEDGER_TURNS } });
  await replay(history, ID);
});
