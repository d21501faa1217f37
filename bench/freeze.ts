/** What the triggers of the freeze cost an application: a mix like pgbench's, one small transaction after the other. */
import postgres from 'postgres';
import { HELD_KEYS } from './data.ts';
import { type Figure, median, target } from './figures.ts';
import type { Governed } from './governed.ts';
import type { BenchServer } from './server.ts';

const CLIENTS = 2;
const TRANSACTIONS = 2_000;

interface Variant {
  readonly what: string;
  readonly prepare: () => Promise<unknown>;
}

/** Milliseconds per transaction without triggers, with them and no hold, and with 100,000 held keys. */
export async function measureFreeze(
  server: BenchServer,
  governed: Governed,
  { of, runs }: { readonly of: number; readonly runs: number },
): Promise<Figure[]> {
  const { sql } = server;
  const triggers = (state: string) =>
    ['update', 'delete', 'truncate'].map(
      (event) => `alter table public.record ${state} trigger retain_freeze_${event}`,
    );
  const bare = {
    what: 'application, no triggers',
    prepare: () => sql.unsafe(triggers('disable').join(';')),
  };
  const variants: readonly Variant[] = [
    bare,
    {
      what: 'application, frozen tables, no holds',
      prepare: () => sql.unsafe(triggers('enable always').join(';')),
    },
    {
      what: `application, frozen tables, ${HELD_KEYS.toLocaleString('en-GB')} held keys`,
      // Records to come: what is held could not be changed, and the figure is of what goes on.
      prepare: () =>
        governed.placeHold(Array.from({ length: HELD_KEYS }, (_, index) => String(of + 1 + index))),
    },
  ];
  const times = new Map<string, number[]>();
  for (let run = 0; run < runs; run += 1) {
    await governed.forgetHolds();
    for (const { what, prepare } of variants) {
      await prepare();
      await sql.unsafe('vacuum (analyze) public.record');
      times.set(what, [...(times.get(what) ?? []), await mixMs(server, of)]);
    }
  }
  await governed.forgetHolds();
  const base = median(times.get(bare.what) ?? []);
  return [...times].map(([what, list]) => {
    const ratio = median(list) / base;
    return {
      ...{ what, value: median(list), unit: 'ms per transaction', ratio },
      range: [Math.min(...list), Math.max(...list)] as const,
      ...(what === bare.what ? {} : { target: target(ratio, '<=', 1.15) }),
    };
  });
}

async function mixMs({ url, sql }: BenchServer, of: number): Promise<number> {
  await sql`create table if not exists bench.history (id bigint, at timestamptz)`;
  const application = postgres(url, { max: CLIENTS, onnotice: () => undefined });
  const client = async (number: number): Promise<void> => {
    for (let nth = 0; nth < TRANSACTIONS; nth += 1) {
      const id = 1 + ((nth * 7_919 + number * 104_729) % of);
      await application.begin(async (own) => {
        await own`update public.record set title = ${`Title ${nth}`} where id = ${id}`;
        await own`select title from public.record where id = ${id}`;
        await own`insert into bench.history values (${id}, now())`;
      });
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(number)));
  const spent = performance.now() - startedAt;
  await application.end();
  return spent / TRANSACTIONS;
}
