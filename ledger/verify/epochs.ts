/** Epoch keys of each store: in use from the statement that commits to them. */
import type { ReportFinding } from './findings.ts';
import type { SaidOf } from './said.ts';

export interface Epochs {
  open(said: SaidOf<'epoch.open'>): void;
  /** `holds`: numbers of the holds that are in force in the store. */
  destroy(said: SaidOf<'epoch.destroy'>, holds: readonly number[]): void;
  isOpen(source: string, epoch: string): boolean;
}

interface Epoch {
  readonly commitment: string;
  readonly destroyAfter: string | null;
  readonly destroyed: boolean;
}

export function epochs(report: ReportFinding): Epochs {
  const known = new Map<string, Epoch>();
  const nameOf = (source: string, epoch: string): string => `${source} ${epoch}`;
  return {
    open({ statement, index, signed }) {
      const { source, epoch, commitment, destroy_after: destroyAfter } = statement;
      const name = nameOf(source, epoch);
      const before = known.get(name);
      // A store that was restored to before it registered the same key registers it again.
      const again =
        before?.commitment === commitment &&
        before.destroyAfter === destroyAfter &&
        !before.destroyed;
      if (before !== undefined && !again) {
        report('E_EPOCH', `An epoch key of ${source} is opened that the log had before.`, {
          index,
        });
      } else if (signed) {
        known.set(name, { commitment, destroyAfter, destroyed: false });
      }
    },
    destroy({ statement: { source, epoch, commitment }, index }, holds) {
      const name = nameOf(source, epoch);
      const before = known.get(name);
      if (before === undefined || before.destroyed || before.commitment !== commitment) {
        report('E_EPOCH', `An epoch key of ${source} is destroyed that was not open.`, { index });
      }
      if (holds.length > 0) {
        report(
          'E_EPOCH',
          `An epoch key of ${source} is destroyed while hold ${holds[0]} is in force.`,
          { index },
        );
      }
      known.set(name, {
        commitment,
        destroyAfter: before?.destroyAfter ?? null,
        destroyed: true,
      });
    },
    isOpen: (source, epoch) => known.get(nameOf(source, epoch))?.destroyed === false,
  };
}
