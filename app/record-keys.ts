/**
 * Keys and subjects as people type them, brought into the one text form that PostgreSQL gives them:
 * ` 007` and `7` are the same bigint. Never repeats a key in an error.
 */
import { RetentionError } from '../domain/errors.ts';
import type { RecordClass, RetentionSchedule } from '../domain/schedule.ts';
import { didYouMean } from '../domain/suggest.ts';
import type { Aggregate } from '../stores/postgres/aggregate.ts';
import type { CatalogueColumn } from '../stores/postgres/catalogue.ts';
import type { StoreConnection } from '../stores/postgres/connection.ts';
import { asStore } from '../stores/postgres/driver-error.ts';
import type { ResolvedStore } from '../stores/postgres/reality.ts';
import type { StoreView } from './store-views.ts';

/** A record class of the schedule; `RECORD_CLASS_UNKNOWN` with a guess. */
export function recordClassNamed(schedule: RetentionSchedule, name: string): RecordClass {
  const classes = schedule.recordClasses;
  const found = Object.hasOwn(classes, name) ? classes[name] : undefined;
  if (found) return found;
  const names = Object.keys(classes);
  // What is not spelt like a class may be a key that slipped into its place.
  const shown = /^[a-z][a-z_]*$/.test(name) ? ` ${name}` : ' of that name';
  throw new RetentionError(
    'RECORD_CLASS_UNKNOWN',
    `There is no record class${shown} in the schedule.${didYouMean(name, names)} Record classes: ${names.join(', ')}.`,
  );
}

/** The class matched with its live table; `SCHEMA_DRIFT` when it does not fit. */
export function aggregateOf(resolved: ResolvedStore, recordClass: RecordClass): Aggregate {
  const aggregate = resolved.aggregates.get(recordClass.id);
  if (aggregate) return aggregate;
  throw new RetentionError(
    'SCHEMA_DRIFT',
    `Record class ${recordClass.id} does not fit its table any more. Run: retain schedule validate`,
    { recordClass: recordClass.id },
  );
}

/** The key as the database writes it. Throws `KEY_INVALID` for a wrong number, a blank or a wrong type. */
export async function canonicalKey(
  connection: StoreConnection,
  aggregate: Aggregate,
  values: readonly string[],
): Promise<string[]> {
  const { recordClass, key } = aggregate;
  if (values.length !== key.length) {
    const columns = key.map(({ name }) => name).join(', ');
    throw new RetentionError(
      'KEY_INVALID',
      `A key of ${recordClass.id} has ${key.length === 1 ? 'one value' : `${key.length} values`} (${columns}); ${values.length} ${values.length === 1 ? 'was' : 'were'} given.`,
      { recordClass: recordClass.id, given: values.length, needed: key.length },
    );
  }
  const canonical: string[] = [];
  for (const [index, column] of key.entries()) {
    const text = await castText(connection, values[index] ?? '', column);
    if (text === undefined) {
      throw new RetentionError(
        'KEY_INVALID',
        `What was given for key column ${column.name} of ${recordClass.id} is not a value of type ${column.type}.`,
        { recordClass: recordClass.id, column: column.name, type: column.type },
      );
    }
    canonical.push(text);
  }
  return canonical;
}

/**
 * Every text under which the subject may stand in a column of its kind: columns of different types
 * write one id differently. Throws `KEY_INVALID` when no column of the kind can hold such an id. Where
 * a table no longer fits the schedule, the id as given is covered too: a hold must not be lost to that.
 */
export async function canonicalSubject(
  { connection, resolved, schedule }: StoreView,
  kind: string,
  id: string,
): Promise<string[]> {
  const columns = subjectColumns(resolved, kind);
  const texts = new Set<string>();
  for (const { column } of columns) {
    const text = await castText(connection, id, column);
    if (text !== undefined) texts.add(text);
  }
  const named = Object.values(schedule.recordClasses)
    .filter(({ store }) => store === connection.store)
    .flatMap(({ subjects }) => (Object.hasOwn(subjects, kind) ? (subjects[kind] ?? []) : []));
  if (columns.length < named.length && id.trim() !== '') texts.add(id.trim());
  if (texts.size > 0 || named.length === 0) return [...texts];
  throw new RetentionError(
    'KEY_INVALID',
    `What was given is not an id that a subject of kind ${kind} can have.`,
    { kind },
  );
}

/** Columns that hold subjects of this kind, with their class. */
export function subjectColumns(
  resolved: ResolvedStore,
  kind: string,
): { aggregate: Aggregate; column: CatalogueColumn }[] {
  return [...resolved.aggregates.values()].flatMap((aggregate) => {
    const { subjects } = aggregate.recordClass;
    const names = Object.hasOwn(subjects, kind) ? (subjects[kind] ?? []) : [];
    return names.flatMap((name) => {
      const column = aggregate.root.columns.get(name);
      return column ? [{ aggregate, column }] : [];
    });
  });
}

/** Kinds of subject that any class of the schedule names. */
export function subjectKinds(schedule: RetentionSchedule): string[] {
  const classes = Object.values(schedule.recordClasses);
  return [...new Set(classes.flatMap(({ subjects }) => Object.keys(subjects)))];
}

/** Undefined when the text is blank or no value of the column's type. */
export async function castText(
  connection: StoreConnection,
  value: string,
  column: CatalogueColumn,
): Promise<string | undefined> {
  if (value.trim() === '') return undefined;
  return asStore(connection.store, async () => {
    try {
      const statement = `select ($1::text)::${column.type}::text as canonical`;
      const [row] = await connection.sql.unsafe<{ canonical: string }[]>(statement, [value]);
      return row?.canonical;
    } catch (error) {
      // Class 22: data exception. Anything else is not about the value.
      if (/^22/.test(String((error as { code?: unknown }).code))) return undefined;
      throw error;
    }
  });
}

/** The columns of a key text that `keyTextOf` made: the text itself, or frames of `bytes:value`. */
export function keyColumnsOf(text: string, columns: number): string[] {
  if (columns === 1) return [text];
  const bytes = Buffer.from(text, 'utf8');
  const values: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const colon = bytes.indexOf(0x3a, at);
    const length = Number(bytes.toString('latin1', at, colon));
    values.push(bytes.toString('utf8', colon + 1, colon + 1 + length));
    at = colon + 1 + length;
  }
  return values;
}
