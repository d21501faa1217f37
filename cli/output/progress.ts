/** Progress of a run: bars on a terminal, plain lines elsewhere. Pure text; who prints decides when. */
import { count, duration } from './words.ts';

export interface StepView {
  readonly title: string;
  readonly planned: number;
  readonly destroyed: number;
  readonly finished: boolean;
}

/** What is known of a step's time; ms of one clock. */
export interface StepTiming {
  /** The last look at which it had not begun, and so the latest it can have been idle; unknown otherwise. */
  readonly idleAt: number | undefined;
  /** The first look at which it was finished. */
  readonly endedAt: number | undefined;
}

const BAR = 20;
/** Below this, a rate is a guess. */
const RATE_AFTER_MS = 500;

/** One line per step with bar, rate and remaining time. */
export function barLines(
  steps: readonly StepView[],
  timings: readonly (StepTiming | undefined)[],
  now: number,
): string[] {
  const titles = Math.max(...steps.map(({ title }) => title.length), 0);
  const numbers = Math.max(...steps.map(({ planned }) => count(planned).length), 0);
  return steps.map((step, index) => {
    const share = step.planned === 0 ? 1 : Math.min(1, step.destroyed / step.planned);
    const full = step.finished ? BAR : Math.floor(share * BAR);
    const bar = '█'.repeat(full) + '░'.repeat(BAR - full);
    const done = `${count(step.destroyed).padStart(numbers)} of ${count(step.planned).padStart(numbers)}`;
    return `${step.title.padEnd(titles)}  ${bar}  ${done}  ${pace(step, timings[index], now)}`.trimEnd();
  });
}

/** One line for the whole run: `1,012 of 1,830 Customer record; …`, only steps that have begun. */
export function plainLine(steps: readonly StepView[]): string {
  const begun = steps.filter(({ destroyed, finished }) => destroyed > 0 || finished);
  if (begun.length === 0) return 'not begun';
  return begun
    .map(
      ({ title, destroyed, planned, finished }) =>
        `${title}: ${count(destroyed)} of ${count(planned)}${finished ? ', finished' : ''}`,
    )
    .join('; ');
}

/** Nothing is said of a step whose beginning nobody saw but that it is done. */
function pace(step: StepView, timing: StepTiming | undefined, now: number): string {
  if (timing?.idleAt === undefined) return step.finished ? 'done' : '';
  const elapsed = (timing.endedAt ?? now) - timing.idleAt;
  if (step.finished) return `done in ${duration(elapsed)}`;
  if (elapsed < RATE_AFTER_MS || step.destroyed === 0) return '';
  const perMs = step.destroyed / elapsed;
  const left = Math.max(0, step.planned - step.destroyed) / perMs;
  return `${count(Math.round(perMs * 1_000))}/s · ${duration(left)} left`;
}

/** Follows the steps through the looks at a run. */
export function stepTimer(): (steps: readonly StepView[], now: number) => readonly StepTiming[] {
  let known: readonly StepTiming[] = [];
  return (steps, now) => {
    known = steps.map((step, index) => {
      const begun = step.destroyed > 0 || step.finished;
      return {
        idleAt: begun ? known[index]?.idleAt : now,
        endedAt: step.finished ? (known[index]?.endedAt ?? now) : undefined,
      };
    });
    return known;
  };
}
