/** What somebody who owns the databases, and no key, writes behind the published end of the log. */
import { requireHead } from '../../app/ledger/sequence.ts';
import { statementEntry } from '../../app/ledger/statement.ts';
import { openTree } from '../../app/ledger/tree-builder.ts';
import type { LogRange } from '../../db/ledger.ts';
import { canonicalJson } from '../../ledger/canonical.ts';
import { decodeEntry, entrySha256 } from '../../ledger/entry.ts';
import { leafHash } from '../../ledger/hashing.ts';
import { grow, rootOf } from '../../ledger/open-tree.ts';
import { batchLeafHashes } from '../../ledger/record-entries.ts';
import { readStatement } from '../../ledger/statements.ts';
import type { LedgerSite } from './ledger-site.ts';

type Row = Pick<LogRange, 'source' | 'kind' | 'n'> & { readonly entry: Buffer };

const SOURCE = 'store:records';
const NO_SIGNATURE = Buffer.alloc(64);
const REPLAY = 0x61;

const now = (): string => new Date().toISOString().replace('Z', '000Z');

/** Statements as superuser with triggers and foreign keys off. */
export async function superuser({ governed }: LedgerSite, text: string): Promise<void> {
  await governed.sql.begin(async (sql) => {
    await sql.unsafe('set local session_replication_role = replica');
    await sql.unsafe(text);
  });
}

/** One more statement, and the head of a tree that has it. */
export async function appendForged(site: LedgerSite, row: Row): Promise<number> {
  const { sql } = site.governed;
  const { source, kind, n, entry } = row;
  const head = await requireHead(site.deps.ledger);
  const { tree } = grow(openTree(head), leafHash(entry));
  await sql`insert into retain.log_seq (first_index, leaves, source, kind, n, entry)
    values (${head.size}, 1, ${source}, ${kind}, ${n}, ${entry})`;
  await sql`update retain.log_state set size = ${tree.size}, root = ${rootOf(tree)},
    open = ${Buffer.concat([...tree.open])}`;
  return head.size;
}

/** The first entry of a kind once more, with its own signature. */
export async function appendAgain(site: LedgerSite, kind: string): Promise<void> {
  const { sql } = site.governed;
  await sql.unsafe(`drop index if exists retain.log_seq_by_source;
    alter table retain.log_seq drop constraint if exists log_seq_batch_id_unique`);
  const head = await requireHead(site.deps.ledger);
  const [first] = (await site.deps.ledger.ranges(0, head.size)).filter((row) => row.kind === kind);
  if (first === undefined) throw new Error(`the log has no ${kind}`);
  const { entry, source, n, batchId } = first;
  if (entry !== null) {
    await appendForged(site, { entry, source, kind, n });
    return;
  }
  const sealed = await site.store.sealed(batchId ?? '');
  if (sealed === undefined) throw new Error('the batch is not sealed');
  const { tree } = grow(openTree(head), batchLeafHashes(sealed.header, sealed.refs));
  await sql`insert into retain.log_seq (first_index, leaves, source, kind, batch_id)
    values (${head.size}, ${first.leaves}, ${source}, ${kind}, ${batchId})`;
  await sql`update retain.log_state set size = ${tree.size}, root = ${rootOf(tree)},
    open = ${Buffer.concat([...tree.open])}`;
}

/** The release of hold 1, told by nobody: every row says that the store told it and that it was appended. */
export async function forgedRelease(
  site: LedgerSite,
  { signed }: { readonly signed: boolean },
): Promise<void> {
  const { retain } = site.governed;
  const end = await site.deps.ledger.sourceEnd(SOURCE);
  const n = (end?.n ?? 0) + 1;
  const at = now();
  const body = { hold: 1, version: '2', released_at: at };
  const entry = statementEntry(
    { kind: 'hold.release', body, names: { released_by: 'helena' }, at },
    { source: SOURCE, n, prev: end?.entrySha256.toString('hex') ?? '' },
    { worker: await retain.ledgerKeys.worker(), names: await retain.ledgerKeys.names() },
  );
  if (!signed) NO_SIGNATURE.copy(entry, 2);
  const index = await appendForged(site, { source: SOURCE, kind: 'hold.release', n, entry });
  const { sql } = site.governed;
  await sql`update retain.log_source set n = ${n}, entry_sha256 = ${entrySha256(entry)}
    where source = ${SOURCE}`;
  await superuser(
    site,
    `insert into retain_guard.event (event_no, kind, body, names, at, first_index)
       values (${n}, 'hold.release', '${JSON.stringify(body)}', '{"released_by": "helena"}', '${at}', ${index});
     update retain_guard.hold set released_at = '${at}', released_by = 'helena', released_because = 'x',
            released_version = 2;
     update retain_guard.hold_state set version = 2`,
  );
}

/** A replay that says of everything that it was lost, with no signature. */
export async function unsignedReplay(site: LedgerSite): Promise<Buffer> {
  const { size, root } = await requireHead(site.deps.ledger);
  const { n = 0 } = (await site.deps.ledger.sourceEnd(SOURCE)) ?? {};
  const body = {
    ...{ v: 1, kind: 'replay', size_before: 0, size_after: size },
    ...{ root_after: root.toString('hex'), sources: { [SOURCE]: n }, runs_abandoned: [] },
    lost: {
      [SOURCE]: { after: 0, batches: { count: 0, sha256: entrySha256(root).toString('hex') } },
    },
    ...{ at: now(), signed_by: 'admin-00000000' },
  };
  const entry = Buffer.concat([Buffer.of(1, REPLAY), NO_SIGNATURE, canonicalJson(body)]);
  const decoded = decodeEntry(entry);
  if (decoded.kind !== 'record') readStatement(decoded);
  return entry;
}
