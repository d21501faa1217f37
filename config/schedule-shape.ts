/**
 * Layer 2: the shape of a schedule file. One definition gives the errors, the JSON Schema for
 * editors and the types of what was read; what the words mean together is layer 3.
 */

import { z } from 'zod';
import {
  belongsTo,
  columnName,
  connection,
  endsOn,
  exactlyOne,
  instantOrDay,
  instantText,
  mapping,
  noDoubles,
  partColumn,
  period,
  scalar,
  sentence,
  tableName,
} from './schedule-fields.ts';

const id = z.string().regex(/^[a-z][a-z0-9_]*$/);
const columns = noDoubles(z.array(columnName()).min(1));

const calendarShape = z
  .strictObject({
    ends_on: endsOn().describe('Last day of each year: MM-DD, or last-of-02.').optional(),
    ends: z.literal('month').describe('Periods end with each calendar month.').optional(),
  })
  .superRefine(exactlyOne('ends_on', 'ends'));

const storeShape = z.strictObject({
  kind: z.literal('postgres'),
  connection: connection(),
  backups_kept_for: period('one unit').describe(
    'How long backups of this store exist: until then a destroyed record can be restored.',
  ),
  epoch_keys_kept_for: period('one unit')
    .describe(
      'How long after its quarter an epoch key is kept; then it is destroyed. Not shorter than backups_kept_for. Without it keys are kept until an administrator destroys them.',
    )
    .optional(),
});

const freezeMode = z.enum(['refuse', 'refuse-delete-only', 'off']);
const referenceRole = z.enum(['owned', 'detached', 'blocking']);
const reference = z.union(
  [
    referenceRole,
    z.strictObject({
      role: z.literal('owned'),
      freeze: freezeMode.describe('What a hold refuses to everybody on these parts.'),
    }),
  ],
  { error: 'must be owned, detached, blocking or { role: owned, freeze: ... }' },
);

const classShape = z.strictObject({
  title: sentence('What people call these records.'),
  store: id,
  table: tableName(),
  key: columns.describe('Columns of the record key, in order; unique and not null.'),
  subjects: z
    .union([columns, mapping(id, z.union([columnName(), columns]))], {
      error: 'must be a list of columns, or a mapping from a kind of subject to its columns',
    })
    .describe('Columns that say whom the record is about; a plain list means persons.')
    .optional(),
  references: mapping(columnName(), reference)
    .describe('Every foreign key that points here: owned, detached or blocking.')
    .optional(),
  freeze: freezeMode
    .describe(
      'What a hold refuses to everybody: changing and deleting (refuse), deleting, nothing.',
    )
    .optional(),
  note: sentence('Why two record classes stand on one table.').optional(),
});

const condition = z.union(
  [
    scalar(),
    z
      .strictObject({
        in: z.array(scalar()).min(1).optional(),
        is: z
          .union([z.null(), z.literal('not null')], { error: 'must be null or not null' })
          .optional(),
        not: scalar().optional(),
      })
      .superRefine(exactlyOne('in', 'is', 'not')),
  ],
  { error: 'must be a value, { in: [...] }, { not: ... }, { is: null } or { is: not null }' },
);

const triggerShape = z
  .strictObject({
    event: sentence('What starts the clock, in words: contract closed.'),
    column: columnName().describe('A column of the record itself.').optional(),
    latest: partColumn().describe('The last of its parts, none still open.').optional(),
    earliest: partColumn().describe('The first of its parts, none still open.').optional(),
    zone: z
      .string()
      .describe('Zone in which a timestamp column without a zone was recorded.')
      .optional(),
  })
  .superRefine(exactlyOne('column', 'latest', 'earliest'));

const governed = {
  applies_to: id,
  where: mapping(columnName(), condition).describe('Which records, when not all.').optional(),
};
const accountable = {
  authority: sentence('The law or decision the rule rests on.'),
  owner: sentence('Who answers for the rule.'),
};
const because = sentence('The justification.');

const timedRule = z
  .strictObject({
    ...governed,
    trigger: triggerShape,
    cutoff: id.describe('Calendar whose period end the period counts from.').optional(),
    keep: z.strictObject({
      at_least: period('one unit').describe(
        'Kept this long: P6Y, P18M, P2W, P30D; P0D is at once.',
      ),
      at_most: period('years and months').describe('Overdue after this; alarms only.').optional(),
    }),
    at_once: z.literal(true).describe('Says that P0D is meant.').optional(),
    then: z.enum(['delete', 'reduce', 'anonymise']),
    to: columns.describe('What a reduction keeps, beside the key.').optional(),
    columns: mapping(
      columnName(),
      z.union([z.null(), z.strictObject({ constant: scalar() })], {
        error: 'must be null or { constant: ... }',
      }),
    )
      .describe('What an anonymisation writes: null or { constant: ... }.')
      .optional(),
    ...accountable,
  })
  .superRefine((rule, context) => {
    belongsTo(context, rule.then, 'reduce', 'to', rule.to);
    belongsTo(context, rule.then, 'anonymise', 'columns', rule.columns);
  });

const permanentRule = z.strictObject({
  ...governed,
  keep: z.literal('indefinitely'),
  because,
  review_every: period('not zero').describe('How often the justification is looked at again.'),
  ...accountable,
});

const undecidedRule = z.strictObject({
  ...governed,
  status: z.literal('undecided'),
  because,
  authority: accountable.authority.optional(),
  owner: accountable.owner.optional(),
});

const ruleShape = z.union([timedRule, permanentRule, undecidedRule]);

const testShape = z.strictObject({
  rule: id,
  triggered_on: instantOrDay(),
  destroyable_from: instantText(),
});

/** The whole file. */
export const scheduleShape = z.strictObject({
  format: z.literal('retain/1'),
  organisation: sentence('Whose schedule this is.'),
  timezone: z.string().describe('IANA zone in which days are counted: Europe/London.'),
  calendars: mapping(id, calendarShape).optional(),
  stores: mapping(id, storeShape, 'at least one'),
  record_classes: mapping(id, classShape, 'at least one'),
  rules: mapping(id, ruleShape, 'at least one'),
  tests: z.array(testShape).optional(),
});

/** The shapes of single entries: one broken rule must not hide what is wrong with the next. */
export const entryShapes = {
  calendars: calendarShape,
  stores: storeShape,
  record_classes: classShape,
  rules: ruleShape,
} as const;

export {
  calendarShape,
  classShape,
  permanentRule,
  testShape,
  timedRule,
  triggerShape,
  undecidedRule,
};

export type ScheduleText = z.infer<typeof scheduleShape>;
export type CalendarText = z.infer<typeof calendarShape>;
export type StoreText = z.infer<typeof storeShape>;
export type ClassText = z.infer<typeof classShape>;
export type RuleText = z.infer<typeof ruleShape>;
export type TimedRuleText = z.infer<typeof timedRule>;
export type TriggerText = z.infer<typeof triggerShape>;
export type ConditionText = z.infer<typeof condition>;

/** The branch of `ruleShape` a mapping was meant to be, seen by its keys. */
export function ruleBranch(value: object): 0 | 1 | 2 {
  if ('status' in value) return 2;
  if ('trigger' in value || 'then' in value) return 0;
  const { keep } = value as { keep?: unknown };
  if (typeof keep === 'string' || 'review_every' in value) return 1;
  return keep === undefined ? 2 : 0;
}
