/** The sentence at the end of a run: what went, what stayed and why, and whether that is everything. */
import type { CompletenessReport } from '../../app/completeness.ts';
import type { PlanDocument } from '../../domain/plan.ts';
import { count, duration } from './words.ts';

const DONE: Readonly<Record<string, string>> = {
  delete: 'deleted',
  reduce: 'reduced',
  anonymise: 'anonymised',
};

/**
 * `Done in 9 s: 63,431 deleted, 2,109 reduced, 25 held, 31 blocked, 1 changed. Every due record is
 * accounted for.` An incomplete run says what is left instead.
 */
export function completenessSentence(
  document: PlanDocument,
  report: CompletenessReport,
  outcome: 'completed' | 'incomplete' | 'stopped',
  tookMs: number,
): string {
  const done = new Map<string, number>();
  for (const [index, { action }] of document.steps.entries()) {
    done.set(action, (done.get(action) ?? 0) + (report.steps[index]?.destroyed ?? 0));
  }
  const sum = (of: (step: CompletenessReport['steps'][number]) => number) =>
    report.steps.reduce((total, step) => total + of(step), 0);
  const extra = (value: number, words: string) => (value > 0 ? [`${count(value)} ${words}`] : []);
  const left = sum((step) => step.left);
  const counts = [
    ...[...done].map(([action, value]) => `${count(value)} ${DONE[action] ?? action}`),
    `${count(sum((step) => step.held))} held`,
    `${count(sum((step) => step.blocked))} blocked`,
    `${count(sum((step) => step.changed))} changed`,
    ...extra(
      sum((step) => step.gone),
      'gone or re-dated by others',
    ),
    ...extra(
      sum((step) => step.freed),
      'free for the next plan',
    ),
    ...extra(left, 'left'),
  ].join(', ');
  return `${OPENING[outcome]} ${duration(tookMs)}: ${counts}. ${verdict(report, outcome, left)}`;
}

const OPENING = {
  completed: 'Done in',
  incomplete: 'Ended after',
  stopped: 'Stopped after',
} as const;

function verdict(
  report: CompletenessReport,
  outcome: 'completed' | 'incomplete' | 'stopped',
  left: number,
): string {
  if (!report.counted) {
    return 'The tables changed, so what is left could not be counted: these are the totals of the batches.';
  }
  if (left > 0)
    return `NOT COMPLETE: ${count(left)} planned ${left === 1 ? 'record is' : 'records are'} still there.`;
  if (outcome === 'completed') return 'Every due record is accounted for.';
  return 'Nothing planned is left, but not every step came to its end.';
}
