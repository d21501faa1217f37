// Runs statements with the driver in argv[2] against the URL in argv[3], one job per line of stdin:
// {"shape":"begin"|"one","restMs":0}. Answers one line of JSON per job. Dies if the driver does.
import { createInterface } from 'node:readline';
import { setTimeout as rest } from 'node:timers/promises';

const { default: postgres } = await import(process.argv[2]);
const sql = postgres(process.argv[3], { max: 1, backoff: false, connect_timeout: 2 });
const HANGS_MS = 5_000;

const shapes = {
  begin: () =>
    sql.begin(async (tx) => {
      await tx`delete from record where id = 1`;
      await tx`insert into log values (1)`;
    }),
  one: () => sql`
    with gone as (delete from record where id = 1 returning id)
    insert into log select id from gone`,
};

async function outcome(query) {
  const late = rest(HANGS_MS, 'hangs', { ref: false });
  const answered = query.then(
    () => 'done',
    (error) => error.code,
  );
  return Promise.race([answered, late]);
}

await sql`select 1`;
process.stdout.write('ready\n');
for await (const line of createInterface({ input: process.stdin })) {
  const { shape, restMs } = JSON.parse(line);
  const first = await outcome(shapes[shape]());
  if (restMs > 0) await rest(restMs);
  const next = await outcome(sql`select 7`);
  process.stdout.write(`${JSON.stringify({ first, next, later: await outcome(sql`select 8`) })}\n`);
}
process.exit(0);
