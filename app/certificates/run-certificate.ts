/** The certificate of one run: everything it destroyed, without a single key. */
import type { RunEntry } from '../../db/client.ts';
import { RetentionError } from '../../domain/errors.ts';
import type { PlanDocument } from '../../domain/plan.ts';
import { CERTIFICATE_BYTES_MAX, type RunCertificate } from '../../ledger/certificate/format.ts';
import { RUN_LIMITS } from '../../ledger/certificate/limits.ts';
import type { RunReport } from '../../ledger/certificate/report.ts';
import { type StatementOf, signerName } from '../../ledger/statements.ts';
import { type StoreConnection, storeClock } from '../../stores/postgres/connection.ts';
import { asStore } from '../../stores/postgres/driver-error.ts';
import { type Retain, runNamed } from '../context.ts';
import { planDocument } from '../orchestrate.ts';
import { type RunState, runStates } from '../run-state.ts';
import { type Desk, withDesk } from './desk.ts';
import {
  entriesOfKeys,
  entriesOfRun,
  type PlacedEntry,
  pending,
  placed,
  requireEntry,
} from './entries.ts';
import { type Issued, issueRun, openedName } from './issue.ts';
import { prover } from './proofs.ts';
import { backupsExpireOn, methodWords, ruleWords, stepOf } from './words.ts';

/**
 * The certificate of a closed run, named by its id or the beginning of it. Throws `CERTIFICATE_NOTHING` for
 * a run that destroyed nothing, `CERTIFICATE_PENDING` while it is open or not all of it is under a signed
 * checkpoint, `CERTIFICATE_TOO_LARGE`, `LEDGER_KEY_MISSING`, `PLAN_UNKNOWN`.
 */
export function runCertificate(retain: Retain, name: string): Promise<Issued<RunReport>> {
  return withDesk(retain, async (desk) => {
    const entry = await runNamed(retain, name);
    const connection = await desk.connection(entry.store);
    const state = (await runStates(connection, [entry.runId])).get(entry.runId);
    const people = requireClosed(entry, state);
    const headers = await headersOf(desk, connection, entry.runId);
    return certify(desk, connection, entry.runId, headers, people);
  });
}

interface RunPeople {
  readonly requestedBy: string;
  readonly decidedBy: string;
  readonly openedBy: string;
}

function requireClosed({ runId: run }: RunEntry, state: RunState | undefined): RunPeople {
  if (state === undefined) {
    throw new RetentionError('PLAN_UNKNOWN', 'There is no such plan in this store.', { run });
  }
  const { requestedBy, decidedBy, openedBy, closedAt } = state;
  if (decidedBy === null || openedBy === null) {
    throw new RetentionError(
      'CERTIFICATE_NOTHING',
      'This plan was never carried out: there is nothing to certify.',
      { run, status: state.status },
    );
  }
  if (closedAt === null) throw pending('The run is still open.');
  return { requestedBy, decidedBy, openedBy };
}

/** Header entries of the run, by step, lane and place in the lane. */
async function headersOf(
  { retain }: Desk,
  { sql, store }: StoreConnection,
  run: string,
): Promise<PlacedEntry[]> {
  const rows = await asStore(
    store,
    () => sql<{ batch: string; header: Buffer | null }[]>`
    select b.batch_id as batch, s.header
      from retain_guard.batch b left join retain_guard.batch_sealed s using (batch_id)
     where b.run_id = ${run} order by b.step_no, b.lane_no, b.seq`,
  );
  if (rows.length === 0) {
    throw new RetentionError(
      'CERTIFICATE_NOTHING',
      'This run destroyed nothing: there is nothing to certify.',
      { run },
    );
  }
  const indexes = await retain.control.ledger.indexesOf(rows.map(({ batch }) => batch));
  let bytes = 0;
  return rows.map(({ batch, header }) => {
    const index = indexes.get(batch);
    if (header === null || index === undefined) {
      throw pending('A batch of the run is not in the ledger yet.');
    }
    // Base64 takes four characters for three bytes.
    bytes += (header.length * 4) / 3;
    if (bytes < CERTIFICATE_BYTES_MAX * 0.9) return placed(index, header);
    throw new RetentionError(
      'CERTIFICATE_TOO_LARGE',
      `The run has ${rows.length} batches, more than one certificate can hold. Hand out the published log, or certificates of single records.`,
      { run, batches: rows.length },
    );
  });
}

async function certify(
  desk: Desk,
  connection: StoreConnection,
  run: string,
  headers: readonly PlacedEntry[],
  people: RunPeople,
): Promise<Issued<RunReport>> {
  const { retain } = desk;
  const { ledger } = retain.control;
  const told = await entriesOfRun(ledger, connection, run);
  const plan = requireEntry(told, 'plan');
  const approval = requireEntry(told, 'approval');
  const open = requireEntry(told, 'run.open');
  const close = requireEntry(told, 'run.close');
  const [worker, names] = await Promise.all([
    retain.ledgerKeys.worker(),
    retain.ledgerKeys.names(),
  ]);
  const signers = [plan, approval, open, close, ...headers].map(({ statement }) =>
    signerName(statement),
  );
  const keys = await entriesOfKeys(ledger, [...new Set([...signers, worker.name])]);
  const last = Math.max(close.index, ...keys.map(({ index }) => index));
  const prove = await prover(ledger, desk.readSealed, last);
  const document = await planDocument(connection, run);
  const unsigned = {
    kind: 'run' as const,
    run,
    plan: await prove(plan),
    approval: await prove(approval),
    open: await prove(open),
    close: await prove(close),
    batch_header_entries: headers.map(({ bytes }) => bytes.toString('base64')),
    keys: await Promise.all(keys.map(prove)),
    people: {
      requested_by: openedName(names, people.requestedBy),
      decided_by: openedName(names, people.decidedBy),
      opened_by: openedName(names, people.openedBy),
    },
    tsr: null,
    words: await wordsOf(desk, document, headers, {
      issuedAt: await storeClock(connection),
      ...people,
    }),
  };
  names.fill(0);
  return issueRun(ledger, unsigned, worker);
}

async function wordsOf(
  { retain, inForce }: Desk,
  document: PlanDocument,
  entries: readonly PlacedEntry[],
  { issuedAt, ...people }: RunPeople & { readonly issuedAt: string },
): Promise<RunCertificate['words']> {
  const headers = entries.flatMap(({ statement }) => (statement.kind === 'batch' ? statement : []));
  const steps = [...new Set(headers.map(({ step }) => step))].map((no) => stepOf(document, no));
  const executedAt =
    headers
      .map(({ executed_at }) => executed_at)
      .sort()
      .at(-1) ?? '';
  const distinct = <T>(of: (header: StatementOf<'batch'>) => T): T[] => [
    ...new Set(headers.map(of)),
  ];
  return {
    organisation: document.organisation,
    issued_at: issuedAt,
    time_zone: document.timezone,
    classes: Object.fromEntries(steps.map(({ recordClass, title }) => [recordClass, title])),
    rules: steps.map((step) => ruleWords(document, step)),
    backups_expire_on: await backupsExpireOn(retain, inForce, document, executedAt),
    method: methodWords(document, {
      actions: distinct(({ action }) => action),
      tables: distinct(({ table }) => table),
      workers: distinct(({ worker }) => worker),
      executedAt,
      ...people,
    }),
    does_not_prove: RUN_LIMITS,
  };
}
