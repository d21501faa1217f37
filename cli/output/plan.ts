/** The plan as people read it: what would go, what stays and why, what to do next. */
import { type PlanDocument, type PlanStep, shortPlanId } from '../../domain/plan.ts';
import { type Column, table } from './table.ts';
import { dayText, minuteOf } from './times.ts';
import { count, counted, listed, rowNoun } from './words.ts';

export interface PlanView {
  readonly document: PlanDocument;
  /** `sha256:<hex>`. */
  readonly digest: string;
  /** Tables whose rows are only unlinked, not destroyed. */
  readonly unlinked: ReadonlySet<string>;
}

/** `Harbour Homes · housing · schedule version 7 · as of 21 Nov 2026 23:10 GMT` */
export function planHeading({
  organisation,
  store,
  schedule,
  asOf,
  timezone,
}: PlanDocument): string {
  return `${organisation} · ${store} · schedule version ${schedule.version} · as of ${minuteOf(asOf, timezone)}`;
}

const COLUMNS: readonly Column[] = [
  { title: 'record class' },
  { title: 'rule' },
  { title: 'do' },
  { title: 'due', align: 'right' },
  { title: 'held', align: 'right' },
  { title: 'blocked', align: 'right' },
  { title: 'changed', align: 'right' },
  { title: 'destroys', align: 'right' },
  { title: 'oldest due' },
  { title: '' },
];

/** The table with one line per rule. */
export function planTable(document: PlanDocument): string[] {
  return table(
    COLUMNS,
    document.steps.map((step) => [
      step.title,
      step.rule,
      step.action,
      ...[step.counts.due, step.counts.held, step.counts.blocked, step.counts.changed].map(count),
      count(step.counts.destroys),
      step.oldestDestroyableFrom === null
        ? '-'
        : dayText(step.oldestDestroyableFrom, document.timezone),
      overdue(step),
    ]),
  );
}

function overdue({ overdueDays }: PlanStep): string {
  return overdueDays !== null && overdueDays > 0 ? `OVERDUE ${counted(overdueDays, 'day')}` : '';
}

/** Everything `run plan` prints. */
export function planLines(view: PlanView): string[] {
  const { document } = view;
  const id = document.run.slice(0, 4);
  return [
    planHeading(document),
    '',
    ...planTable(document),
    ...alongLines(view),
    ...document.notRun.map(
      ({ recordClass, why }) => `  not run: ${recordClass.replaceAll('_', ' ')} (${why})`,
    ),
    `  statements and digests: retain run show ${id} --sql`,
    '',
    `Plan: ${planTotals(document.steps)}. Plan ${shortPlanId(document.run, view.digest)}, good until ${minuteOf(document.expiresAt, document.timezone)}.`,
    nextStep(document),
  ];
}

function nextStep(document: PlanDocument): string {
  return totals(document.steps).destroys === 0
    ? 'Nothing would go, so there is nothing to approve.'
    : `Next: another person runs  retain run approve ${document.run.slice(0, 4)}`;
}

/** `goes with them: …` and `unlinked from them: …`; nothing when no part goes along. */
function alongLines({ document, unlinked }: PlanView): string[] {
  const rows = new Map<string, number>();
  for (const { parts } of document.steps) {
    for (const [name, value] of Object.entries(parts))
      rows.set(name, (rows.get(name) ?? 0) + value);
  }
  const line = (label: string, of: (name: string) => boolean) => {
    const parts = [...rows].filter(([name, value]) => of(name) && value > 0);
    const words = parts.map(([name, value]) => counted(value, rowNoun(name)));
    return words.length === 0 ? [] : [`  ${label}: ${words.join(', ')}`];
  };
  return [
    ...line('goes with them', (name) => !unlinked.has(name)),
    ...line('stays, unlinked from them', (name) => unlinked.has(name)),
  ];
}

interface Totals {
  readonly byAction: ReadonlyMap<string, number>;
  readonly destroys: number;
  readonly held: number;
  readonly blocked: number;
  readonly changed: number;
}

function totals(steps: readonly PlanStep[]): Totals {
  const byAction = new Map<string, number>();
  const sum = (of: (step: PlanStep) => number) =>
    steps.reduce((total, step) => total + of(step), 0);
  for (const { action, counts } of steps) {
    byAction.set(action, (byAction.get(action) ?? 0) + counts.destroys);
  }
  return {
    byAction,
    destroys: sum(({ counts }) => counts.destroys),
    held: sum(({ counts }) => counts.held),
    blocked: sum(({ counts }) => counts.blocked),
    changed: sum(({ counts }) => counts.changed),
  };
}

/** `63,432 to delete, 2,109 to reduce, 24 held, 31 blocked, 1 changed`. */
export function planTotals(steps: readonly PlanStep[]): string {
  const { byAction, held, blocked, changed } = totals(steps);
  const acts = [...byAction].map(([action, value]) => `${count(value)} to ${action}`);
  return [
    ...(acts.length === 0 ? ['nothing to do'] : acts),
    ...[`${count(held)} held`, `${count(blocked)} blocked`, `${count(changed)} changed`],
  ].join(', ');
}

const DEEDS: Readonly<Record<string, string>> = {
  delete: 'destruction',
  reduce: 'reduction',
  anonymise: 'anonymisation',
};

/** `You approve the destruction of 63,432 records and the reduction of 2,109, requested by amira.` */
export function approvalSentence(document: PlanDocument): string {
  const acts = [...totals(document.steps).byAction].filter(([, value]) => value > 0);
  const words = acts.map(([action, value], index) => {
    const records = index === 0 ? counted(value, 'record') : count(value);
    return `the ${DEEDS[action] ?? action} of ${records}`;
  });
  return `You approve ${listed(words)}, requested by ${document.requestedBy}.`;
}
