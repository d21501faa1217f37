/**
 * The retention schedule as the rest of Retain sees it: parsed, checked, immutable.
 *
 * `config/` turns the YAML file into this shape and refuses everything that is blank, unknown or
 * ambiguous; nothing here has a default that could destroy.
 */

/**
 * A whole, positive calendar period: exactly one unit, never a time part. `at_most` may be written
 * with years and months (`P6Y3M`); it is then 75 months here, and `iso` keeps what was written.
 */
export interface RetentionPeriod {
  /** As written in the file, for example `P6Y`. */
  readonly iso: string;
  readonly unit: 'years' | 'months' | 'weeks' | 'days';
  /** Whole number, 0 only for `P0D` (at once). */
  readonly count: number;
}

/** Where periods end when a rule counts from a period end, e.g. a financial year ending 31 March. */
export type CutoffCalendar =
  | { readonly kind: 'year'; readonly month: number; readonly day: number | 'last' }
  | { readonly kind: 'month' };

export interface StoreDefinition {
  readonly id: string;
  readonly kind: 'postgres';
  /** Name of the environment variable that holds the connection URL. */
  readonly connectionEnv: string;
  readonly backupsKeptFor: RetentionPeriod;
  /** Absent: epoch keys of its record classes are kept until an administrator destroys them. */
  readonly epochKeysKeptFor?: RetentionPeriod;
}

export interface QualifiedTable {
  readonly schema: string;
  readonly name: string;
}

/**
 * What happens to the rows behind a foreign key that points at the class (or at a part of it):
 * `owned` go too, `detached` have the key set to null, `blocking` ones postpone disposal.
 */
export type ReferenceRole = 'owned' | 'detached' | 'blocking';

/**
 * What a hold refuses to everybody on the rows of a table: changing and deleting, deleting only (the
 * business goes on editing), or nothing, so that only disposal itself keeps to the hold.
 */
export type FreezeMode = 'refuse' | 'refuse-delete-only' | 'off';

export interface RecordClass {
  readonly id: string;
  readonly title: string;
  readonly store: string;
  readonly table: QualifiedTable;
  /** Columns of the record key, in order; unique and not null. */
  readonly key: readonly string[];
  /**
   * Whom the record is about: kind of subject -> columns holding that subject's id. Subjects of one
   * kind share one id space across all classes. A plain list in the file means the kind `person`.
   */
  readonly subjects: Readonly<Record<string, readonly string[]>>;
  /**
   * Every foreign key that points at the table or at a part owned through it, by constraint name,
   * or by `table.constraint` where two tables share a constraint name.
   */
  readonly references: Readonly<Record<string, ReferenceRole>>;
  /** Of the class's own table and of every owned part that does not say otherwise. */
  readonly freeze: FreezeMode;
  /** Of the parts behind an owned reference, by its name in `references`. */
  readonly partFreeze: Readonly<Record<string, FreezeMode>>;
}

export type Scalar = string | number | boolean;

/** One condition of `where:`. Data, never SQL: values are bound, columns are matched with the catalogue. */
export type Condition =
  | { readonly column: string; readonly op: 'equals'; readonly value: Scalar }
  | { readonly column: string; readonly op: 'not'; readonly value: Scalar }
  | { readonly column: string; readonly op: 'in'; readonly values: readonly Scalar[] }
  | { readonly column: string; readonly op: 'is_null' }
  | { readonly column: string; readonly op: 'is_not_null' };

/**
 * What starts the clock. `column` is a column of the record itself. `latest`/`earliest` look at a
 * column of an owned part: a part whose column is null is still open, and an open part, like no part
 * at all, means there is no trigger yet and the record stays.
 */
export type Trigger =
  | {
      readonly kind: 'column';
      readonly event: string;
      readonly column: string;
      /** Required for `timestamp` columns without a zone, refused for the others. */
      readonly zone?: string;
    }
  | {
      readonly kind: 'latest' | 'earliest';
      readonly event: string;
      /** Table of the owned part, `contract` or `public.contract`; `splitQualified` reads it. */
      readonly part: string;
      readonly column: string;
      readonly zone?: string;
    };

export type Anonymisation = 'null' | { readonly constant: Scalar };

export type Disposition =
  | { readonly kind: 'delete' }
  | { readonly kind: 'anonymise'; readonly columns: Readonly<Record<string, Anonymisation>> }
  /** Parts go, all columns but these (and the key) become null; the person stays named. */
  | { readonly kind: 'reduce'; readonly to: readonly string[] };

interface RuleCommon {
  readonly id: string;
  readonly appliesTo: string;
  readonly where: readonly Condition[];
  /** Empty only on an undecided rule. */
  readonly authority: string;
  /** Empty only on an undecided rule. */
  readonly owner: string;
}

/** A rule that runs. */
export interface TimedRule extends RuleCommon {
  readonly kind: 'timed';
  readonly trigger: Trigger;
  /** Name of a calendar of the schedule; absent: the period counts from the trigger's own day. */
  readonly cutoff?: string;
  readonly keep: { readonly atLeast: RetentionPeriod; readonly atMost?: RetentionPeriod };
  readonly then: Disposition;
}

/** Kept for ever, with a justification and a review. */
export interface PermanentRule extends RuleCommon {
  readonly kind: 'permanent';
  readonly because: string;
  readonly reviewEvery: RetentionPeriod;
}

/** Trigger or period not decided yet: listed everywhere, never runs. */
export interface UndecidedRule extends RuleCommon {
  readonly kind: 'undecided';
  readonly because: string;
}

export type RetentionRule = TimedRule | PermanentRule | UndecidedRule;

/** A worked example in the file itself; checked at every validation. */
export interface ScheduleTest {
  readonly rule: string;
  /** Calendar day or RFC 3339 instant. */
  readonly triggeredOn: string;
  /** RFC 3339 instant in UTC. */
  readonly destroyableFrom: string;
}

export interface RetentionSchedule {
  readonly format: 'retain/1';
  readonly organisation: string;
  /** IANA zone in which days are counted. */
  readonly timezone: string;
  readonly calendars: Readonly<Record<string, CutoffCalendar>>;
  readonly stores: Readonly<Record<string, StoreDefinition>>;
  readonly recordClasses: Readonly<Record<string, RecordClass>>;
  readonly rules: Readonly<Record<string, RetentionRule>>;
  readonly tests: readonly ScheduleTest[];
}

/**
 * The order in which stages of one class act. A record due for two stages takes the later one;
 * steps run in descending order so that a deletion never follows a pointless reduction.
 */
export const STAGE: Readonly<Record<Disposition['kind'], number>> = {
  reduce: 1,
  anonymise: 2,
  delete: 3,
};
