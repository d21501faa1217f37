/** The statements that each source tells: numbered without gaps, each naming the one before. */
import { NO_PREVIOUS } from '../statements.ts';
import type { ReportFinding } from './findings.ts';
import { isBefore, type Said, type Told } from './said.ts';

interface End {
  readonly n: number;
  readonly sha256: string;
  readonly at: string | undefined;
}

export interface SourceChains {
  told(said: Said<Told>): void;
  /** How many statements a source has told so far. */
  count(source: string): number;
  names(): Iterable<string>;
  /** After a restore the clock of a source is another one. */
  restored(source: string): void;
}

export function sourceChains(report: ReportFinding): SourceChains {
  const ends = new Map<string, End>();
  return {
    told({ statement, index, sha256 }) {
      const { source, n, prev, at, kind } = statement;
      const end = ends.get(source) ?? { n: 0, sha256: NO_PREVIOUS, at: undefined };
      const wrong = (what: string): void =>
        report('E_SOURCE', `${what} (entry ${index}).`, { index });
      if (n !== end.n + 1) {
        wrong(`Statement ${n} of ${source} follows statement ${end.n}`);
      } else if (prev !== end.sha256) {
        wrong(`Statement ${n} of ${source} names another statement before it than there is`);
      }
      // Schedules are of the whole installation; everything else happens in a store.
      if ((source === 'control') !== (kind === 'rule.version')) {
        wrong(`${source} cannot tell of ${kind}`);
      }
      if (end.at !== undefined && isBefore(at, end.at)) {
        report('E_CLOCK', `The clock of ${source} went back before its statement ${n}.`, { index });
      }
      ends.set(source, { n, sha256, at });
    },
    count: (source) => ends.get(source)?.n ?? 0,
    names: () => ends.keys(),
    restored(source) {
      const end = ends.get(source);
      if (end !== undefined) ends.set(source, { ...end, at: undefined });
    },
  };
}
