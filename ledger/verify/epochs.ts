/** Epoch keys of each store: in use from the statement that commits to them. */
import type { ReportFinding } from './findings.ts';
import type { SaidOf } from './said.ts';

export interface Epochs {
  open(said: SaidOf<'epoch.open'>): void;
  destroy(said: SaidOf<'epoch.destroy'>): void;
  isOpen(source: string, epoch: string): boolean;
}

interface Epoch {
  readonly commitment: string;
  readonly destroyed: boolean;
}

export function epochs(report: ReportFinding): Epochs {
  const known = new Map<string, Epoch>();
  const nameOf = (source: string, epoch: string): string => `${source} ${epoch}`;
  return {
    open({ statement: { source, epoch, commitment }, index, signed }) {
      const name = nameOf(source, epoch);
      const before = known.get(name);
      // A store that was restored to before it registered the same key registers it again.
      const again = before?.commitment === commitment && !before.destroyed;
      if (before !== undefined && !again) {
        report('E_EPOCH', `An epoch key of ${source} is opened that the log had before.`, {
          index,
        });
      } else if (signed) {
        known.set(name, { commitment, destroyed: false });
      }
    },
    destroy({ statement: { source, epoch, commitment }, index }) {
      const name = nameOf(source, epoch);
      const before = known.get(name);
      if (before === undefined || before.destroyed || before.commitment !== commitment) {
        report('E_EPOCH', `An epoch key of ${source} is destroyed that was not open.`, { index });
      }
      known.set(name, { commitment, destroyed: true });
    },
    isOpen: (source, epoch) => known.get(nameOf(source, epoch))?.destroyed === false,
  };
}
