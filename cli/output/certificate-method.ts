/** How it was destroyed, in words that people of the trade know: the sample certificate of NIST SP 800-88. */
import type { CertificateReport, StepFacts } from '../../ledger/certificate/report.ts';
import type { Facts, Row } from './certificate-words.ts';
import { dayOfInstant } from './times.ts';

const MEDIUM = 'this is not Clear, Purge or Destroy of a medium in the sense of NIST SP 800-88';

const SANITISATION: Readonly<Record<StepFacts['action'], string>> = {
  delete: `Rows were deleted by SQL in committed transactions, a logical deletion; ${MEDIUM}.`,
  anonymise: `Columns were overwritten by SQL in committed transactions, the row remains; ${MEDIUM}.`,
  reduce: `Parts were deleted and columns blanked by SQL in committed transactions, the row remains; ${MEDIUM}.`,
};

/** What the log has of it. */
interface Done {
  readonly of: readonly Pick<StepFacts, 'action' | 'table'>[];
  readonly workers: readonly string[];
  readonly store: string;
  /** Days in UTC. */
  readonly days: readonly string[];
}

/** Tables, actions, keys, people and days are those of the log; the name of the database is the organisation's. */
export function methodRows(facts: Facts, { words }: CertificateReport['certificate']): Row[] {
  const { of, workers, store, days } = doneBy(facts);
  const { requestedBy, decidedBy } = facts.people;
  const distinct = (values: readonly string[]): string[] => [...new Set(values)];
  const tables = distinct(of.map(({ table }) => table)).join(', ');
  return [
    [
      'Media',
      `Rows of ${tables} with their parts, in a PostgreSQL database; no storage medium was handled.`,
    ],
    ['Method', distinct(of.map(({ action }) => SANITISATION[action])).join(' ')],
    ['Tool', `Retain, signing with ${workers.join(', ')}.`],
    [
      'Verification',
      'The database counted the rows in the transaction that destroyed them; the ledger entries were recomputed before they were signed. No medium was read.',
    ],
    [
      'Person',
      `Carried out by the program; requested by ${requestedBy}, approved by ${decidedBy}.`,
    ],
    ['Date', `${distinct(days).join(' to ')} (UTC)`],
    [
      'Location',
      `Store ${store}, database ${words.database}. Where its machines stand is not recorded.`,
    ],
  ];
}

function doneBy(facts: Facts): Done {
  const day = (at: string): string => dayOfInstant(at, 'UTC');
  if (facts.kind === 'record') {
    const { header } = facts;
    const { worker, store, executed_at } = header;
    return { of: [header], workers: [worker], store, days: [day(executed_at)] };
  }
  const { steps, workers, executed, plan } = facts;
  const store = plan.statement.source.replace(/^store:/, '');
  const days = executed === undefined ? [] : [day(executed.first), day(executed.last)];
  return { of: steps.filter(({ batches }) => batches > 0), workers, store, days };
}
