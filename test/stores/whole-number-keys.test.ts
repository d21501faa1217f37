import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectStore } from '../../stores/postgres/connection.ts';
import { guardApp } from '../../stores/postgres/guard-app.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { deleteAfter, scheduleText } from './small-schedule.ts';

// Held keys of whole-number classes are compared as numbers, those of text classes as texts. Both must
// name exactly the record that was meant.
const NUMBERS = ['0', '7', '-7', '70', '9223372036854775807', '-9223372036854775808'];
const TEXTS = ['7', '007', '+7', '7 ', '-0', '0', '9223372036854775807', '9223372036854775808'];

let governed: Governed;

beforeAll(async () => {
  governed = await governedDatabase({
    setup: (sql) =>
      sql.unsafe(`
        create table public.numbered (id bigint primary key, closed_on date);
        create index on public.numbered (closed_on);
        create table public.lettered (id text primary key, closed_on date);
        create index on public.lettered (closed_on);
        insert into public.numbered select k::bigint, '2001-01-01' from unnest('{${NUMBERS.join(',')}}'::text[]) k;
        insert into public.lettered select k, '2001-01-01' from unnest(array['${TEXTS.join("','")}']) k;`),
    schedule: scheduleText({
      classes: { numbered: { table: 'public.numbered' }, lettered: { table: 'public.lettered' } },
      rules: {
        numbered_rule: deleteAfter('numbered', 'closed_on'),
        lettered_rule: deleteAfter('lettered', 'closed_on'),
      },
    }),
  });
});
afterAll(() => governed.end());

it('a hold keeps the record of exactly its key, at both ends of 64 bits and among texts that look alike', async () => {
  const app = await connectStore(governed.store, governed.url, 'retain_app');
  const held = {
    numbered: ['9223372036854775807', '-9223372036854775808', '0'],
    lettered: ['007', '-0', '9223372036854775808'],
  };
  await guardApp(app).openMatter('M-1', 'a matter', 'diana');
  await guardApp(app).placeHold({
    matter: 'M-1',
    reason: 'litigation',
    because: 'a letter',
    placedBy: 'diana',
    reviewOn: '2030-01-01',
    keys: Object.entries(held).flatMap(([recordClass, keys]) =>
      keys.map((keyText) => ({ recordClass, keyText })),
    ),
    subjects: [],
  });
  await app.end();

  await governed.carryOut(await governed.plan());

  const left = async (table: string) => {
    const rows = await governed.sql<
      { id: string }[]
    >`select id::text as id from ${governed.sql(table)}`;
    return rows.map(({ id }) => id).sort();
  };
  expect(await left('numbered')).toEqual([...held.numbered].sort());
  expect(await left('lettered')).toEqual([...held.lettered].sort());
});
