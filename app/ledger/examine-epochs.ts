/** Epoch keys as `retain doctor` shows them: which should be gone, and what keeps them. */
import { addDays, calendarDate } from '../../domain/civil.ts';
import { instantFromMillis } from '../../domain/instant.ts';
import type { Checked } from '../checked.ts';
import type { Retain } from '../context.ts';
import { type EpochView, listEpochs, ownConnections } from './epoch-admin.ts';

/** Workers look every hour: two days later none is at work, or something is wrong. */
const PATIENT_DAYS = 2;

/** Only what a legal hold keeps is as it must be. Throws as `listEpochs` does. */
export async function epochWords(retain: Retain, nowMs: number): Promise<Omit<Checked, 'what'>> {
  const inStore = ownConnections(retain, 'retain_app');
  const epochs = await listEpochs({ ...retain, inStore }, nowMs);
  const due = epochs.filter(({ state }) => state === 'due');
  if (due.length === 0) return { state: 'ok', message: nextWords(epochs) };
  const message = due.map(dueWords).join('; ');
  const today = calendarDate(instantFromMillis(nowMs).slice(0, 10));
  const overdue = due.find(
    ({ destroyAfter, postponed }) =>
      postponed?.code !== 'EPOCH_KEY_HELD' &&
      destroyAfter !== null &&
      addDays(destroyAfter, PATIENT_DAYS) < today,
  );
  if (overdue === undefined) return { state: 'ok', message };
  return { state: 'warning', code: overdue.postponed?.code ?? 'WORKER_UNAVAILABLE', message };
}

function nextWords(epochs: readonly EpochView[]): string {
  const next = epochs
    .filter(({ state, destroyAfter }) => state !== 'destroyed' && destroyAfter !== null)
    .map(({ epoch, destroyAfter }) => `${destroyAfter}: ${epoch}`)
    .sort()[0];
  return next === undefined
    ? 'no key has a day on which it is destroyed'
    : `every key whose day is over is destroyed; the next is kept until ${next}`;
}

function dueWords({ epoch, destroyAfter, postponed }: EpochView): string {
  const why = postponed?.message ?? 'A worker destroys it within the hour.';
  return `${epoch} was kept until ${destroyAfter}. ${why}`;
}
