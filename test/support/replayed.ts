/** A log that was brought back after a restore, as its replay says. */
import { HEX, type Lie, told } from './lies.ts';
import { headOf } from './log-builder.ts';
import { type Change, logTeller, type Piece, type Teller, type ToldRun } from './log-teller.ts';

/** A log whose second run is given up by a replay; `after` is told behind it. */
export function replayed(
  lie: Lie = (body) => body,
  after: (teller: Teller, given: ToldRun) => Piece[] = () => [],
  change?: Change,
): Piece[] {
  const teller = logTeller(change && { change });
  const before = [...told(() => [], teller)];
  const { run: given, piece } = teller.plan([{ class: 'customer', destroys: 9 }]);
  before.push(piece, teller.decide(given), teller.openRun(given), teller.releaseHold(1));
  before.push(teller.batch(given, { records: 2 }));
  const { size, root } = headOf(before);
  const body = {
    ...{ size_before: 3, size_after: size, root_after: root.toString('hex') },
    sources: { [teller.source]: teller.chain(teller.source) - 1, control: 1 },
    lost: { [teller.source]: { after: 2, batches: { count: 0, sha256: HEX } } },
    ...{ runs_abandoned: [given.run], at: teller.tick() },
  };
  return [...before, teller.byAdmin('replay', lie(body)), ...after(teller, given)];
}
