/** The certificate of one run: everything it destroyed, without a single key. */
import { RetentionError } from '../../domain/errors.ts';
import { CERTIFICATE_BYTES_MAX } from '../../ledger/certificate/format.ts';
import { RUN_LIMITS } from '../../ledger/certificate/limits.ts';
import type { RunReport } from '../../ledger/certificate/report.ts';
import { type StatementOf, signerName } from '../../ledger/statements.ts';
import type { StoreConnection } from '../../stores/postgres/connection.ts';
import { asStore } from '../../stores/postgres/driver-error.ts';
import { type Retain, runNamed } from '../context.ts';
import { storeOf } from '../ledger/open-ledger.ts';
import { runStates } from '../run-state.ts';
import { type Desk, withDesk } from './desk.ts';
import {
  batchOf,
  type EntriesOfRun,
  entriesOfKeys,
  entriesOfRun,
  keyStatements,
  keysBefore,
  type PlacedEntry,
  pending,
  placed,
  requireEntry,
} from './entries.ts';
import { type Issued, issueRun } from './issue.ts';
import { peopleOf } from './people.ts';
import { prover } from './proofs.ts';
import { classTitle, commonWords, ruleWords, scheduleThen } from './words.ts';

interface Header {
  readonly bytes: Buffer;
  readonly batch: StatementOf<'batch'>;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The certificate of a closed run, named by its id or the beginning of it. Throws `CERTIFICATE_NOTHING` for
 * a run that destroyed nothing, `CERTIFICATE_PENDING` while it is open or not all of it is under a signed
 * checkpoint, `CERTIFICATE_TOO_LARGE`, `CERTIFICATE_NAME_LOST`, `LEDGER_KEY_MISSING`, `PLAN_UNKNOWN`.
 */
export function runCertificate(retain: Retain, name: string): Promise<Issued<RunReport>> {
  return withDesk(retain, async (desk) => {
    const { run, store } = await runAndStore(retain, name);
    const connection = await desk.connection(store);
    const told = await entriesOfRun(retain.control.ledger, store, run);
    await requireClosed(desk, connection, run, told);
    return certify(desk, connection, run, told);
  });
}

/** Restored databases may have forgotten a run that the ledger has. */
async function runAndStore(
  retain: Retain,
  name: string,
): Promise<{ readonly run: string; readonly store: string }> {
  const [told] = UUID.test(name) ? await retain.control.ledger.statementsOfRun(name) : [];
  if (told !== undefined) return { run: name, store: storeOf(told.source) };
  const { runId, store } = await runNamed(retain, name);
  return { run: runId, store };
}

/** What the ledger has told is so; what it has not, the store may know to be on its way. */
async function requireClosed(
  { retain }: Desk,
  connection: StoreConnection,
  run: string,
  told: EntriesOfRun,
): Promise<void> {
  if (told['run.open'] && told['run.close']) return;
  const state = (await runStates(connection, [run])).get(run);
  if (state === undefined && told.plan === undefined) {
    throw new RetentionError('PLAN_UNKNOWN', 'There is no such plan in this store.', { run });
  }
  if (told['run.open'] === undefined && (state?.openedBy ?? null) === null) {
    throw new RetentionError(
      'CERTIFICATE_NOTHING',
      'This plan was never carried out: there is nothing to certify.',
      { run },
    );
  }
  if (await wasGivenUp(retain, run)) {
    throw new RetentionError(
      'CERTIFICATE_NOTHING',
      'This run was given up when its store was restored, and has no end to certify. Its records have certificates of their own.',
      { run },
    );
  }
  if (state?.closedAt === null) throw pending('The run is still open.');
}

async function wasGivenUp({ control }: Retain, run: string): Promise<boolean> {
  const ranges = await control.ledger.statements(['replay']);
  return ranges.some(({ firstIndex, entry }) => {
    const statement = entry && placed(firstIndex, entry).statement;
    return statement?.kind === 'replay' && statement.runs_abandoned.includes(run);
  });
}

/** Headers of the run as the log has them, by step, lane and place in the lane. */
async function headersOf(
  { retain }: Desk,
  { sql, store }: StoreConnection,
  run: string,
): Promise<Header[]> {
  const { ledger } = retain.control;
  const rows = await asStore(
    store,
    () => sql<{ batch: string; header: Buffer | null }[]>`
    select b.batch_id as batch, s.header
      from retain_guard.batch b left join retain_guard.batch_sealed s using (batch_id)
     where b.run_id = ${run}`,
  );
  const headers = new Map<string, Header>();
  for (const { header } of rows) {
    if (header === null) throw pending('A batch of the run is not sealed yet.');
    const batch = batchOf(header);
    headers.set(batch.batch, { bytes: header, batch });
  }
  for (const bytes of await ledger.keptHeaders('run', run)) {
    const batch = batchOf(bytes);
    headers.set(batch.batch, { bytes, batch });
  }
  const indexes = await ledger.indexesOf([...headers.keys()]);
  if (indexes.size < headers.size) throw pending('A batch of the run is not in the ledger yet.');
  return [...headers.values()].sort(
    ({ batch: a }, { batch: b }) => a.step - b.step || a.lane - b.lane || a.seq - b.seq,
  );
}

function requireSome(run: string, headers: readonly Header[]): void {
  if (headers.length === 0) {
    throw new RetentionError(
      'CERTIFICATE_NOTHING',
      'This run destroyed nothing: there is nothing to certify.',
      { run },
    );
  }
  // Base64 takes four characters for three bytes.
  const bytes = headers.reduce((sum, header) => sum + (header.bytes.length * 4) / 3, 0);
  if (bytes < CERTIFICATE_BYTES_MAX * 0.9) return;
  throw new RetentionError(
    'CERTIFICATE_TOO_LARGE',
    `The run has ${headers.length} batches, more than one certificate can hold. Hand out the published log, or certificates of single records.`,
    { run, batches: headers.length },
  );
}

async function certify(
  desk: Desk,
  connection: StoreConnection,
  run: string,
  told: EntriesOfRun,
): Promise<Issued<RunReport>> {
  const { ledgerKeys, control } = desk.retain;
  const { ledger } = control;
  const headers = await headersOf(desk, connection, run);
  requireSome(run, headers);
  const batches = headers.map(({ batch }) => batch);
  const plan = requireEntry(told, 'plan');
  const approval = requireEntry(told, 'approval');
  const open = requireEntry(told, 'run.open');
  const close = requireEntry(told, 'run.close');
  const { requested_by, decided_by } = approval.statement;
  const { opened_by } = open.statement;
  const refs = { requested_by, decided_by, opened_by };
  const people = await peopleOf(desk, connection, run, refs);
  const worker = await ledgerKeys.worker();
  const keyed = await keyStatements(ledger);
  const statements = [plan, approval, open, close].map(({ statement }) => statement);
  const signers = [...new Set([...[...statements, ...batches].map(signerName), worker.name])];
  const needed = [close, ...entriesOfKeys(keyed, signers)];
  const last = Math.max(...needed.map(({ index }) => index));
  const { prove, size, tsr } = await prover(ledger, desk.readSealed, last);
  const unsigned = {
    kind: 'run' as const,
    run,
    plan: await prove(plan),
    approval: await prove(approval),
    open: await prove(open),
    close: await prove(close),
    batch_header_entries: headers.map(({ bytes }) => bytes.toString('base64')),
    keys: await Promise.all(keysBefore(size, keyed, signers).map(prove)),
    people,
    tsr,
    words: await wordsOf(desk, connection, plan, batches),
  };
  return issueRun(keyed, unsigned, worker);
}

async function wordsOf(
  desk: Desk,
  connection: StoreConnection,
  { statement: plan }: PlacedEntry<StatementOf<'plan'>>,
  batches: readonly StatementOf<'batch'>[],
) {
  const then = await scheduleThen(desk, {
    version: plan.schedule_version,
    sha256: plan.schedule_sha256,
  });
  return {
    ...(await commonWords(desk, connection, then, batches)),
    classes: Object.fromEntries(batches.map((batch) => [batch.class, classTitle(then, batch)])),
    rules: Object.fromEntries(batches.map((batch) => [batch.rule.id, ruleWords(then, batch)])),
    does_not_prove: RUN_LIMITS,
  };
}
