/** The kinds of values a schedule file holds, each with its own error code. */

import { z } from 'zod';
import { daysInMonth, parseCalendarDate } from '../domain/civil.ts';
import { isName, splitQualified } from '../domain/identifier.ts';
import { parseInstant } from '../domain/instant.ts';
import { CEILING_PATTERN, PERIOD_PATTERN, parseCeiling, parsePeriod } from '../domain/period.ts';
import type { ScheduleFindingCode } from './schedule-finding.ts';

function text(code: ScheduleFindingCode, problemOf: (value: string) => string | undefined) {
  return z.string().superRefine((value, context) => {
    const message = problemOf(value);
    if (message !== undefined) context.addIssue({ code: 'custom', params: { code }, message });
  });
}

/** Words for people; never blank. */
export function sentence(meaning: string) {
  return text('VALUE_BLANK', (value) => (value.trim() === '' ? 'is blank.' : undefined))
    .meta({ minLength: 1 })
    .describe(meaning);
}

/** A column (or constraint) exactly as the catalogue spells it. */
export function columnName() {
  return text('VALUE_MALFORMED', (value) =>
    isName(value) ? undefined : `${JSON.stringify(value)} cannot be a name in PostgreSQL.`,
  );
}

/** `schema.table`, quoted as in SQL where a part has a dot. */
export function tableName() {
  return text('VALUE_MALFORMED', (value) =>
    splitQualified(value)?.length === 2
      ? undefined
      : `${JSON.stringify(value)} is not schema.table, such as public.customer.`,
  ).describe('schema.table, such as public.customer.');
}

/** `table.column` or `schema.table.column` of an owned part. */
export function partColumn() {
  return text('VALUE_MALFORMED', (value) => {
    const parts = splitQualified(value)?.length;
    return parts === 2 || parts === 3
      ? undefined
      : `${JSON.stringify(value)} is not table.column or schema.table.column of an owned part.`;
  });
}

/** `env:NAME`. The message never repeats the value: it may be a connection URL with a password. */
export function connection() {
  return text('VALUE_MALFORMED', (value) =>
    /^env:[A-Z_][A-Z0-9_]*$/.test(value)
      ? undefined
      : 'must name an environment variable, such as env:HOUSING_DATABASE_URL; the address itself never stands in this file.',
  )
    .meta({ pattern: '^env:[A-Z_][A-Z0-9_]*$' })
    .describe('Environment variable with the connection address: env:HOUSING_DATABASE_URL.');
}

/** A period; `years and months` may join the two, `not zero` refuses P0D. */
export function period(grammar: 'one unit' | 'years and months' | 'not zero') {
  const joined = grammar === 'years and months';
  return z
    .string()
    .superRefine((value, context) => {
      const result = joined ? parseCeiling(value) : parsePeriod(value);
      if (!result.ok) {
        const { code, message } = result;
        context.addIssue({ code: 'custom', params: { code }, message });
      } else if (grammar === 'not zero' && result.period.count === 0) {
        const message = '"P0D" is no time at all.';
        context.addIssue({ code: 'custom', params: { code: 'PERIOD_ZERO' }, message });
      }
    })
    .meta({ pattern: joined ? CEILING_PATTERN : PERIOD_PATTERN });
}

/** `MM-DD` of a day every year has, or `last-of-MM`. */
export function endsOn() {
  return text('VALUE_MALFORMED', (value) => {
    const match = /^(?:last-of-(\d{2})|(\d{2})-(\d{2}))$/.exec(value);
    const month = Number(match?.[1] ?? match?.[2] ?? 0);
    const day = Number(match?.[3] ?? 1);
    if (match === null || month < 1 || month > 12 || day < 1) {
      return `${JSON.stringify(value)} is not a month and day such as 03-31, or last-of-02.`;
    }
    // 2001 is no leap year: 02-29 would exist in one year of four only.
    if (day > daysInMonth(2001, month)) {
      return `"${value}" does not exist in every year. For the end of February write last-of-02.`;
    }
    return undefined;
  }).meta({ pattern: '^(last-of-[01][0-9]|[01][0-9]-[0-3][0-9])$' });
}

/** RFC 3339. */
export function instantText() {
  return text('VALUE_MALFORMED', (value) =>
    parseInstant(value) === undefined
      ? `${JSON.stringify(value)} is not an instant such as 2026-03-01T00:00:00Z.`
      : undefined,
  ).describe('RFC 3339 instant: 2026-03-01T00:00:00Z.');
}

/** A calendar day or an RFC 3339 instant. */
export function instantOrDay() {
  return text('VALUE_MALFORMED', (value) =>
    parseCalendarDate(value) === undefined && parseInstant(value) === undefined
      ? `${JSON.stringify(value)} is not a day such as 2020-02-29 or an instant such as 2020-02-29T12:00:00Z.`
      : undefined,
  ).describe('Day (2020-02-29) or RFC 3339 instant.');
}

/** A value to compare with or to write: text, number, true or false. */
export function scalar() {
  const number = z
    .number()
    .refine((value) => !Number.isInteger(value) || Number.isSafeInteger(value), {
      error: 'is too large to be read exactly. Write it in quotes.',
      params: { code: 'VALUE_MALFORMED' },
    });
  return z.union([z.string(), number, z.boolean()], {
    error: 'must be text, a number, true or false',
  });
}

/** A mapping from names to values; with `at least one` an empty one is refused. */
export function mapping<Key extends z.core.$ZodRecordKey, Value extends z.ZodType>(
  key: Key,
  value: Value,
  size: 'any' | 'at least one' = 'any',
) {
  return z.record(key, value).superRefine((entries, context) => {
    if (size === 'at least one' && Object.keys(entries).length === 0) {
      const message = 'names nothing.';
      context.addIssue({ code: 'custom', params: { code: 'LIST_EMPTY' }, message });
    }
  });
}

/** A list that names each thing once. */
export function noDoubles<List extends z.ZodArray<z.ZodString>>(list: List) {
  return list.superRefine((values, context) => {
    values.forEach((value, index) => {
      if (values.indexOf(value) === index) return;
      const message = `names ${JSON.stringify(value)} twice.`;
      context.addIssue({
        code: 'custom',
        params: { code: 'LIST_DOUBLED' },
        path: [index],
        message,
      });
    });
  });
}

type Refinement = z.core.$RefinementCtx;

/** Refuses a mapping that has none, or several, of the keys. */
export function exactlyOne(...keys: string[]) {
  return (value: object, context: Refinement): void => {
    const present = keys.filter((key) => key in value);
    if (present.length === 1) return;
    const names = keys.map((key) => `"${key}"`).join(', ');
    const code = present.length === 0 ? 'KEY_MISSING' : 'KEY_CONFLICT';
    const message =
      present.length === 0
        ? `needs one of the keys ${names}.`
        : `has ${present.join(' and ')}; only one of ${names} may stand here.`;
    context.addIssue({ code: 'custom', params: { code, at: 'key' }, message });
  };
}

/** `key` stands with `then: disposition`, and only there. */
export function belongsTo(
  context: Refinement,
  then: string,
  disposition: string,
  key: string,
  value: unknown,
): void {
  if (then === disposition && value === undefined) {
    const message = `missing key "${key}": ${disposition} has to say which columns.`;
    context.addIssue({ code: 'custom', params: { code: 'KEY_MISSING', at: 'key' }, message });
  }
  if (then !== disposition && value !== undefined) {
    const message = `"${key}" belongs to "then: ${disposition}" only.`;
    const params = { code: 'KEY_CONFLICT', at: 'key' };
    context.addIssue({ code: 'custom', params, path: [key], message });
  }
}
