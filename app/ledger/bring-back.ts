/** Entries that a restored database has forgotten, appended again from the published copy of the log. */
import type { LogHead } from '../../db/ledger.ts';
import { RetentionError } from '../../domain/errors.ts';
import { instantFromMillis } from '../../domain/instant.ts';
import { signEntry } from '../../ledger/entry.ts';
import type { StatementOf } from '../../ledger/statements.ts';
import type { LogSource } from '../../ledger/verify/log-source.ts';
import type { Retain } from '../context.ts';
import { validAdmin } from './known-keys.ts';
import { loggedStatements } from './logged-statements.ts';
import { type PublishedPart, publishedParts } from './published-log.ts';
import { MOST_LEAVES_PER_COMMIT, type TreeBuilder, treeBuilder } from './tree-builder.ts';

/** What one store lacks of what the log has from it. */
export type Loss = StatementOf<'replay'>['lost'][string];

/** More than ever waits: each is a schedule that was installed or a key that changed. */
const MOST_OUTBOX_ROWS = 100_000;

/**
 * Appends what the database has forgotten, and in the last commit the statement that it was brought back.
 * Answers the new size. Throws `STORE_BUSY` when somebody else extends the ledger.
 */
export async function bringBack(
  retain: Retain,
  source: LogSource,
  head: LogHead,
  signed: { readonly size: number; readonly root: Buffer },
  { runsAbandoned, lost }: { runsAbandoned: readonly string[]; lost: Record<string, Loss> },
): Promise<number> {
  const { ledger } = retain.control;
  const outbox = await ledger.pending(MOST_OUTBOX_ROWS);
  const ends = loggedStatements();
  let at = head;
  let builder = treeBuilder(at);
  let placed: { no: number; firstIndex: number }[] = [];
  const commit = async (): Promise<void> => {
    const extension = builder.extension({
      outbox: placed,
      sources: [...ends.sources.values()],
      lanes: [...ends.lanes.values()],
    });
    if (extension.ranges.length === 0) return;
    if (!(await ledger.extend(extension))) {
      throw new RetentionError(
        'STORE_BUSY',
        'Somebody else extends the ledger at this moment. Try again.',
      );
    }
    at = { ...at, ...extension.after };
    builder = treeBuilder(at);
    placed = [];
  };
  for await (const part of publishedParts(source, signed.size)) {
    if (part.firstIndex < head.size) {
      ends.hear(part);
      continue;
    }
    // Before and not after: the last commit has the statement below, so no sequencer comes in between.
    if (builder.size - at.size >= MOST_LEAVES_PER_COMMIT) await commit();
    ends.hear(part);
    append(builder, part);
    const row = outbox.find(
      ({ entry, at: told }) => entry?.equals(part.entry.bytes) ?? isTold(part, told),
    );
    if (row !== undefined) placed.push({ no: row.no, firstIndex: part.firstIndex });
  }
  const admin = await validAdmin(ledger, retain.ledgerKeys);
  const entry = signEntry(
    'replay',
    {
      v: 1,
      kind: 'replay',
      size_before: head.size,
      size_after: signed.size,
      root_after: signed.root.toString('hex'),
      sources: Object.fromEntries([...ends.sources].map(([name, { n }]) => [name, n])),
      lost,
      runs_abandoned: [...runsAbandoned],
      at: instantFromMillis(Date.now()),
      signed_by: admin.name,
    },
    admin,
  );
  builder.statement({ source: 'control', kind: 'replay', n: null, entry });
  await commit();
  return at.size;
}

/** A statement of the control database and the row it came from have the same microsecond. */
function isTold({ statement }: PublishedPart, told: string): boolean {
  return 'source' in statement && statement.source === 'control' && statement.at === told;
}

function append(builder: TreeBuilder, part: PublishedPart): void {
  const { entry, statement, refs } = part;
  if (statement.kind === 'batch') {
    const source = `store:${statement.store}`;
    builder.batch({ source, batch: statement.batch, header: entry.bytes, refs });
    return;
  }
  const told = 'source' in statement ? statement : undefined;
  builder.statement({
    source: told?.source ?? 'control',
    kind: statement.kind,
    n: told?.n ?? null,
    entry: entry.bytes,
  });
}
