/** The places that a signed head is brought to: sinks, and an authority for timestamps. */
import { setTimeout } from 'node:timers/promises';
import type { LedgerDb } from '../../db/ledger.ts';
import { RetentionError } from '../../domain/errors.ts';
import { parseCheckpoint } from '../../ledger/checkpoint.ts';
import { parseNote } from '../../ledger/note.ts';
import type { LogReader } from './log-reader.ts';
import type { Outages } from './outages.ts';
import { type LogSink, publish } from './publish.ts';
import { timestampCheckpoint } from './timestamp.ts';

export interface PlaceSettings {
  readonly sinks: readonly LogSink[];
  /** An authority after RFC 3161, asked once a day and after every run. */
  readonly tsaUrl?: string | undefined;
  readonly ledger: Pick<LedgerDb, 'timestamped' | 'addTimestamp' | 'closedSince'>;
  /** Entries of the largest tree that was ever signed, by whichever process; 0 before the first. */
  readonly signedSize: () => Promise<number>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** How long slow places are waited for; 5 seconds when missing. */
  readonly patienceMs?: number;
}

export interface Places {
  readonly names: readonly string[];
  /** Whether any of those that lack a head may be asked now, and is not busy with one. */
  mayAsk(lacking: ReadonlySet<string>): boolean;
  /**
   * Brings a head to all of those at once, and takes each out of `lacking` when it has it. Answers when all
   * have ended; the slow ones are left to end by themselves. Throws, now or with the next call, for what
   * nobody may go on with; see `Delivery.deliver`.
   */
  reach(lacking: Set<string>, note: string, reader: LogReader): Promise<void>;
}

/** Answers whether the place has the head now. */
type Bring = (note: string, reader: LogReader) => Promise<boolean>;

const DAY_MS = 86_400_000;
const TIMESTAMPS = 'timestamps';
/** Nothing is appended or signed meanwhile: a minute of that would stop disposal. */
const PATIENCE_MS = 5_000;

export function placesOf(settings: PlaceSettings, outages: Outages): Places {
  const places = new Map<string, Bring>(
    settings.sinks.map((sink) => [
      sink.name,
      (note, reader) =>
        attempt(outages, sink.name, () => publishTo(sink, note, reader, settings.signedSize)),
    ]),
  );
  const { tsaUrl } = settings;
  if (tsaUrl !== undefined)
    places.set(TIMESTAMPS, (note) => stamp(settings, outages, tsaUrl, note));
  const busy = new Set<string>();
  let broken: { readonly error: unknown } | undefined;

  const askable = (lacking: ReadonlySet<string>): string[] =>
    [...lacking].filter((place) => !busy.has(place) && outages.mayAsk(place));
  const bring = async (place: string, lacking: Set<string>, ...head: Parameters<Bring>) => {
    busy.add(place);
    try {
      if (await places.get(place)?.(...head)) lacking.delete(place);
    } catch (error) {
      broken ??= { error };
    } finally {
      busy.delete(place);
    }
  };
  return {
    names: [...places.keys()],
    mayAsk: (lacking) => askable(lacking).length > 0,
    async reach(lacking, note, reader) {
      const begun = askable(lacking).map((place) => bring(place, lacking, note, reader));
      await endOf(begun, settings.patienceMs ?? PATIENCE_MS);
      if (broken === undefined) return;
      const { error } = broken;
      broken = undefined;
      throw error;
    },
  };
}

async function endOf(works: readonly Promise<void>[], patienceMs: number): Promise<void> {
  const ended = new AbortController();
  const patience = setTimeout(patienceMs, undefined, { signal: ended.signal });
  await Promise.race([Promise.all(works), patience]);
  ended.abort();
  await patience.catch(() => undefined);
}

/** False when the place failed. Another history is nobody's failure: that is thrown. */
async function attempt(
  outages: Outages,
  place: string,
  work: () => Promise<boolean>,
): Promise<boolean> {
  try {
    const done = await work();
    outages.worked(place);
    return done;
  } catch (error) {
    if (!(error instanceof RetentionError) || isOurs(error)) throw error;
    outages.failed(place, error.code);
    return false;
  }
}

/** Ahead of this head may be another keeper's, which the signer knows; never one that nobody here signed. */
async function publishTo(
  sink: LogSink,
  note: string,
  reader: LogReader,
  signedSize: () => Promise<number>,
): Promise<boolean> {
  const { state, size } = await publish(sink, reader, note);
  if (state !== 'ahead') return true;
  const signed = await signedSize();
  if (size <= signed) return false;
  throw new RetentionError(
    'LEDGER_BEHIND',
    `${sink.name} has ${size} entries of this ledger and only ${signed} were ever signed with this key folder: ` +
      'it was restored from a backup, as the databases were. Bring its memory of what was signed back first, then run: retain log recover',
    { sink: sink.name, size, signed },
  );
}

async function stamp(
  { ledger, now }: PlaceSettings,
  outages: Outages,
  url: string,
  note: string,
): Promise<boolean> {
  const last = await ledger.timestamped();
  const isFresh = last !== undefined && now() - Date.parse(last.at) < DAY_MS;
  if (isFresh && !(await ledger.closedSince(last.size))) return true;
  return attempt(outages, TIMESTAMPS, async () => {
    const { size } = parseCheckpoint(parseNote(Buffer.from(note)).text);
    await ledger.addTimestamp(size, note, await timestampCheckpoint(url, note));
    return true;
  });
}

/** What an authority answers says nothing about the log. */
function isOurs({ kind, code }: RetentionError): boolean {
  return kind === 'integrity' && code !== 'TIMESTAMP_INVALID';
}
