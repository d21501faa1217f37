/** A governed database whose batches wait for a real sequencer, and that sequencer. */
import { type LogReader, logReader, type ReadSealed } from '../../app/ledger/log-reader.ts';
import {
  requireHead,
  type SequenceDependencies,
  sequenceControl,
  sequenceStore,
} from '../../app/ledger/sequence.ts';
import { connectStore, type StoreConnection } from '../../stores/postgres/connection.ts';
import { type StoreLedger, storeLedger } from '../../stores/postgres/ledger-source.ts';
import { deleteAfter, scheduleText } from '../stores/small-schedule.ts';
import { type Governed, type GovernedOptions, governedDatabase } from './governed.ts';

export interface LedgerSite {
  readonly governed: Governed;
  readonly deps: SequenceDependencies;
  readonly store: StoreLedger;
  readonly readSealed: ReadSealed;
  /** Appends everything that waits; answers how many entries that were. */
  sequence(): Promise<number>;
  /** Destroys `records` records that are due, in one run, and closes it; answers the run's id. */
  destroySome(records: number): Promise<string>;
  /** Every entry of the log, read back out of the databases. */
  entries(): Promise<Buffer[]>;
  reader(): Promise<LogReader>;
  end(): Promise<void>;
}

export interface LedgerSiteOptions extends Pick<GovernedOptions, 'epochClock'> {
  readonly epochKeysKeptFor?: string;
}

/** A hold on one parcel, of a matter that is opened for the first. */
export async function placeHold({ governed }: LedgerSite, parcel: number): Promise<void> {
  const { sql } = governed;
  await sql`select retain_guard.open_matter('M-1', 'matter', 'helena')`;
  await sql`select retain_guard.place_hold('M-1', 'complaint', 'letter', 'helena', '2030-01-01',
    '{parcel}', ${[String(parcel)]}, '{}', '{}')`;
}

export async function ledgerSite({
  epochClock,
  epochKeysKeptFor,
}: LedgerSiteOptions = {}): Promise<LedgerSite> {
  const governed = await governedDatabase({
    ledger: 'waits',
    ...(epochClock !== undefined && { epochClock }),
    setup: (sql) =>
      sql.unsafe(`create table public.parcel (id integer primary key, closed_on date not null);
                  create index on public.parcel (closed_on);`),
    schedule: scheduleText({
      ...(epochKeysKeptFor !== undefined && { epochKeysKeptFor }),
      classes: { parcel: { table: 'public.parcel', subjects: { addressee: 'id' } } },
      rules: { parcels: deleteAfter('parcel', 'closed_on') },
    }),
  });
  const { retain } = governed;
  const connection: StoreConnection = await connectStore(
    governed.store,
    governed.url,
    'retain_worker',
  );
  const store = storeLedger(connection);
  const deps = { ledger: retain.control.ledger, keys: retain.ledgerKeys };
  const readSealed: ReadSealed = (_, batch) => store.sealed(batch);
  const reader = async () => logReader(deps.ledger, await requireHead(deps.ledger), readSealed);
  let nextId = 1;
  return {
    governed,
    deps,
    store,
    readSealed,
    reader,
    async sequence() {
      let entries = 0;
      for (;;) {
        const done = await sequenceStore(deps, store, {
          readControl: async () => {
            entries += (await sequenceControl(deps)).entries;
          },
          onOldest: () => undefined,
        });
        entries += done.entries;
        await store.markIntegrated(done.places);
        if (done.drained) return entries;
      }
    },
    async destroySome(records) {
      await governed.sql`insert into public.parcel select n, '2010-01-01'
        from generate_series(${nextId}::integer, ${nextId + records - 1}::integer) n`;
      nextId += records;
      await governed.sql`analyze public.parcel`;
      const plan = await governed.plan();
      await governed.carryOut(plan);
      await governed.close(plan);
      return plan.document.run;
    },
    async entries() {
      const { size } = await requireHead(deps.ledger);
      const all: Buffer[] = [];
      for await (const entry of (await reader()).entries(0, size)) all.push(entry);
      return all;
    },
    async end() {
      await connection.end();
      await governed.end();
    },
  };
}
