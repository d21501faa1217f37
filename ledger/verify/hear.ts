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
  'epoch.destroy': (said, { epochs, holds }) =>
    epochs.destroy(said, holds.inForce(said.statement.source)),
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
  said: SaidOf<'replay'>,
  { sources, runs, holds, replays, report }: LogState,
  rootAt: RootAt,
): void {
  const { statement, index, signed } = said;
  const { size_before, size_after, root_after, runs_abandoned } = statement;
  // It lets runs end and rows be missing: only the admin key can say so.
  if (!signed) return;
  replays.push(said);
  const wrong = (what: string): void => report('E_REPLAY', `A replay ${what}.`, { index });
  if (size_after !== index || size_before > size_after) {
    wrong('names another size of the log than it had');
  } else if (rootAt(index).toString('hex') !== root_after) {
    wrong('names another root of the log than it had');
  }
  const lastOf = new Map(Object.entries(statement.sources));
  for (const source of new Set([...sources.names(), ...lastOf.keys()])) {
    if (lastOf.get(source) !== sources.count(source)) {
      wrong(`names another last statement of ${source} than the log has`);
    }
    sources.restored(source);
    holds.restored(source);
  }
  for (const [source, { after }] of Object.entries(statement.lost)) {
    if (after > sources.count(source)) wrong(`says that ${source} had more than the log has of it`);
  }
  for (const run of runs_abandoned) runs.abandon(run, index);
}
