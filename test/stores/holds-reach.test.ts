import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../domain/plan.ts';
import { connectStore } from '../../stores/postgres/connection.ts';
import { keyTextOf } from '../../stores/postgres/fragments.ts';
import { type GuardApp, guardApp, type HoldRequest } from '../../stores/postgres/guard-app.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { closingTable, deleteAfter, scheduleText } from './small-schedule.ts';
import { idsOf, weakenStatements } from './tampering.ts';

// A customer owns contracts, those invoices, those lines. Invoices and lines are record classes of their
// own too, lines with a composite key, and invoices have a rule that is due long before the customer's.
const TABLES = `
  ${closingTable('customer', 'person text')}
  ${closingTable('contract', 'customer_id integer constraint of_customer references customer, person text')}
  create index on contract (customer_id);
  ${closingTable('invoice', 'contract_id integer constraint of_contract references contract, person text')}
  create index on invoice (contract_id);
  create table line (a integer, b text, invoice_id integer constraint of_invoice references invoice, person text, primary key (a, b));
  create index on line (invoice_id)`;

let governed: Governed;
let app: GuardApp;
let closeApp: () => Promise<void>;

beforeAll(async () => {
  const invoices = { of_invoice: 'owned' };
  governed = await governedDatabase({
    setup: (sql) => sql.unsafe(TABLES),
    schedule: scheduleText({
      classes: {
        customer: {
          table: 'public.customer',
          subjects: { person: 'person' },
          references: { of_customer: 'owned', of_contract: 'owned', ...invoices },
        },
        invoice: { table: 'public.invoice', subjects: { person: 'person' }, references: invoices },
        line: { table: 'public.line', key: ['a', 'b'], subjects: { person: 'person' } },
      },
      rules: {
        customer_rule: deleteAfter('customer', 'closed_on'),
        invoice_rule: deleteAfter('invoice', 'closed_on'),
      },
    }),
  });
  const connection = await connectStore(governed.store, governed.url, 'retain_app');
  app = guardApp(connection);
  closeApp = () => connection.end();
  await app.openMatter('M-1', 'A matter', 'amira');
});
afterAll(async () => {
  await closeApp();
  await governed.end();
});

/** Customers 1 to 4, each with one contract, invoice and line of the same number. */
async function planned(rule: string): Promise<Plan> {
  const { sql } = governed;
  await sql`truncate retain_guard.hold cascade`;
  await sql`truncate customer, contract, invoice, line cascade`;
  await sql`insert into customer select n, '2001-01-01', 'C' || n from generate_series(1, 4) n`;
  await sql`insert into contract select n, '2001-01-01', n, 'K' || n from generate_series(1, 4) n`;
  await sql`insert into invoice select n, '2001-01-01', n, 'I' || n from generate_series(1, 4) n`;
  await sql`insert into line select n, 'x:' || n, n, 'L' || n from generate_series(1, 4) n`;
  return governed.plan({ rules: [rule] });
}

const hold = (scope: Partial<Pick<HoldRequest, 'keys' | 'subjects'>>) =>
  app.placeHold({
    matter: 'M-1',
    reason: 'litigation',
    because: 'a claim',
    placedBy: 'amira',
    reviewOn: '2030-01-01',
    keys: [],
    subjects: [],
    ...scope,
  });

const SCOPES: [string, Partial<Pick<HoldRequest, 'keys' | 'subjects'>>][] = [
  ['the customer', { keys: [{ recordClass: 'customer', keyText: '2' }] }],
  ['an invoice, two levels down', { keys: [{ recordClass: 'invoice', keyText: '2' }] }],
  [
    'a line, at the bottom, by its composite key',
    { keys: [{ recordClass: 'line', keyText: keyTextOf(['2', 'x:2']) }] },
  ],
  ['the person of the customer', { subjects: [{ kind: 'person', subject: 'C2' }] }],
  ['the person of an invoice', { subjects: [{ kind: 'person', subject: 'I2' }] }],
  ['the person of a line', { subjects: [{ kind: 'person', subject: 'L2' }] }],
];

describe.each(['customer', 'invoice'])(
  'a hold reaches the %s that is due, wherever it was placed',
  (name) => {
    it.each(SCOPES)('on %s, before the plan', async (_where, scope) => {
      await planned(`${name}_rule`);
      await hold(scope);
      const plan = await governed.plan({ rules: [`${name}_rule`] });
      expect(plan.document.steps[0]?.counts).toMatchObject({ due: 4, held: 1, destroys: 3 });
      await governed.carryOut(plan);
      await expectOnly(name, [2]);
    });

    it.each(SCOPES)('on %s, after the plan', async (_where, scope) => {
      const plan = await planned(`${name}_rule`);
      await hold(scope);
      const [result] = await governed.carryOut(plan);
      expect(result?.totals).toMatchObject({ destroyed: 3, held: 1 });
      await expectOnly(name, [2]);
    });

    it('twin: a guard that forgets the holds destroys the held one', async () => {
      const plan = await planned(`${name}_rule`);
      await hold(SCOPES[0]?.[1] ?? {});
      const restore = await weakenStatements(
        governed.sql,
        plan,
        1,
        "then 'held'",
        "and false then 'held'",
      );
      await governed.carryOut(plan);
      await restore();
      await expectOnly(name, []);
    });
  },
);

/** The aggregate is whole or gone; what it hangs on is untouched. */
async function expectOnly(name: string, ids: number[]): Promise<void> {
  const all = [1, 2, 3, 4];
  expect(await idsOf(governed.sql, 'customer')).toEqual(name === 'customer' ? ids : all);
  expect(await idsOf(governed.sql, 'contract')).toEqual(name === 'customer' ? ids : all);
  expect(await idsOf(governed.sql, 'invoice')).toEqual(ids);
  const lines = await governed.sql<{ a: number }[]>`select a from line order by a`;
  expect(lines.map(({ a }) => a)).toEqual(ids);
}

it('two holds on one record: it is free when the last is released, and for a later plan only', async () => {
  await planned('customer_rule');
  const scope = { keys: [{ recordClass: 'customer', keyText: '2' }] };
  const first = await hold(scope);
  const second = await hold(scope);
  await app.releaseHold(first.holdNo, 'benedict', 'settled');
  const plan = await governed.plan({ rules: ['customer_rule'] });
  await app.releaseHold(second.holdNo, 'benedict', 'settled');
  await governed.carryOut(plan);
  await expectOnly('customer', [2]);
  await governed.carryOut(await governed.plan({ rules: ['customer_rule'] }));
  await expectOnly('customer', []);
});
