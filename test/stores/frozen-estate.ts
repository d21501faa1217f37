/** Customers with contracts, invoices and lines, three levels below each other, under holds that a test places. */

import { connectStore } from '../../stores/postgres/connection.ts';
import type { HoldRequest, PlacedHold } from '../../stores/postgres/guard-app.ts';
import { type GuardApp, guardApp } from '../../stores/postgres/guard-app.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { closingTable, deleteAfter, scheduleText } from './small-schedule.ts';

// Roles are shared by all databases of the server.
const ROLE = `do $$ begin create role business nologin; exception when duplicate_object then null; end $$;`;

// Lines are partitioned, in two levels, and have a composite key; notes are no record class of their own.
const TABLES = `
  ${closingTable('customer', 'person text, name text')}
  ${closingTable('contract', 'customer_id integer constraint of_customer references customer on delete cascade on update cascade, person text')}
  create index on contract (customer_id);
  ${closingTable('invoice', 'contract_id integer constraint of_contract references contract on delete cascade on update cascade')}
  create index on invoice (contract_id);
  create table line (a integer, b text, invoice_id integer constraint of_invoice references invoice on delete cascade on update cascade,
    person text, amount integer, primary key (a, b)) partition by range (a);
  create index on line (invoice_id);
  create table line_low partition of line for values from (0) to (100);
  create table line_high partition of line for values from (100) to (1000) partition by range (a);
  create table line_higher partition of line_high for values from (500) to (1000);
  create table note (id integer primary key, contract_id integer constraint note_of_contract references contract on delete cascade, words text);
  create index on note (contract_id);
  ${closingTable('unrelated', 'words text')}
  ${ROLE}
  grant select, insert, update, delete, truncate on all tables in schema public to business;`;

type Freeze = Readonly<Record<string, string>>;

export interface FrozenEstate {
  readonly governed: Governed;
  readonly app: GuardApp;
  /** Fills the tables anew, with no hold in force: customers 1 to 4, everything below of the same number. */
  readonly fill: () => Promise<void>;
  readonly hold: (scope: HoldScope, matter?: string) => Promise<PlacedHold>;
  readonly end: () => Promise<void>;
}

export type HoldScope = Partial<Pick<HoldRequest, 'keys' | 'subjects'>>;

export const ofClass = (recordClass: string, keyText: string): HoldScope => ({
  keys: [{ recordClass, keyText }],
});
export const ofPerson = (subject: string): HoldScope => ({
  subjects: [{ kind: 'person', subject }],
});

/** `freeze`: of a class, by its id; of the notes, under `note`. */
export async function frozenEstate(freeze: Freeze = {}): Promise<FrozenEstate> {
  const { note, ...ofClasses } = freeze;
  const lines = { of_invoice: 'owned' };
  const ownNote = note === undefined ? 'owned' : { role: 'owned', freeze: note };
  const modes = (id: string) => (ofClasses[id] === undefined ? {} : { freeze: ofClasses[id] });
  const governed = await governedDatabase({
    setup: (sql) => sql.unsafe(TABLES),
    schedule: scheduleText({
      classes: {
        customer: {
          table: 'public.customer',
          subjects: { person: 'person' },
          references: {
            ...lines,
            of_customer: 'owned',
            of_contract: 'owned',
            note_of_contract: ownNote,
          },
          ...modes('customer'),
        },
        contract: {
          table: 'public.contract',
          subjects: { person: 'person' },
          references: { ...lines, of_contract: 'owned', note_of_contract: ownNote },
          ...modes('contract'),
        },
        line: {
          table: 'public.line',
          key: ['a', 'b'],
          subjects: { person: 'person' },
          ...modes('line'),
        },
        unrelated: { table: 'public.unrelated', ...modes('unrelated') },
      },
      rules: { customer_rule: deleteAfter('customer', 'closed_on') },
    }),
  });
  const connection = await connectStore(governed.store, governed.url, 'retain_app');
  const app = guardApp(connection);
  await app.openMatter('M-1', 'A matter', 'amira');
  return {
    governed,
    app,
    fill: () => fill(governed),
    hold: (scope, matter = 'M-1') =>
      app.placeHold({
        ...{ matter, reason: 'litigation', because: 'a claim', placedBy: 'amira' },
        ...{ reviewOn: '2030-01-01', keys: [], subjects: [], ...scope },
      }),
    end: async () => {
      await connection.end();
      await governed.end();
    },
  };
}

async function fill({ sql }: Governed): Promise<void> {
  await sql`truncate retain_guard.hold cascade`;
  await sql`truncate customer, contract, invoice, line, note, unrelated`;
  await sql`insert into customer select n, '2001-01-01', 'C' || n, 'name' from generate_series(1, 4) n`;
  await sql`insert into contract select n, '2001-01-01', n, 'K' || n from generate_series(1, 4) n`;
  await sql`insert into contract select n + 10, '2001-01-01', n, 'K' || n from generate_series(1, 4) n`;
  await sql`insert into invoice select n, '2001-01-01', n from generate_series(1, 4) n`;
  await sql`insert into line select n, 'x:' || n, n, 'L' || n, 1 from generate_series(1, 4) n`;
  await sql`insert into line select n + 500, 'x:' || n, n, null, 1 from generate_series(1, 4) n`;
  await sql`insert into note select n, n, 'words' from generate_series(1, 4) n`;
  await sql`insert into unrelated select n, '2001-01-01', 'words' from generate_series(1, 4) n`;
}
