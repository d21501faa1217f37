/** Whether the guard of a store still stands as it was installed. */
import { RetentionError } from '../../../domain/errors.ts';
import { guardCodeFindings } from '../../../stores/postgres/check-guard-code.ts';
import type { StoreConnection } from '../../../stores/postgres/connection.ts';
import { asStore } from '../../../stores/postgres/driver-error.ts';
import { scheduleInForce } from '../../context.ts';
import { checkStore } from '../../store-admin.ts';
import type { Comparison } from './comparison.ts';
import { type DatabaseFinding, found } from './findings.ts';

/** A guard that the log says was removed is not looked for. */
export async function compareGuard(
  { retain, read }: Comparison,
  source: string,
  connection: StoreConnection,
  onSkipped: (what: string) => void,
): Promise<DatabaseFinding[]> {
  const { sql, store } = connection;
  const code =
    (await read(source, 'retain_guard', () => asStore(store, () => guardCodeFindings(sql)))) ?? [];
  const rights = await rightsFindings(retain, store, onSkipped);
  // Warnings are about backlogs and indexes: the log does not tell of them.
  const errors = [...code, ...rights].filter(({ severity }) => severity === 'error');
  const messages = new Set(errors.map(({ code: kind, message }) => `${kind}: ${message}.`));
  return [...messages].map((message) =>
    found('E_DB_GUARD', message, { source, table: tableIn(message) }),
  );
}

function tableIn(message: string): string {
  const [, name] = /\bretain_guard\.(\w+)|has no \w+ (\w+)/.exec(message)?.filter(Boolean) ?? [];
  return name === undefined ? 'retain_guard' : `retain_guard.${name}`;
}

async function rightsFindings(
  retain: Comparison['retain'],
  store: string,
  onSkipped: (what: string) => void,
): ReturnType<typeof checkStore> {
  try {
    const { schedule } = await scheduleInForce(retain);
    return await checkStore(retain, schedule, store);
  } catch (error) {
    if (!(error instanceof RetentionError) || error.kind === 'transient') throw error;
    onSkipped(`The rights on store ${store}: ${error.message}`);
    return [];
  }
}
