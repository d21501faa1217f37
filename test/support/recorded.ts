/** Histories as files: what ran once must replay for ever. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';

const FOLDER = fileURLToPath(new URL('../histories/', import.meta.url));

/** A history in proto-JSON, the only form that replays. */
export type RecordedHistory = { readonly events: readonly Record<string, unknown>[] };

/** Of the newest run of the workflow, or of the one named. */
export async function fetchRecorded(
  client: Client,
  workflowId: string,
  runId?: string,
): Promise<RecordedHistory> {
  const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
  return clean(JSON.parse(historyToJSON(history))) as RecordedHistory;
}

/** Keeps a history under `name`, unless one is kept already: recorded histories never change. */
export function keepRecorded(name: string, history: RecordedHistory): void {
  const path = join(FOLDER, `${name}.json`);
  if (!existsSync(path)) writeFileSync(path, `${JSON.stringify(history, undefined, 1)}\n`);
}

export function allRecorded(): { readonly name: string; readonly history: RecordedHistory }[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => ({
      name: file.replace('.json', ''),
      history: JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as RecordedHistory,
    }));
}

/** Without the machine it ran on: process and host names, and the folders in stack traces. */
function clean(value: unknown): unknown {
  // A sticky queue is named `pid@host-…`.
  if (typeof value === 'string') return /^\d+@/.test(value) ? 'recorded' : value;
  if (Array.isArray(value)) return value.map(clean);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([name]) => name !== 'stackTrace');
  return Object.fromEntries(kept.map(([name, inner]) => [name, clean(inner)]));
}

/** Every payload of a history, decoded, with the size it has on the wire. */
export function payloadsOf(history: RecordedHistory): { bytes: number; value: unknown }[] {
  const found: { bytes: number; value: unknown }[] = [];
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) for (const inner of value) walk(inner);
    else if (typeof value === 'object' && value !== null) {
      const { data, metadata } = value as { data?: unknown; metadata?: unknown };
      if (typeof data === 'string' && metadata !== undefined) {
        const bytes = Buffer.from(data, 'base64');
        const text = bytes.toString('utf8');
        found.push({ bytes: bytes.length, value: text === '' ? null : JSON.parse(text) });
      } else for (const inner of Object.values(value)) walk(inner);
    }
  };
  walk(history.events);
  return found;
}
