/** Placing a legal hold: the one thing that must never be slow or lost. */
import { parseCalendarDate } from '../domain/civil.ts';
import { RetentionError } from '../domain/errors.ts';
import type { RetentionSchedule, StoreDefinition } from '../domain/schedule.ts';
import { didYouMean } from '../domain/suggest.ts';
import { keyTextOf } from '../stores/postgres/fragments.ts';
import { guardApp } from '../stores/postgres/guard-app.ts';
import { awaitFreeze, FREEZE_WAIT_MS } from './await-freeze.ts';
import { actorNamed, type Retain, said, scheduleInForce } from './context.ts';
import { type HoldReceipt, holdReceipt } from './hold-receipt.ts';
import { holdIn } from './holds.ts';
import { openMatter } from './matters.ts';
import {
  aggregateOf,
  canonicalKey,
  canonicalSubject,
  recordClassNamed,
  subjectKinds,
} from './record-keys.ts';
import { type StoreView, withViews } from './store-views.ts';

export const HOLD_REASONS = [
  'litigation',
  'complaint',
  'investigation',
  'inquiry',
  'restriction',
] as const;

export interface PlaceHoldRequest {
  readonly matter: string;
  /** Opens the matter with this title first; without it an unknown matter is refused. */
  readonly openMatterTitle?: string;
  readonly reason: string;
  readonly because: string;
  readonly actor: string;
  /** Civil day. */
  readonly reviewOn: string;
  readonly keys: readonly { readonly recordClass: string; readonly key: readonly string[] }[];
  readonly subjects: readonly { readonly kind: string; readonly id: string }[];
  /** How long to wait for writers older than the hold before the receipt names them; 10 s when missing. */
  readonly freezeWaitMs?: number;
}

/**
 * Places the hold in every store that has one of its record classes or kinds of subject; one receipt
 * per store. Everything is checked in all of them before the first is told, so that a mistake places
 * nothing. Throws `RECORD_CLASS_UNKNOWN`, `KEY_INVALID` (never with the key), `HOLD_SCOPE_EMPTY`,
 * `MATTER_UNKNOWN`, `USAGE`.
 */
export async function placeHold(retain: Retain, request: PlaceHoldRequest): Promise<HoldReceipt[]> {
  const checked = checkRequest(request);
  const { schedule, version } = await scheduleInForce(retain);
  const stores = storesOfScope(schedule, request);
  return withViews(retain, schedule, stores, async (views) => {
    const scopes = [];
    for (const view of views) {
      scopes.push(await canonicalScopes(view, request));
      // From here on no batch of an older version, which may not know these classes, can run.
      await guardApp(view.connection).adoptSchedule(version);
    }
    if (request.openMatterTitle !== undefined) {
      const { matter, actor } = checked;
      await openMatter(retain, { matter, actor, title: request.openMatterTitle });
    }
    // In force everywhere first; counting what it covers can wait.
    const placed: { view: StoreView; holdNo: number }[] = [];
    for (const [index, view] of views.entries()) {
      const scope = scopes[index] ?? { keys: [], subjects: [] };
      const { holdNo } = await placeIn(view, { ...checked, ...scope }, placed.length);
      placed.push({ view, holdNo });
    }
    const waitMs = request.freezeWaitMs ?? FREEZE_WAIT_MS;
    await Promise.all(
      placed.map(({ view, holdNo }) => awaitFreeze(view.connection, holdNo, waitMs)),
    );
    const receipts: HoldReceipt[] = [];
    for (const { view, holdNo } of placed) {
      receipts.push(await holdReceipt(view, await holdIn(view.connection, holdNo)));
    }
    return receipts;
  });
}

type CheckedRequest = ReturnType<typeof checkRequest>;

async function placeIn(
  view: StoreView,
  request: CheckedRequest & Awaited<ReturnType<typeof canonicalScopes>>,
  before: number,
): Promise<{ holdNo: number }> {
  try {
    return await guardApp(view.connection).placeHold({ ...request, placedBy: request.actor });
  } catch (error) {
    if (!(error instanceof RetentionError)) throw error;
    if (error.code === 'MATTER_UNKNOWN') {
      const message = `There is no such matter. Run: retain matter open ${request.matter} --title TEXT, or add --open-matter TITLE.`;
      throw new RetentionError('MATTER_UNKNOWN', message, error.facts);
    }
    if (before === 0) throw error;
    const message = `The hold is in force in ${before} of the stores, but not in ${view.connection.store}: ${error.message} Place it again for that store.`;
    throw new RetentionError(error.code, message, error.facts, error);
  }
}

function checkRequest(request: PlaceHoldRequest) {
  if (request.keys.length + request.subjects.length === 0) {
    throw new RetentionError(
      'HOLD_SCOPE_EMPTY',
      'A hold must cover something: name a record with --key or a subject with --subject.',
    );
  }
  const reasons: readonly string[] = HOLD_REASONS;
  if (!reasons.includes(request.reason)) {
    const guess = didYouMean(request.reason, reasons);
    throw new RetentionError('USAGE', `A reason is one of ${reasons.join(', ')}.${guess}`);
  }
  if (parseCalendarDate(request.reviewOn) === undefined) {
    throw new RetentionError('USAGE', 'Say when the hold is reviewed: --review YYYY-MM-DD.');
  }
  return {
    matter: said(request.matter, 'Name the matter with --matter.'),
    reason: request.reason,
    because: said(request.because, 'Say why with --because TEXT.'),
    actor: actorNamed(request.actor),
    reviewOn: request.reviewOn,
  };
}

function storesOfScope(schedule: RetentionSchedule, request: PlaceHoldRequest): StoreDefinition[] {
  const names = new Set<string>();
  for (const { recordClass } of request.keys)
    names.add(recordClassNamed(schedule, recordClass).store);
  const kinds = subjectKinds(schedule);
  for (const { kind } of request.subjects) {
    if (!kinds.includes(kind)) {
      throw new RetentionError(
        'USAGE',
        `No record class has subjects of that kind.${didYouMean(kind, kinds)} Kinds of subject: ${kinds.join(', ') || 'none'}.`,
      );
    }
    for (const recordClass of Object.values(schedule.recordClasses)) {
      if (Object.hasOwn(recordClass.subjects, kind)) names.add(recordClass.store);
    }
  }
  return Object.values(schedule.stores).filter(({ id }) => names.has(id));
}

/** The part of the scope that concerns one store, in the text form of its database. */
async function canonicalScopes(view: StoreView, request: PlaceHoldRequest) {
  const { connection, resolved, schedule } = view;
  const keys: { recordClass: string; keyText: string }[] = [];
  for (const { recordClass: name, key } of request.keys) {
    const recordClass = recordClassNamed(schedule, name);
    if (recordClass.store !== connection.store) continue;
    const canonical = await canonicalKey(connection, aggregateOf(resolved, recordClass), key);
    keys.push({ recordClass: recordClass.id, keyText: keyTextOf(canonical) });
  }
  const subjects: { kind: string; subject: string }[] = [];
  for (const { kind, id } of request.subjects) {
    for (const subject of await canonicalSubject(view, kind, id)) subjects.push({ kind, subject });
  }
  return { keys, subjects };
}
