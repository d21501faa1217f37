/** A schedule for one small schema, written as JSON (which is YAML), so that a test says only what it is about. */

type Entries = Readonly<Record<string, unknown>>;

export interface SmallSchedule {
  readonly classes: Readonly<Record<string, Entries>>;
  readonly rules: Readonly<Record<string, Entries>>;
  readonly timezone?: string;
  readonly calendars?: Entries;
  readonly epochKeysKeptFor?: string;
}

export function scheduleText(schedule: SmallSchedule): string {
  const { classes, rules, timezone, calendars, epochKeysKeptFor: kept } = schedule;
  const titled = ([id, entry]: [string, Entries]) => [
    id,
    { title: `Class ${id}`, store: 'records', key: ['id'], ...entry },
  ];
  const owned = ([id, entry]: [string, Entries]) => [
    id,
    { authority: 'a test', owner: 'owner@example.org', ...entry },
  ];
  return JSON.stringify({
    format: 'retain/1',
    organisation: 'Small Test',
    timezone: timezone ?? 'Europe/London',
    ...(calendars ? { calendars } : {}),
    stores: {
      records: {
        ...{ kind: 'postgres', connection: 'env:TEST_STORE_URL', backups_kept_for: 'P35D' },
        ...(kept === undefined ? {} : { epoch_keys_kept_for: kept }),
      },
    },
    record_classes: Object.fromEntries(Object.entries(classes).map(titled)),
    rules: Object.fromEntries(Object.entries(rules).map(owned)),
  });
}

/** Deletes records of `recordClass` six years after a column. */
export function deleteAfter(recordClass: string, column: string, extra: Entries = {}): Entries {
  return timed(recordClass, { event: 'closed', column }, 'delete', extra);
}

/** Deletes records six years after the latest of a part's column. */
export function deleteAfterLatest(recordClass: string, part: string, extra: Entries = {}): Entries {
  return timed(recordClass, { event: 'closed', latest: part }, 'delete', extra);
}

export function timed(
  recordClass: string,
  trigger: Entries,
  then: string,
  extra: Entries = {},
): Entries {
  return { applies_to: recordClass, trigger, keep: { at_least: 'P6Y' }, then, ...extra };
}

/** A table `name` with an id and a closing day, and the index a trigger needs. */
export function closingTable(name: string, columns = ''): string {
  return `create table ${name} (id integer primary key, closed_on date${columns ? `, ${columns}` : ''});
    create index on ${name} (closed_on);`;
}

/** A table `name` with a reference to `parent`, and the index a part needs. */
export function partTable(name: string, parent: string, columns = ''): string {
  return `create table ${name} (id integer primary key, ${parent}_id integer references ${parent}${columns ? `, ${columns}` : ''});
    create index on ${name} (${parent}_id);`;
}
