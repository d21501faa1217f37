/** Keeps holders and lanes of a campaign in step by counting batches, so that nobody needs a clock. */
import type { EstateSize, Lane } from './estate.ts';
import type { Chance } from './seeded.ts';

export interface PaceOptions extends EstateSize {
  readonly lanes: readonly Lane[];
  readonly batchRecords: number;
  /** For each hold the batch at which it is to be placed, in any order. */
  readonly moments: readonly number[];
}

export interface CampaignPace {
  /** A batch is about to begin. Waits while holds are late by more than a few batches. */
  readonly begins: () => Promise<void>;
  /** The lane (by its place in `lanes`) picked so many records. */
  readonly picked: (lane: number, records: number) => void;
  /** Resolves when the batch of the hold that is `nth` in time has begun, or the work has ended. */
  readonly reached: (nth: number) => Promise<void>;
  readonly placed: () => void;
  /** Somewhere near where a lane works now, by place in the order of its class. */
  readonly nearby: (chance: Chance) => { readonly recordClass: string; readonly place: number };
  readonly end: () => void;
}

/** Batches may run ahead of the holds by so many: enough for them to meet at any instant. */
const AHEAD_BATCHES = 4;

export function campaignPace(options: PaceOptions): CampaignPace {
  const moments = [...options.moments].sort((a, b) => a - b);
  const cursors = startingPlaces(options);
  let begun = 0;
  let placed = 0;
  let ended = false;
  let waiting: { readonly ready: () => boolean; readonly go: () => void }[] = [];
  const until = (ready: () => boolean): Promise<void> =>
    ready() ? Promise.resolve() : new Promise((go) => waiting.push({ ready, go }));
  const wake = (): void => {
    const [ready, others] = [
      waiting.filter((one) => one.ready()),
      waiting.filter((one) => !one.ready()),
    ];
    waiting = others;
    for (const { go } of ready) go();
  };
  return {
    begins: async () => {
      begun += 1;
      const mine = begun;
      wake();
      await until(() => (moments[placed] ?? Number.POSITIVE_INFINITY) > mine - AHEAD_BATCHES);
    },
    picked: (lane, records) => {
      const cursor = cursors[lane];
      if (cursor) cursor.place += records;
    },
    reached: (nth) => until(() => ended || (moments[nth] ?? 0) <= begun),
    placed: () => {
      placed += 1;
      wake();
    },
    nearby: (chance) => {
      const cursor = cursors[chance.integer(cursors.length)];
      const offset = chance.integer(4 * options.batchRecords) - options.batchRecords;
      const place = Math.max(1, Math.floor(cursor?.place ?? 1) + offset);
      return { recordClass: cursor?.recordClass ?? '', place };
    },
    end: () => {
      ended = true;
      wake();
    },
  };
}

/** Lanes of one class share its order equally. */
function startingPlaces({
  lanes,
  tenancies,
  recordings,
}: PaceOptions): { recordClass: string; place: number }[] {
  return lanes.map(({ recordClass, lane }) => {
    const total = recordClass === 'tenancy' ? tenancies : recordings;
    const sharing = lanes.filter((other) => other.recordClass === recordClass).length;
    return { recordClass, place: (total * (lane - 1)) / sharing };
  });
}
