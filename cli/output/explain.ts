/** Why one record stays, or when it may go. */
import type { ExplainedRule, Explanation } from '../../app/explain.ts';
import { pairs } from './table.ts';
import { dayText, minuteOf, momentOf } from './times.ts';
import { counted, noun, rowNoun } from './words.ts';

export interface ExplainView {
  readonly explanation: Explanation;
  readonly key: readonly string[];
  readonly zone: string;
}

export function explainLines(view: ExplainView): string[] {
  const { explanation, key, zone } = view;
  const name = `${explanation.recordClass.replaceAll('_', ' ')} ${key.join(' ')}`;
  const title = name.charAt(0).toUpperCase() + name.slice(1);
  if (!explanation.exists) {
    return [
      `${title} does not exist.`,
      `Next: retain log lookup ${explanation.recordClass} ${key.join(' ')}`,
    ];
  }
  const rows = [
    ...explanation.rules.flatMap((rule) => ruleRows(rule, explanation, zone)),
    ...explanation.standing.map(({ rule, why }): [string, string] => ['rule', `${rule}: ${why}`]),
    ...explanation.blockedBy.map(({ constraint, table }): [string, string] => [
      ...([
        'blocked by',
        `a ${noun(rowNoun(table), 1)} that refers to it (${constraint})`,
      ] as const),
    ]),
    ...explanation.holds.map(({ holdNo, matter, effectiveAt, through }): [string, string] => [
      'held by',
      `H-${holdNo}, matter ${matter}, effective ${momentOf(effectiveAt, zone)}${
        through === explanation.recordClass ? '' : `, through ${through.replaceAll('_', ' ')}`
      }`,
    ]),
  ];
  return [`${title} ${VERDICTS[explanation.verdict]}`, ...pairs(rows), ...lastWords(explanation)];
}

const VERDICTS: Readonly<Record<Explanation['verdict'], string>> = {
  due: 'is due: the next plan would take it.',
  kept: 'stays.',
  held: 'stays.',
  blocked: 'stays.',
  absent: 'does not exist.',
};

function ruleRows(
  rule: ExplainedRule,
  { scheduleVersion }: Explanation,
  zone: string,
): [string, string][] {
  const { state, dates } = rule;
  const head: [string, string] = [
    'rule',
    `${rule.rule}, version ${scheduleVersion}: ${rule.text}, then ${rule.action}`,
  ];
  if (!state.applies) return [head, ['', 'does not apply: its condition is not fulfilled']];
  if (state.trigger === null || dates === null) {
    return [head, ['trigger', `none yet, so it stays${partWords(state)}`]];
  }
  const event = /^\d{4}-\d{2}-\d{2}$/.test(state.trigger)
    ? dayText(state.trigger, zone)
    : state.trigger;
  const from = minuteOf(dates.destroyableFrom, zone);
  const late = dates.overdueDays !== null && dates.overdueDays > 0 && state.due;
  return [
    head,
    ['trigger', `${event}${partWords(state)}`],
    ['kept through', dayText(dates.keptThrough, zone)],
    [
      state.due ? 'due since' : 'due from',
      `${from}${late ? `, OVERDUE ${counted(dates.overdueDays, 'day')}` : ''}`,
    ],
  ];
}

/** ` (3 contracts, none open)` */
function partWords({ parts }: ExplainedRule['state']): string {
  if (parts === null) return '';
  const open = parts.open === 0 ? 'none open' : `${parts.open} open`;
  return ` (${counted(parts.all, rowNoun(parts.table))}, ${open})`;
}

function lastWords({ verdict, rules, blockedBy }: Explanation): string[] {
  const due = rules.some(({ state }) => state.due);
  if (verdict === 'held') {
    const otherwise =
      due && blockedBy.length === 0 ? 'it could go in the next plan' : 'it would still stay';
    return [`  Without the hold ${otherwise}.`];
  }
  if (verdict === 'blocked') return ['  Without what blocks it, it could go in the next plan.'];
  return [];
}
