/** The options of the commands, as commander hands them over. */
import type { CommonOptions } from './shell.ts';

export interface PlaceOptions extends CommonOptions {
  readonly as?: string;
  readonly matter: string;
  readonly openMatter?: string;
  readonly key?: string[];
  readonly subject?: string[];
  readonly reason: string;
  readonly because: string;
  readonly review: string;
}

export interface SearchOptions extends CommonOptions {
  readonly store?: string;
  readonly class?: string;
  readonly rule?: string;
  readonly run?: string;
  readonly since?: string;
  readonly until?: string;
  readonly action?: 'delete' | 'anonymise' | 'reduce';
  readonly limit: string;
  readonly cursor?: string;
  readonly format?: 'table' | 'json' | 'csv';
}

export interface ExportOptions extends CommonOptions {
  readonly to: string;
  readonly extract?: 'csv' | 'jsonl';
  readonly class?: string;
  readonly from?: string;
  readonly toDate?: string;
}

export interface VerifyOptions extends CommonOptions {
  readonly dir?: string;
  readonly url?: string;
  readonly policy: string;
  readonly since?: string;
  readonly maxAge?: string;
  /** The log that is meant, when the policy trusts several. */
  readonly origin?: string;
  readonly sample?: string;
  /** False for `--no-save`. */
  readonly save: boolean;
  readonly database?: boolean;
}

export interface WitnessOptions extends CommonOptions {
  readonly dir: string;
  readonly name: string;
  readonly policy: string;
  readonly port: string;
  readonly host: string;
}

export interface RecoverOptions extends CommonOptions {
  readonly dir: string;
  readonly lostHold?: readonly string[];
}

export interface CertOptions extends CommonOptions {
  readonly out?: string;
  readonly pdf?: string;
}

export interface RecordCertOptions extends CertOptions {
  readonly entry?: string;
}

export interface CertVerifyOptions extends CommonOptions {
  readonly policy: string;
}

export interface PlanOptions extends CommonOptions {
  readonly as?: string;
  readonly store?: string;
  readonly asOf?: string;
  readonly rule?: string[];
  readonly lanes?: string;
}

export interface DecideOptions extends CommonOptions {
  readonly as?: string;
  readonly confirm?: string;
  readonly yes?: boolean;
}

export interface ControlOptions extends CommonOptions {
  readonly as?: string;
  readonly because: string;
}

export interface InstallOptions extends CommonOptions {
  readonly as?: string;
  readonly allowShorter?: string[];
}

export interface WhenOptions extends CommonOptions {
  readonly trigger: string;
  readonly file?: string;
}

export interface StoreOptions extends CommonOptions {
  readonly file?: string;
  readonly yes?: boolean;
}

export interface WorkerOptions extends CommonOptions {
  readonly queue: 'both' | 'orchestrate' | 'dispose';
  readonly slots: string;
}
