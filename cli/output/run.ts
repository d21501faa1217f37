/** One run, from its plan to its end. */
import type { CompletenessReport } from '../../app/completeness.ts';
import type { ShownRun, ShownStatements } from '../../app/runs.ts';
import { completenessSentence } from './completeness.ts';
import { planLines } from './plan.ts';
import { pairs, table } from './table.ts';
import { minuteOf } from './times.ts';
import { count } from './words.ts';

export function runLines(shown: ShownRun, unlinked: ReadonlySet<string>): string[] {
  const { document, entry, state } = shown;
  const zone = document.timezone;
  const event = (label: string, who: string | null, at: string | null): [string, string][] =>
    who === null || at === null ? [] : [[label, `by ${who}, ${minuteOf(at, zone)}`]];
  const decision = state.decision === 'reject' ? 'rejected' : 'approved';
  const control =
    state.status === 'paused' || state.status === 'stopped' ? state.status : undefined;
  const why = state.controlReason === null ? '' : `: ${state.controlReason}`;
  // The last two lines of a plan say what to do with a plan; here the status does.
  return [
    ...planLines({ document, digest: entry.digest, unlinked }).slice(0, -1),
    '',
    `Status: ${state.status}`,
    ...pairs([
      ...event('requested', state.requestedBy, state.createdAt),
      ...event(decision, state.decidedBy, state.decidedAt),
      ...event('opened', state.openedBy, state.openedAt),
      ...event(
        control ?? '',
        control === undefined ? null : `${state.controlBy ?? ''}${why}`,
        state.controlAt,
      ),
      ...event('closed', state.closedAt === null ? null : 'the run', state.closedAt),
      ['digest', entry.digest],
    ]),
    ...doneLines(shown),
    ...nextLines(shown),
  ];
}

function doneLines({ document, state, totals }: ShownRun): string[] {
  if (state.openedAt === null) return [];
  const numbers = ['destroyed', 'held', 'blocked', 'changed', 'gone'] as const;
  const columns = [
    { title: 'step' },
    { title: 'lanes', align: 'right' as const },
    ...numbers.map((title) => ({ title, align: 'right' as const })),
    { title: '' },
  ];
  const rows = totals.map((step) => [
    ...[document.steps[step.step - 1]?.rule ?? String(step.step), String(step.lanes)],
    ...numbers.map((name) => count(step[name])),
    step.finished ? 'finished' : '',
  ]);
  return ['', ...table(columns, rows), ...closing({ document, state })];
}

function closing({ document, state }: Pick<ShownRun, 'document' | 'state'>): string[] {
  const sentence = endSentence(document, state);
  return sentence === undefined ? [] : ['', sentence];
}

/** The completeness sentence of a closed run. */
export function endSentence(
  document: ShownRun['document'],
  { closedAt, openedAt, report, status }: ShownRun['state'],
): string | undefined {
  if (closedAt === null || openedAt === null || report === null) return undefined;
  if (status !== 'completed' && status !== 'incomplete' && status !== 'stopped') return undefined;
  const tookMs = Date.parse(closedAt) - Date.parse(openedAt);
  return completenessSentence(document, report as CompletenessReport, status, tookMs);
}

function nextLines({ entry, state }: ShownRun): string[] {
  const id = entry.runId.slice(0, 4);
  const next: Partial<Record<typeof state.status, string>> = {
    'awaiting-approval': `another person runs  retain run approve ${id}`,
    approved: `retain run apply ${id}`,
    running: `retain run watch ${id}`,
    paused: `retain run resume ${id} --because TEXT`,
    completed: `retain log search --run ${id}`,
    incomplete: 'retain run plan',
    expired: 'retain run plan',
  };
  const words = next[state.status];
  return words === undefined ? [] : [`Next: ${words}`];
}

/** The exact statements, each step under its digest. */
export function statementLines(digest: string, steps: readonly ShownStatements[]): string[] {
  return [
    `-- plan ${digest}`,
    ...steps.flatMap(({ step, rule, sha256, statements }) => [
      '',
      `-- step ${step}: ${rule}`,
      `-- statements sha256:${sha256}`,
      ...Object.entries(statements).flatMap(([name, value]) => statement(name, value)),
    ]),
  ];
}

function statement(name: string, value: unknown): string[] {
  if (name === 'flow') return [`-- flow: ${String(value)}`];
  if (name === 'values') return [`-- bound values: ${JSON.stringify(value)}`];
  if (typeof value === 'string') return [`-- ${name}`, `${value};`];
  const list = Array.isArray(value) ? (value as unknown[]) : [];
  return list.flatMap((one, index) => {
    const sql = typeof one === 'string' ? one : String((one as { sql?: unknown }).sql);
    return [`-- ${name} ${index + 1}`, `${sql};`];
  });
}
