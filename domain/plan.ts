/**
 * The plan: what people approve, frozen. Its canonical JSON (RFC 8785) is hashed, the hash is what an
 * approval names, and the guard reads everything it decides by out of this very document.
 */

export type DispositionKind = 'delete' | 'anonymise' | 'reduce';

/** Counts of one step at plan time; `destroys` = due − held − blocked − changed. */
export interface StepCounts {
  readonly due: number;
  readonly held: number;
  readonly blocked: number;
  readonly changed: number;
  readonly destroys: number;
}

export interface PlanStep {
  readonly recordClass: string;
  readonly title: string;
  readonly rule: string;
  /** The rule in words: `6 years after contract closed`. */
  readonly ruleText: string;
  readonly authority: string;
  readonly action: DispositionKind;
  /** Quoted, qualified table names; the first is the root of the record class. */
  readonly tables: readonly string[];
  /** Everything with a trigger before this is due: civil day, instant, or local timestamp as text. */
  readonly boundary: string;
  readonly counts: StepCounts;
  /** Oldest and newest trigger among what the step would destroy, as text; null when there is none. */
  readonly oldestTrigger: string | null;
  readonly newestTrigger: string | null;
  /** First day on which the oldest due record could have gone. */
  readonly oldestDestroyableFrom: string | null;
  /** Days past `at_most` of the oldest due record, 0 when in time, null when the rule promises no maximum. */
  readonly overdueDays: number | null;
  /** Rows of owned and detached parts that go along, by table. */
  readonly parts: Readonly<Record<string, number>>;
  readonly schemaSha256: string;
  readonly statementsSha256: string;
  /** Set when the step works from a list of planned keys instead of a range. */
  readonly plannedKeysSha256: string | null;
}

/** What the digest covers. JSON-safe: strings, integers, booleans, null only. */
export interface PlanDocument {
  readonly format: 'retain-plan/1';
  readonly run: string;
  readonly organisation: string;
  readonly store: string;
  readonly database: string;
  readonly schedule: { readonly version: number; readonly sha256: string };
  readonly timezone: string;
  /** Version of the time zone database the boundaries were computed with. */
  readonly zoneDatabase: string;
  readonly asOf: string;
  readonly plannedAt: string;
  readonly expiresAt: string;
  readonly requestedBy: string;
  /** Snapshot mark of the counting statement (`pg_snapshot_xmin`), decimal. */
  readonly t0: string;
  /** Hold version the counting statement saw. */
  readonly holdVersion: number;
  /** What holds can name and the statements of this plan see: all classes and kinds of the store. */
  readonly reach: { readonly class: readonly string[]; readonly subject: readonly string[] };
  readonly steps: readonly PlanStep[];
  readonly notRun: readonly {
    readonly rule: string;
    readonly recordClass: string;
    readonly why: string;
  }[];
}

/** A plan as it is kept: the document with its digest (`sha256:<hex>`). */
export interface Plan {
  readonly document: PlanDocument;
  readonly digest: string;
}

/** How people name a plan: four characters of the run id, four of the digest. */
export function shortPlanId(run: string, digest: string): string {
  return `${run.slice(0, 4)}-${digest.replace('sha256:', '').slice(0, 4)}`;
}

export function totalDestroys(steps: readonly PlanStep[]): number {
  return steps.reduce((sum, step) => sum + step.counts.destroys, 0);
}
