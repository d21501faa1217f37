/** In which order a store's statements and batches enter the log. */

export interface StatementInOrder {
  /** Counts from 1 in its store, in the order of commits. */
  readonly n: number;
  readonly kind: string;
  /** Of a statement about a run. */
  readonly run?: string | undefined;
}

export interface BatchInOrder {
  readonly run: string;
  readonly step: number;
  readonly lane: number;
  readonly seq: number;
}

/** What a lane is called within its run. */
export function laneName({ step, lane }: Pick<BatchInOrder, 'step' | 'lane'>): string {
  return `${step}/${lane}`;
}

export type InOrder<S, B> = { readonly statement: S } | { readonly batch: B };

/**
 * The order for what one snapshot of one store shows. Statements keep their own; the batches of a run
 * come before its `run.close`, all others after the last statement, each by (run, step, lane, seq).
 *
 * Both must be of one snapshot and all that it shows. It then shows with a batch whatever was committed
 * before it, so plan, approval, `run.open` and every hold that the batch checked precede it.
 */
export function inLogOrder<S extends StatementInOrder, B extends BatchInOrder>(
  statements: readonly S[],
  batches: readonly B[],
): InOrder<S, B>[] {
  const left = [...batches].sort(byPlace);
  const ordered: InOrder<S, B>[] = [];
  for (const statement of [...statements].sort((a, b) => a.n - b.n)) {
    if (statement.kind === 'run.close') {
      ordered.push(...take(left, statement.run).map((batch) => ({ batch })));
    }
    ordered.push({ statement });
  }
  return [...ordered, ...left.map((batch) => ({ batch }))];
}

function take<B extends BatchInOrder>(left: B[], run: string | undefined): B[] {
  const taken = left.filter((batch) => batch.run === run);
  left.splice(0, left.length, ...left.filter((batch) => batch.run !== run));
  return taken;
}

function byPlace(a: BatchInOrder, b: BatchInOrder): number {
  if (a.run !== b.run) return a.run < b.run ? -1 : 1;
  return a.step - b.step || a.lane - b.lane || a.seq - b.seq;
}
