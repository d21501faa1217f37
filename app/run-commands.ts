/** What people may do to a run, each with the actor as a parameter. */
import type { Client } from '@temporalio/client';
import type { RunEntry } from '../db/client.ts';
import { RetentionError } from '../domain/errors.ts';
import { type Plan, totalDestroys } from '../domain/plan.ts';
import { guardApp } from '../stores/postgres/guard-app.ts';
import {
  actorNamed,
  type Retain,
  runNamed,
  said,
  scheduleInForce,
  storeNamed,
  withStore,
} from './context.ts';
import { planDocument } from './orchestrate.ts';
import { type PlanRequest, planRun } from './plan-run.ts';
import { runStates } from './run-state.ts';
import { sendApply, sendControl, sendDecision, startPurgeRun } from './temporal-client.ts';

/** A plan with its entry; `destroys` is what would go. */
export interface StartedPlan extends Plan {
  readonly entry: RunEntry;
  readonly destroys: number;
}

/** Plans, and starts the workflow that waits for the approval. Destroys nothing. */
export async function planAndStart(
  retain: Retain,
  client: Client,
  request: PlanRequest,
): Promise<StartedPlan> {
  const plan = await planRun(retain, request);
  const entry = await runNamed(retain, plan.document.run);
  await startWorkflow(client, entry, plan.document.expiresAt);
  return { ...plan, entry, destroys: totalDestroys(plan.document.steps) };
}

/**
 * Approves or rejects the plan with this digest. Throws `APPROVAL_SAME_PERSON`, `APPROVAL_DIGEST`,
 * `APPROVAL_TWICE`, `PLAN_REJECTED`, `PLAN_EXPIRED`, `WORKER_UNAVAILABLE`.
 */
export async function decideRun(
  retain: Retain,
  client: Client,
  entry: RunEntry,
  decision: 'approve' | 'reject',
  asked: { readonly actor: string; readonly digest: string },
): Promise<{ decidedAt: string }> {
  const actor = actorNamed(asked.actor);
  if (decision === 'approve' && actor.toLowerCase() === entry.requestedBy.toLowerCase()) {
    throw new RetentionError(
      'APPROVAL_SAME_PERSON',
      'Who requested a plan cannot approve it. Ask another person.',
      { run: entry.runId },
    );
  }
  if (asked.digest !== entry.digest) {
    throw new RetentionError(
      'APPROVAL_DIGEST',
      'The decision names another digest than the plan has. Run: retain run show',
      { run: entry.runId },
    );
  }
  await ensureWorkflow(retain, client, entry);
  return sendDecision(client, entry.runId, decision, { actor, digest: asked.digest });
}

/** Begins an approved run. Throws `APPROVAL_MISSING`, `PLAN_EXPIRED`, `PLAN_STALE`, `SCHEMA_DRIFT`. */
export async function applyRun(
  retain: Retain,
  client: Client,
  entry: RunEntry,
  actor: string,
): Promise<{ steps: number }> {
  const named = actorNamed(actor);
  await ensureWorkflow(retain, client, entry);
  return sendApply(client, entry.runId, { actor: named });
}

export interface Controlled {
  /** False when Temporal or its worker did not answer and the store was told instead. */
  readonly throughTemporal: boolean;
}

/**
 * Pauses, resumes or stops. Every batch reads the control row, so this works with Temporal down or no
 * worker about: the row is then written here. A stop is final.
 */
export async function controlRun(
  retain: Retain,
  connect: () => Promise<Client>,
  entry: RunEntry,
  control: 'run' | 'pause' | 'stop',
  asked: { readonly actor: string; readonly reason: string },
): Promise<Controlled> {
  const actor = actorNamed(asked.actor);
  const reason = said(asked.reason, 'Say why with --because TEXT.');
  try {
    await sendControl(await connect(), entry.runId, control, { actor, reason });
    return { throughTemporal: true };
  } catch (error) {
    if (!(error instanceof RetentionError) || !UNREACHED.has(error.code)) throw error;
    const { schedule } = await scheduleInForce(retain);
    await withStore(retain, storeNamed(schedule, entry.store), 'retain_app', (connection) =>
      guardApp(connection).controlRun(entry.runId, control, actor, reason),
    );
    return { throughTemporal: false };
  }
}

/** `PLAN_UNKNOWN`: Temporal lost the run; the store may still have it open. */
const UNREACHED: ReadonlySet<string> = new Set([
  'TEMPORAL_UNAVAILABLE',
  'WORKER_UNAVAILABLE',
  'PLAN_UNKNOWN',
]);

/** A plan whose workflow was never started (Temporal went away at that moment) gets it now. */
async function ensureWorkflow(retain: Retain, client: Client, entry: RunEntry): Promise<void> {
  const { schedule } = await scheduleInForce(retain);
  const store = storeNamed(schedule, entry.store);
  const expiresAt = await withStore(retain, store, 'retain_app', async (connection) => {
    const state = (await runStates(connection, [entry.runId])).get(entry.runId);
    // A run that is over needs no workflow, and the answer of Temporal then says how it ended.
    if (state?.closedAt) return undefined;
    return (await planDocument(connection, entry.runId)).expiresAt;
  });
  if (expiresAt !== undefined) await startWorkflow(client, entry, expiresAt);
}

function startWorkflow(client: Client, entry: RunEntry, expiresAt: string): Promise<void> {
  const { runId: run, store, digest, requestedBy } = entry;
  return startPurgeRun(client, { run, store, digest, requestedBy, expiresAt });
}
