import { setTimeout as delay } from 'node:timers/promises';
import { runNamed } from '../../app/context.ts';
import { type NewHold, type RunWatch, type WatchedRun, watchRun } from '../../app/runs.ts';
import { EXIT } from '../exit-codes.ts';
import { barLines, plainLine, stepTimer } from '../output/progress.ts';
import { endSentence } from '../output/run.ts';
import { clockOf } from '../output/times.ts';
import { type Shell, withRetain } from '../shell.ts';

const LOOK_EVERY_MS = 400;
const PLAIN_EVERY_MS = 10_000;
/** A stopped run is closed by its workflow; with Temporal down nobody closes it. */
const STOPPED_FOR_MS = 15_000;

/** Draws what is known; called after every look. */
interface Display {
  show(run: WatchedRun, holds: readonly NewHold[]): void;
}

export function watch(shell: Shell, id: string): Promise<number> {
  return follow(shell, id, (run) =>
    !shell.json && shell.terminal.stdout.isTTY === true ? bars(shell, run) : plain(shell, run),
  );
}

export function wait(shell: Shell, id: string): Promise<number> {
  return follow(shell, id, () => ({ show: () => undefined }));
}

function follow(shell: Shell, id: string, display: (watch: RunWatch) => Display): Promise<number> {
  return withRetain(shell, async (retain) => {
    const entry = await runNamed(retain, id);
    return watchRun(retain, entry, async (watching) => {
      const run = await untilEnd(watching, display(watching));
      return atEnd(shell, watching, run);
    });
  });
}

async function untilEnd(watching: RunWatch, display: Display): Promise<WatchedRun> {
  let stoppedSince: number | undefined;
  for (;;) {
    const run = await watching.look();
    display.show(run, await watching.newHolds());
    if (run.status === 'stopped') stoppedSince ??= performance.now();
    const abandoned =
      stoppedSince !== undefined && performance.now() - stoppedSince > STOPPED_FOR_MS;
    const over =
      run.state.closedAt !== null || run.status === 'rejected' || run.status === 'expired';
    if (over || abandoned) return run;
    await delay(LOOK_EVERY_MS);
  }
}

function atEnd(shell: Shell, { document }: RunWatch, run: WatchedRun): number {
  if (shell.json) {
    shell.data({ run: run.run, status: run.status, steps: run.steps, report: run.state.report });
  } else {
    const sentence = endSentence(document, run.state);
    shell.print(sentence ?? `The run ended without being carried out: ${run.status}.`);
    if (run.status === 'completed')
      shell.note(`Next: retain log search --run ${run.run.slice(0, 4)}`);
  }
  if (run.status === 'completed') return EXIT.ok;
  return run.status === 'incomplete' ? EXIT.incomplete : EXIT.refused;
}

const stepsOf = (run: WatchedRun) =>
  run.steps.map(({ title, planned, totals, finished }) => ({
    ...{ title, planned, destroyed: totals.destroyed, finished },
  }));

/** Redraws its lines in place; holds are printed above them, to stay. */
function bars(shell: Shell, { document }: RunWatch): Display {
  const timer = stepTimer();
  let drawn = 0;
  return {
    show(run, holds) {
      const steps = stepsOf(run);
      const now = performance.now();
      const lines = barLines(steps, timer(steps, now), now);
      if (run.status !== 'running') lines.push(`  ${run.status}`);
      const events = holds.map((hold) => holdLine(hold, document.timezone));
      const up = drawn === 0 ? '' : `\u001b[${drawn}A\u001b[0J`;
      shell.terminal.stdout.write(`${up}${[...events, ...lines].join('\n')}\n`);
      drawn = lines.length;
    },
  };
}

/** A line when something changed, at most every 10 s; holds and changes of status at once. */
function plain(shell: Shell, { document }: RunWatch): Display {
  let last = '';
  let lastStatus = '';
  let printedAt = Number.NEGATIVE_INFINITY;
  return {
    show(run, holds) {
      const lines = holds.map((hold) => holdLine(hold, document.timezone));
      const line = `${run.status}  ${plainLine(stepsOf(run))}`;
      const now = performance.now();
      const due = now - printedAt >= PLAIN_EVERY_MS || run.status !== lastStatus;
      if (line !== last && due) {
        lines.push(line);
        [last, lastStatus, printedAt] = [line, run.status, now];
      }
      if (lines.length > 0) shell.note(...lines);
    },
  };
}

function holdLine({ hold, matter, effectiveAt }: NewHold, zone: string): string {
  return `  hold ${hold}, matter ${matter}, took effect ${clockOf(effectiveAt, zone)}`;
}
