/** Takes one signed entry to whoever keeps account of its kind. */
import type { SignedKind } from '../entry.ts';
import type { StatementOf } from '../statements.ts';
import { checkBatch } from './batch-rules.ts';
import type { LogState } from './log-state.ts';
import type { Said, SaidOf } from './said.ts';

/** The root of the log when it had `size` entries, of those read last. */
export type RootAt = (size: number) => Buffer;

type Hear<K extends SignedKind> = (said: SaidOf<K>, state: LogState, rootAt: RootAt) => void;

const HEAR: { readonly [K in SignedKind]: Hear<K> } = {
  genesis: (said, state) => genesis(said.statement, state),
  key: (said, { keys }) => keys.key(said),
  replay,
  'rule.version': (said, { plans }) => plans.version(said),
  plan: (said, { plans, holds }) => plans.register(said, holds.version(said.statement.source)),
  approval: (said, { plans }) => plans.decide(said),
  'run.open': (said, { runs }) => runs.open(said),
  'run.close': (said, { runs }) => runs.close(said),
  batch: (said, state) => {
    checkBatch(said, state);
    state.records.begin(said);
  },
  'hold.place': (said, { holds }) => holds.place(said),
  'hold.release': (said, { holds }) => holds.release(said),
  'hold.freeze': (said, { holds }) => holds.freeze(said),
  'epoch.open': (said, { epochs }) => epochs.open(said),
  'epoch.destroy': (said, { epochs }) => epochs.destroy(said),
  'guard.install': () => undefined,
  'guard.remove': () => undefined,
};

export function hear(said: Said, state: LogState, rootAt: RootAt): void {
  const { statement } = said;
  if ('source' in statement) state.sources.told({ ...said, statement });
  // What stands under a kind hears that kind; the compiler cannot follow it through the table.
  const hearKind = HEAR[statement.kind] as Hear<SignedKind>;
  hearKind(said, state, rootAt);
}

function genesis(statement: StatementOf<'genesis'>, { keys, origin, report }: LogState): void {
  keys.genesis(statement);
  if (statement.origin !== origin) {
    report('E_ORIGIN', 'The genesis names another log than the policy.', { index: 0 });
  }
}

/** A restore took entries from the databases: they are back, and what was in flight is given up. */
function replay(
  { statement, index, signed }: SaidOf<'replay'>,
  { sources, runs, holds, report }: LogState,
  rootAt: RootAt,
): void {
  const { size_before, size_after, root_after, sources: ends, runs_abandoned } = statement;
  // It would let statements be missing and runs end: only the admin key can say so.
  if (!signed) return;
  const wrong = (what: string): void => report('E_REPLAY', `A replay ${what}.`, { index });
  if (size_after !== index || size_before > size_after) {
    wrong('names another size of the log than it had');
  } else if (rootAt(index).toString('hex') !== root_after) {
    wrong('names another root of the log than it had');
  }
  for (const [source, n] of Object.entries(ends)) {
    if (n < sources.count(source)) wrong(`forgets statements of ${source}`);
    sources.raise(source, n);
    holds.restored(source);
  }
  for (const run of runs_abandoned) runs.abandon(run, index);
}
