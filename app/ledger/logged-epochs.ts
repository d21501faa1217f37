/** The epoch keys that the log tells of: where each is used, until when it is kept, and whether it is gone. */
import type { LedgerDb } from '../../db/ledger.ts';
import { type CalendarDate, parseCalendarDate } from '../../domain/civil.ts';
import { type Epoch, parseEpoch } from '../../domain/epoch.ts';
import { decodeEntry } from '../../ledger/entry.ts';
import { readStatement } from '../../ledger/statements.ts';

/** An epoch in one store. */
export interface LoggedUse {
  readonly store: string;
  /** Of its key, hex. */
  readonly commitment: string;
  readonly destroyAfter: CalendarDate | null;
  /** RFC 3339 UTC, by the store's clock; undefined while the key is in use. */
  readonly destroyedAt: string | undefined;
}

export interface LoggedEpoch extends Epoch {
  /** One a store, at least one; several when the class moved from one store to another. */
  readonly uses: readonly LoggedUse[];
}

/** By record class and quarter. */
export async function loggedEpochs(ledger: Pick<LedgerDb, 'statements'>): Promise<LoggedEpoch[]> {
  const uses = new Map<string, Map<string, LoggedUse>>();
  for (const { entry } of await ledger.statements(['epoch.open', 'epoch.destroy'])) {
    const decoded = entry === null ? undefined : decodeEntry(entry);
    if (decoded?.kind !== 'epoch.open' && decoded?.kind !== 'epoch.destroy') continue;
    const statement = readStatement(decoded);
    if (statement.kind !== 'epoch.open' && statement.kind !== 'epoch.destroy') continue;
    const { epoch, source, commitment, at } = statement;
    const store = source.replace(/^store:/, '');
    const ofEpoch = uses.get(epoch) ?? new Map<string, LoggedUse>();
    const { destroyAfter = null, destroyedAt } = ofEpoch.get(store) ?? {};
    const use =
      statement.kind === 'epoch.open'
        ? { destroyAfter: parseCalendarDate(statement.destroy_after ?? '') ?? null, destroyedAt }
        : { destroyAfter, destroyedAt: at };
    uses.set(epoch, ofEpoch.set(store, { store, commitment, ...use }));
  }
  return [...uses]
    .flatMap(([id, byStore]): LoggedEpoch[] => {
      const epoch = parseEpoch(id);
      return epoch === undefined ? [] : [{ ...epoch, uses: [...byStore.values()] }];
    })
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Whether every store that used the key has told that it is destroyed. */
export function isDestroyed({ uses }: LoggedEpoch): boolean {
  return uses.every(({ destroyedAt }) => destroyedAt !== undefined);
}

/** The last day on which the key is kept; null when nothing but a person's word destroys it. */
export function lastDay({ uses }: LoggedEpoch): CalendarDate | null {
  const days = uses.map(({ destroyAfter }) => destroyAfter);
  return days.includes(null) ? null : (days.sort().at(-1) ?? null);
}
