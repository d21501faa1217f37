/** Where a signed head goes: to its witnesses first, then to every place where the log is published. */
import type { LedgerDb } from '../../db/ledger.ts';
import { RetentionError } from '../../domain/errors.ts';
import { parseCheckpoint } from '../../ledger/checkpoint.ts';
import { parseNote } from '../../ledger/note.ts';
import { type Policy, quorumMet } from '../../ledger/policy.ts';
import { proveConsistency } from '../../ledger/proofs.ts';
import type { LogReader } from './log-reader.ts';
import { type LogSink, publish } from './publish.ts';
import { timestampCheckpoint } from './timestamp.ts';
import { cosignatures } from './witness-client.ts';

export interface DeliverySettings {
  readonly sinks: readonly LogSink[];
  /** Its witnesses are asked; a head without its quorum is not published. */
  readonly policy?: Policy | undefined;
  /** An authority after RFC 3161, asked once a day and after every run. */
  readonly tsaUrl?: string | undefined;
  readonly ledger: Pick<LedgerDb, 'timestamped' | 'addTimestamp' | 'closedSince'>;
  /** Hears of each place that failed: its name and a code. */
  readonly report: (place: string, code: string) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface Delivery {
  /**
   * The note with what others signed about it. A place that fails is reported and tried again with the next
   * round. Throws only when a place has another history: then nothing may go on.
   */
  deliver(note: string, reader: LogReader): Promise<string>;
  /**
   * True unless this delivery brought a head of that size to every place: whoever signed it may have
   * died before.
   */
  due(size: number): boolean;
}

const DAY_MS = 86_400_000;

export function delivery(settings: DeliverySettings): Delivery {
  const { sinks, policy, report } = settings;
  const witnessedSizes = new Map<string, number>();
  let deliveredSize: number | undefined;
  return {
    due: (size) => size !== deliveredSize,
    async deliver(note, reader) {
      deliveredSize = undefined;
      const witnessed = policy ? await witness(policy, note, reader, witnessedSizes, report) : note;
      if (witnessed === undefined) return note;
      const published: boolean[] = [];
      for (const sink of sinks) {
        published.push(await attempt(sink.name, report, () => publish(sink, reader, witnessed)));
      }
      if (settings.tsaUrl !== undefined) await timestamp(settings, settings.tsaUrl, witnessed);
      if (!published.includes(false)) deliveredSize = sizeOf(witnessed);
      return witnessed;
    },
  };
}

/**
 * The note with enough cosignatures, or undefined: nobody shall see a head that its own policy refuses. A
 * witness that is missing beyond the quorum is asked again with the next head.
 */
async function witness(
  policy: Policy,
  note: string,
  reader: LogReader,
  sizes: Map<string, number>,
  report: DeliverySettings['report'],
): Promise<string | undefined> {
  const { note: cosigned, witnesses } = await cosignatures(
    policy,
    note,
    (name) => sizes.get(name) ?? 0,
    (oldSize, size) => proveConsistency(reader.tile, oldSize, size),
  );
  for (const { name, state, size } of witnesses) {
    if (size !== undefined) sizes.set(name, size);
    if (state !== 'cosigned') report(`witness ${name}`, state);
  }
  const met = new Set(
    witnesses.filter(({ state }) => state === 'cosigned').map(({ name }) => name),
  );
  if (quorumMet(policy, met)) return cosigned;
  report('witnesses', 'quorum');
  return undefined;
}

async function timestamp(settings: DeliverySettings, url: string, note: string): Promise<void> {
  const { ledger, now, report } = settings;
  const last = await ledger.timestamped();
  const fresh = last !== undefined && now() - Date.parse(last.at) < DAY_MS;
  if (fresh && !(await ledger.closedSince(last.size))) return;
  await attempt('timestamps', report, async () => {
    await ledger.addTimestamp(sizeOf(note), note, await timestampCheckpoint(url, note));
  });
}

/** False when the place failed. Another history is nobody's failure: that is thrown. */
async function attempt(
  place: string,
  report: DeliverySettings['report'],
  work: () => Promise<unknown>,
): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (!(error instanceof RetentionError) || isOurs(error)) throw error;
    report(place, error.code);
    return false;
  }
}

/** What an authority answers says nothing about the log. */
function isOurs({ kind, code }: RetentionError): boolean {
  return kind === 'integrity' && code !== 'TIMESTAMP_INVALID';
}

function sizeOf(note: string): number {
  return parseCheckpoint(parseNote(Buffer.from(note)).text).size;
}
