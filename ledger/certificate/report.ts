/** What the check of a certificate answers. */
import type { TreeHead } from '../checkpoint.ts';
import type { StatementOf } from '../statements.ts';
import type { CertificateFinding } from './findings.ts';
import type { RecordCertificate, RunCertificate } from './format.ts';

/** A checkpoint whose signatures were found good and enough for the policy. */
export interface VerifiedHead extends TreeHead {
  /** Vkeys of the log that the policy knows and that signed it. */
  readonly logKeys: readonly string[];
  /** Witnesses of the policy that cosigned, each with the time by its own clock. */
  readonly witnesses: readonly { readonly name: string; readonly unixSeconds: number }[];
}

/** A statement and where it stands in the log. */
export interface Placed<S> {
  readonly index: number;
  readonly statement: S;
}

/** Who asked and who approved; each name opens the reference in the log. */
export interface People {
  readonly requestedBy: string;
  readonly decidedBy: string;
}

interface CommonFacts {
  readonly head: VerifiedHead;
  readonly approval: Placed<StatementOf<'approval'>>;
  readonly people: People;
}

/** What the log proves of one record. */
export interface RecordFacts extends CommonFacts {
  readonly kind: 'record';
  /** Of the record's entry. */
  readonly index: number;
  readonly key: readonly string[];
  readonly header: StatementOf<'batch'>;
  /** Of the header's entry, hex. */
  readonly headerSha256: string;
}

/** What the log proves of one step of a run. */
export interface StepFacts {
  readonly step: number;
  readonly recordClass: string;
  readonly rule: string;
  readonly action: 'delete' | 'anonymise' | 'reduce';
  readonly table: string;
  /** What the approved plan counted. */
  readonly planned: number;
  readonly batches: number;
  readonly records: number;
}

/** What the log proves of one run. */
export interface RunFacts extends CommonFacts {
  readonly kind: 'run';
  readonly openedBy: string;
  readonly plan: Placed<StatementOf<'plan'>>;
  readonly open: Placed<StatementOf<'run.open'>>;
  readonly close: Placed<StatementOf<'run.close'>>;
  readonly steps: readonly StepFacts[];
  /** Names of the keys that signed its batches. */
  readonly workers: readonly string[];
  /** When the first and the last batch were executed; undefined for a run that destroyed nothing. */
  readonly executed: { readonly first: string; readonly last: string } | undefined;
}

interface Checked<C, F> {
  /** What the file says; `words` in it are the organisation's. */
  readonly certificate: C;
  /** SHA-256 of the file, hex. */
  readonly sha256: string;
  /** Empty exactly when everything is as it must be, and then `facts` are proven. */
  readonly findings: readonly CertificateFinding[];
  readonly facts: F | undefined;
  /**
   * When the checkpoint was there, as its timestamp says (RFC 3339 UTC). Proven only to whoever has
   * checked the signature of the authority; undefined without a timestamp that is about it.
   */
  readonly timestamp: string | undefined;
  /** What a reader should know although it is no fault, one sentence each. */
  readonly remarks: readonly string[];
}

export type RecordReport = Checked<RecordCertificate, RecordFacts> & { readonly kind: 'record' };
export type RunReport = Checked<RunCertificate, RunFacts> & { readonly kind: 'run' };
export type CertificateReport = RecordReport | RunReport;
