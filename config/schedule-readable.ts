/** What of a file can be understood although other parts of it cannot. */

import type { z } from 'zod';
import type { RecordClass, RetentionRule, StoreDefinition } from '../domain/schedule.ts';
import { buildClass, buildRule, buildStore } from './schedule-build.ts';
import { entryShapes, testShape } from './schedule-shape.ts';

/** The readable entries of a file, and every name it declares. */
export interface ReadableSchedule {
  readonly timezone: string | undefined;
  readonly stores: readonly StoreDefinition[];
  readonly classes: readonly RecordClass[];
  /** Classes whose `note` says why their table is shared. */
  readonly noted: ReadonlySet<string>;
  readonly rules: readonly RetentionRule[];
  /** Rules with `at_once: true`. */
  readonly atOnce: ReadonlySet<string>;
  readonly tests: readonly { readonly index: number; readonly rule: string }[];
  readonly names: Readonly<Record<'stores' | 'calendars' | 'classes' | 'rules', readonly string[]>>;
}

/** The entries of `value` that have the right shape, and the names of all of them. */
export function readable(value: unknown): ReadableSchedule {
  const file = asMapping(value);
  const classes = entries(file['record_classes'], entryShapes.record_classes);
  const rules = entries(file['rules'], entryShapes.rules);
  const { timezone } = file;
  return {
    timezone: typeof timezone === 'string' ? timezone : undefined,
    stores: entries(file['stores'], entryShapes.stores).map(([id, text]) => buildStore(id, text)),
    classes: classes.map(([id, text]) => buildClass(id, text)),
    noted: new Set(classes.filter(([, text]) => text.note !== undefined).map(([id]) => id)),
    rules: rules.map(([id, text]) => buildRule(id, text)),
    atOnce: new Set(rules.filter(([, text]) => 'at_once' in text).map(([id]) => id)),
    tests: asList(file['tests']).flatMap((entry, index) => {
      const test = testShape.safeParse(entry);
      return test.success ? [{ index, rule: test.data.rule }] : [];
    }),
    names: {
      stores: Object.keys(asMapping(file['stores'])),
      calendars: Object.keys(asMapping(file['calendars'])),
      classes: Object.keys(asMapping(file['record_classes'])),
      rules: Object.keys(asMapping(file['rules'])),
    },
  };
}

/** True when two classes stand on one table: their rules then meet on the same records. */
export function sameTable(a: RecordClass, b: RecordClass): boolean {
  return a.store === b.store && a.table.schema === b.table.schema && a.table.name === b.table.name;
}

function entries<Shape extends z.ZodType>(
  value: unknown,
  shape: Shape,
): [string, z.infer<Shape>][] {
  return Object.entries(asMapping(value)).flatMap(([id, entry]) => {
    const read = shape.safeParse(entry);
    return read.success ? [[id, read.data] as [string, z.infer<Shape>]] : [];
  });
}

function asMapping(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
