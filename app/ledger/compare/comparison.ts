/** What the parts of a comparison share: the databases, and what was found out so far. */
import { parseSchedule } from '../../../config/schedule-file.ts';
import type { LedgerAudit } from '../../../db/ledger-audit.ts';
import { RetentionError } from '../../../domain/errors.ts';
import type { StoreDefinition } from '../../../domain/schedule.ts';
import { nameReference } from '../../../ledger/names.ts';
import { connectStore, type StoreConnection } from '../../../stores/postgres/connection.ts';
import type { Retain } from '../../context.ts';
import { type DatabaseFinding, found } from './findings.ts';
import type { NameReference } from './rows.ts';

/** Damage that was reported, so that what follows from it is not reported again. Grows only with damage. */
export interface Damage {
  /** Published batches whose row in `log_seq` is not what it must be. */
  readonly misplaced: Set<string>;
  /** Batches that a row of `log_seq` names which nothing published. */
  readonly stray: Set<string>;
  /** Lanes (`source run/step/lane`) of batches that are not what they must be. */
  readonly lanes: Set<string>;
  /** Statements (`source kind key`) that a source no longer tells as published. */
  readonly untold: Set<string>;
  /** Tables (`source table`) that cannot be read. */
  readonly unread: Set<string>;
}

export interface Comparison {
  readonly retain: Retain;
  readonly control: LedgerAudit;
  readonly nameReference: NameReference;
  readonly damage: Damage;
  /** The store of a source; undefined, after one finding, when no schedule tells where it is. */
  readonly store: (source: string) => Promise<StoreConnection | undefined>;
  /** Undefined, after one finding per table, when the table cannot be read. */
  readonly read: <T>(
    source: string,
    table: string,
    rows: () => Promise<T>,
  ) => Promise<T | undefined>;
  /** Findings that `store` and `read` came upon; taking them empties the list. */
  readonly take: () => DatabaseFinding[];
  readonly end: () => Promise<void>;
}

/** What a table that was dropped, changed or closed to us answers with. */
const UNREADABLE = new Set([
  'GUARD_MISSING',
  'RIGHTS_MISSING',
  'SCHEMA_DRIFT',
  'STORE_REJECTED',
  'CONFIG_INVALID',
]);
const CONNECTIONS = 3;

export async function openComparison(
  retain: Retain,
  onSkipped: (what: string) => void,
): Promise<Comparison> {
  const damage: Damage = {
    ...{ misplaced: new Set(), stray: new Set(), lanes: new Set() },
    ...{ untold: new Set(), unread: new Set() },
  };
  const open = new Map<string, Promise<StoreConnection | undefined>>();
  let findings: DatabaseFinding[] = [];
  const connect = async (source: string): Promise<StoreConnection | undefined> => {
    const definition = await definitionOf(retain, source.replace(/^store:/, ''));
    if (definition !== undefined) return readingConnection(retain, definition);
    const message = `No schedule tells where ${source} is: nothing of it can be compared.`;
    findings.push(found('E_DB_MISSING', message, { source, table: 'retain.schedule_version' }));
    return undefined;
  };
  return {
    ...{ retain, control: retain.control.audit, damage },
    nameReference: await namesOf(retain, onSkipped),
    store(source) {
      const known = open.get(source) ?? connect(source);
      open.set(source, known);
      return known;
    },
    async read(source, table, rows) {
      try {
        return await rows();
      } catch (error) {
        if (!(error instanceof RetentionError) || !UNREADABLE.has(error.code)) throw error;
        const name = `${source} ${table}`;
        if (!damage.unread.has(name)) findings.push(unread(source, table, error));
        damage.unread.add(name);
        return undefined;
      }
    },
    take() {
      const taken = findings;
      findings = [];
      return taken;
    },
    async end() {
      const connections = await Promise.allSettled(open.values());
      for (const result of connections) {
        if (result.status === 'fulfilled') await result.value?.end();
      }
    },
  };
}

function unread(source: string, table: string, { code, facts }: RetentionError): DatabaseFinding {
  const state = typeof facts['state'] === 'string' ? `, SQLSTATE ${facts['state']}` : '';
  const message = `${table} of ${source} cannot be read (${code}${state}).`;
  return found('E_DB_GUARD', message, { source, table });
}

/** The auditor's role reads all that is compared; a login of another role may lend that of the application. */
async function readingConnection(
  retain: Retain,
  definition: StoreDefinition,
): Promise<StoreConnection> {
  const url = retain.urlOf(definition);
  const options = { maxConnections: CONNECTIONS };
  try {
    return await connectStore(definition.id, url, 'retain_auditor', options);
  } catch (error) {
    if (!(error instanceof RetentionError) || error.code !== 'RIGHTS_MISSING') throw error;
    return connectStore(definition.id, url, 'retain_app', options);
  }
}

/** Of the newest schedule version that can be read and has it: the one in force may be what was tampered with. */
async function definitionOf(retain: Retain, store: string): Promise<StoreDefinition | undefined> {
  for (const { version } of await retain.control.scheduleVersions()) {
    const installed = await retain.control.scheduleAt(version);
    if (installed === undefined) continue;
    const { schedule } = parseSchedule(installed.document, `schedule version ${version}`);
    const definition = schedule?.stores[store];
    if (definition !== undefined) return definition;
  }
  return undefined;
}

async function namesOf(
  { ledgerKeys }: Retain,
  onSkipped: (what: string) => void,
): Promise<NameReference> {
  try {
    const key = await ledgerKeys.names();
    return (name) => nameReference(key, name).ref.toString('hex');
  } catch (error) {
    if (!(error instanceof RetentionError) || error.code !== 'LEDGER_KEY_MISSING') throw error;
    onSkipped('Names of people and matters: the names key is not here.');
    return undefined;
  }
}
