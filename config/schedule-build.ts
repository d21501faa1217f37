/** From the checked text of a schedule to the schedule the rest of Retain works with. */

import { invariant } from '../domain/errors.ts';
import { joinQualified, splitQualified } from '../domain/identifier.ts';
import { parseCeiling } from '../domain/period.ts';
import type {
  Anonymisation,
  Condition,
  CutoffCalendar,
  Disposition,
  RecordClass,
  RetentionPeriod,
  RetentionRule,
  RetentionSchedule,
  Scalar,
  StoreDefinition,
  Trigger,
} from '../domain/schedule.ts';
import type {
  CalendarText,
  ClassText,
  ConditionText,
  RuleText,
  ScheduleText,
  StoreText,
  TimedRuleText,
  TriggerText,
} from './schedule-shape.ts';

/** Builds the schedule; the text has passed layers 1 to 3. */
export function buildSchedule(text: ScheduleText): RetentionSchedule {
  return {
    format: text.format,
    organisation: text.organisation,
    timezone: text.timezone,
    calendars: mapEntries(text.calendars ?? {}, (_id, entry) => buildCalendar(entry)),
    stores: mapEntries(text.stores, buildStore),
    recordClasses: mapEntries(text.record_classes, buildClass),
    rules: mapEntries(text.rules, buildRule),
    tests: (text.tests ?? []).map((test) => ({
      rule: test.rule,
      triggeredOn: test.triggered_on,
      destroyableFrom: test.destroyable_from,
    })),
  };
}

function buildCalendar(text: CalendarText): CutoffCalendar {
  if (text.ends_on === undefined) return { kind: 'month' };
  const month = Number(
    text.ends_on.startsWith('last') ? text.ends_on.slice(-2) : text.ends_on.slice(0, 2),
  );
  return text.ends_on.startsWith('last')
    ? { kind: 'year', month, day: 'last' }
    : { kind: 'year', month, day: Number(text.ends_on.slice(3)) };
}

export function buildRule(id: string, text: RuleText): RetentionRule {
  const common = {
    id,
    appliesTo: text.applies_to,
    where: Object.entries(text.where ?? {}).map(([column, value]) => buildCondition(column, value)),
    authority: text.authority ?? '',
    owner: text.owner ?? '',
  };
  if ('status' in text) return { ...common, kind: 'undecided', because: text.because };
  if ('review_every' in text) {
    const reviewEvery = buildPeriod(text.review_every);
    return { ...common, kind: 'permanent', because: text.because, reviewEvery };
  }
  const { at_least, at_most } = text.keep;
  return {
    ...common,
    kind: 'timed',
    trigger: buildTrigger(text.trigger),
    ...(text.cutoff === undefined ? {} : { cutoff: text.cutoff }),
    keep: {
      atLeast: buildPeriod(at_least),
      ...(at_most === undefined ? {} : { atMost: buildPeriod(at_most) }),
    },
    then: buildDisposition(text),
  };
}

export function buildStore(id: string, text: StoreText): StoreDefinition {
  const { epoch_keys_kept_for: keysKeptFor } = text;
  return {
    id,
    kind: text.kind,
    connectionEnv: text.connection.slice('env:'.length),
    backupsKeptFor: buildPeriod(text.backups_kept_for),
    ...(keysKeptFor !== undefined && { epochKeysKeptFor: buildPeriod(keysKeptFor) }),
  };
}

export function buildClass(id: string, text: ClassText): RecordClass {
  const [schema, name] = splitQualified(text.table) ?? [];
  invariant(schema !== undefined && name !== undefined, 'a table name was not checked');
  const subjects = Array.isArray(text.subjects) ? { person: text.subjects } : (text.subjects ?? {});
  return {
    id,
    title: text.title,
    store: text.store,
    table: { schema, name },
    key: text.key,
    subjects: mapEntries(subjects, (_kind, columns) =>
      typeof columns === 'string' ? [columns] : columns,
    ),
    references: mapEntries(text.references ?? {}, (_name, entry) =>
      typeof entry === 'string' ? entry : entry.role,
    ),
    freeze: text.freeze ?? 'refuse',
    partFreeze: Object.fromEntries(
      Object.entries(text.references ?? {}).flatMap(([name, entry]) =>
        typeof entry === 'string' ? [] : [[name, entry.freeze]],
      ),
    ),
  };
}

function buildCondition(column: string, text: ConditionText): Condition {
  if (typeof text !== 'object') return { column, op: 'equals', value: text };
  if (text.in !== undefined) return { column, op: 'in', values: text.in };
  if (text.not !== undefined) return { column, op: 'not', value: text.not };
  return { column, op: text.is === null ? 'is_null' : 'is_not_null' };
}

function buildTrigger(text: TriggerText): Trigger {
  const common = { event: text.event, ...(text.zone === undefined ? {} : { zone: text.zone }) };
  if (text.column !== undefined) return { ...common, kind: 'column', column: text.column };
  const parts = splitQualified(text.latest ?? text.earliest ?? '') ?? [];
  const column = parts.at(-1);
  invariant(column !== undefined, 'a trigger was not checked');
  const kind = text.latest === undefined ? 'earliest' : 'latest';
  return { ...common, kind, part: joinQualified(parts.slice(0, -1)), column };
}

function buildDisposition(text: TimedRuleText): Disposition {
  switch (text.then) {
    case 'delete':
      return { kind: 'delete' };
    case 'reduce':
      return { kind: 'reduce', to: text.to ?? [] };
    case 'anonymise':
      return { kind: 'anonymise', columns: mapEntries(text.columns ?? {}, buildAnonymisation) };
  }
}

function buildAnonymisation(_column: string, text: null | { constant: Scalar }): Anonymisation {
  return text === null ? 'null' : { constant: text.constant };
}

/** The period of a text that layer 2 has accepted. */
function buildPeriod(iso: string): RetentionPeriod {
  const result = parseCeiling(iso);
  invariant(result.ok, 'a period was not checked');
  return result.period;
}

function mapEntries<In, Out>(
  entries: Readonly<Record<string, In>>,
  build: (id: string, entry: In) => Out,
): Record<string, Out> {
  return Object.fromEntries(Object.entries(entries).map(([id, entry]) => [id, build(id, entry)]));
}
