/** Where a signed head goes: to its witnesses first, then to every place where the log is published. */
import { parseCheckpoint } from '../../ledger/checkpoint.ts';
import { parseNote } from '../../ledger/note.ts';
import type { Policy } from '../../ledger/policy.ts';
import type { LogReader } from './log-reader.ts';
import { noOutages, type OutageSettings } from './outages.ts';
import { type PlaceSettings, placesOf } from './places.ts';
import { type Collected, witnessesOf } from './witnesses.ts';

export interface DeliverySettings extends PlaceSettings, OutageSettings {
  /** Its witnesses are asked; a head without its quorum is not published. */
  readonly policy?: Policy | undefined;
}

export interface Delivery {
  /**
   * The note with what others signed about it. A place that fails is told of when it begins to and when it
   * works again, and left alone for a while (see `Outages`); the others go on. A slow one is left to end by
   * itself, and one that has more than this head, since another keeper was quicker, for the next call. Throws
   * only for what nobody may go on with, be it with the next call: a place that has another history, and
   * `LEDGER_BEHIND` for one that has more than was ever signed.
   */
  deliver(note: string, reader: LogReader): Promise<string>;
  /**
   * True when there is something to do now for a head of that size: this delivery has not brought it to every
   * place (whoever signed it may have died before), and somebody who lacks it may be asked.
   */
  due(size: number): boolean;
}

/** A head on its way. */
interface Head {
  readonly size: number;
  readonly signed: string;
  readonly beganAt: number;
  readonly collected: Collected;
  /** Places that do not have it yet. */
  readonly lacking: Set<string>;
}

/** What witnesses said longer ago is asked for again: its time tells readers that the log lives. */
const STALE_MS = 3_600_000;

export function delivery(settings: DeliverySettings): Delivery {
  const { policy, now } = settings;
  const outages = noOutages(settings);
  const witnesses = witnessesOf(policy, outages);
  const places = placesOf(settings, outages);
  let current: Head | undefined;

  const begin = (note: string): Head => ({
    size: parseCheckpoint(parseNote(Buffer.from(note)).text).size,
    signed: note,
    beganAt: now(),
    collected: witnesses.begin(note),
    lacking: new Set(places.names),
  });
  const isStale = ({ beganAt }: Head): boolean => {
    const ageMs = now() - beganAt;
    return ageMs < 0 || ageMs >= STALE_MS;
  };
  const isEverywhere = ({ collected, lacking }: Head): boolean =>
    collected.quorum && lacking.size === 0;
  const goesOn = (head: Head, note: string): boolean =>
    !isEverywhere(head) && !isStale(head) && (note === head.signed || note === head.collected.note);

  return {
    due: (size) => {
      if (current?.size !== size) return true;
      if (isEverywhere(current)) return false;
      const { collected, lacking } = current;
      if (isStale(current)) return true;
      return collected.quorum ? places.mayAsk(lacking) : witnesses.mayAsk(collected);
    },
    async deliver(note, reader) {
      const head = current !== undefined && goesOn(current, note) ? current : begin(note);
      current = head;
      const { collected, lacking } = head;
      if (!collected.quorum) await witnesses.ask(collected, reader);
      // Nobody shall see a head that its own policy refuses.
      if (!collected.quorum) return note;
      await places.reach(lacking, collected.note, reader);
      return collected.note;
    },
  };
}
