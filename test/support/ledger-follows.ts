/** A ledger that follows at once, for tests in which no sequencer runs: every batch has an index as it is sealed. */
import type { Sql } from 'postgres';

/** In a schema of its own, so that neither the guard nor its checks see anything of it. */
export async function letLedgerFollow(sql: Sql): Promise<void> {
  await sql.unsafe(`
    create schema test_ledger;
    create sequence test_ledger.entries;
    create function test_ledger.follow() returns trigger language plpgsql security definer
      set search_path = pg_catalog, pg_temp as $$
    begin
      new.first_index := nextval('test_ledger.entries');
      return new;
    end
    $$;
    create trigger follow before insert on retain_guard.batch_sealed
      for each row execute function test_ledger.follow()`);
}
