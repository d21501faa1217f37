/** Logs of somebody who has all the keys and lies: one statement changed before it is signed, or told too much. */
import type { SignedKind } from '../../ledger/entry.ts';
import type { FindingCode } from '../../ledger/verify/findings.ts';
import { run, story } from './log-builder.ts';
import { type Body, type Change, logTeller, type Piece, type Teller } from './log-teller.ts';
import { codes, verified } from './verified.ts';

export const HEX = 'ab'.repeat(32);
export const SOME_RUN = '018f2b6e-7c3a-7d10-9a55-0123456789ab';
export const ELSEWHERE = 'store:elsewhere';
export const EARLY = '2026-01-01T00:00:00.000000Z';

export type Lie = (body: Body) => Body;

/** Changes the `nth` statement of a kind before it is signed. */
export function lying(kind: SignedKind, lie: Lie, nth = 1): Change {
  return (of, body, n) => (of === kind && n === nth ? lie(body) : body);
}

export const set =
  (fields: Body): Lie =>
  (body) => ({ ...body, ...fields });
export const inside =
  (name: string, fields: Body): Lie =>
  (body) => ({
    ...body,
    [name]: { ...(body[name] as Body), ...fields },
  });
export const onSteps =
  (change: (steps: Body[]) => Body[]): Lie =>
  (body) => ({
    ...body,
    steps: change(body['steps'] as unknown as Body[]),
  });
export const onLanes =
  (change: (lanes: Body[]) => Body[]): Lie =>
  (body) => ({
    ...body,
    lanes: change(body['lanes'] as unknown as Body[]),
  });

/** Codes found in the whole story with this lie in it. */
export async function found(change: Change): Promise<FindingCode[]> {
  return codes(await verified(story({ change })));
}

/** Codes found in what is told here after a beginning with one closed run. */
export async function foundAfter(
  tell: (teller: Teller) => Iterable<Piece>,
): Promise<FindingCode[]> {
  return codes(await verified(told(tell)));
}

export function* told(
  tell: (teller: Teller) => Iterable<Piece>,
  teller = logTeller(),
): Generator<Piece> {
  yield teller.genesis();
  yield teller.scheduleVersion(1);
  yield teller.placeHold();
  yield* run(teller, { batches: 1, records: 3 });
  yield* tell(teller);
}

/** A run that is open: what `tell` says comes before its end. */
export function* openRun(
  teller: Teller,
  tell: (told: ReturnType<Teller['plan']>['run']) => Iterable<Piece>,
  destroys = 100,
): Generator<Piece> {
  const { run: one, piece } = teller.plan([
    { class: 'customer', destroys },
    { class: 'lease', destroys: 10 },
  ]);
  yield piece;
  yield teller.decide(one);
  yield teller.openRun(one);
  yield* tell(one);
}
