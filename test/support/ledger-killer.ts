/** Kills what keeps the ledger at random moments, most of them in the middle of a step. */
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import type { LedgerCrashSite } from './ledger-crash-site.ts';
import type { ScriptProcess } from './script-process.ts';
import type { Chance } from './seeded.ts';

const VICTIMS = ['keeper', 'worker', 'database'] as const;
export type Victim = (typeof VICTIMS)[number];
export type Kills = Readonly<Record<Victim, number>>;

export interface KillsThatHit {
  readonly kills: Kills;
  /** How many of them came just after the beginning or the end of a step that chance had chosen. */
  readonly atSteps: number;
}

/** Steps that leave something behind, as the processes call them. */
const KEEPER_STEPS = [
  'extend',
  'mark',
  'sign',
  'addCheckpoint',
  'checkpoint',
  'immutable',
] as const;
/** A lane is claimed once per slice: that is chosen less often. */
const WORKER_STEPS = [
  'claimLane',
  'disposeBatch',
  'sealBatch',
  'disposeBatch',
  'sealBatch',
] as const;
const MOST_TIMES = 4;
const MOST_TURNS = 40;
/** For a process to begin at all, and then for the step that chance wants. */
const LONGEST_START_MS = 10_000;
const LONGEST_WAIT_MS = 3_000;

/** Kills so many of each, in an order of chance, while there is work. */
export async function killAll(
  site: LedgerCrashSite,
  kills: Kills,
  chance: Chance,
  working: () => boolean,
): Promise<KillsThatHit> {
  const hit = { keeper: 0, worker: 0, database: 0 };
  let atSteps = 0;
  const left = VICTIMS.flatMap((victim) => Array.from({ length: kills[victim] }, () => victim));
  while (left.length > 0 && working()) {
    const next = chance.integer(left.length);
    const victim = left[next] ?? 'keeper';
    const done = await kill[victim](site, chance);
    if (done === 'missed') continue;
    left.splice(next, 1);
    hit[victim] += 1;
    if (done === 'at a step') atSteps += 1;
  }
  return { kills: hit, atSteps };
}

type Done = Moment | 'missed';
type Moment = 'at a step' | 'anywhere';

const kill: Readonly<Record<Victim, (site: LedgerCrashSite, chance: Chance) => Promise<Done>>> = {
  keeper: async (site, chance) => {
    const which = chance.oneOf([0, 1] as const);
    const when = await moment(site.keepers()[which], KEEPER_STEPS, chance);
    await site.killKeeper(which);
    return when;
  },
  worker: async (site, chance) => {
    const worker = site.worker();
    if (worker === undefined) {
      await nextTurn();
      return 'missed';
    }
    const when = await moment(worker, WORKER_STEPS, chance);
    return (await site.killWorker(worker)) ? when : 'missed';
  },
  database: async (site, chance) => {
    const worker = chance.integer(2) === 0 ? site.worker() : undefined;
    const keeper = site.keepers()[chance.oneOf([0, 1] as const)];
    const when = await (worker
      ? moment(worker, WORKER_STEPS, chance)
      : moment(keeper, KEEPER_STEPS, chance));
    await site.killDatabase();
    return when;
  },
};

/** Some time after it began or ended a step, or after a while when it does none. */
async function moment(
  process: ScriptProcess,
  steps: readonly [string, ...string[]],
  chance: Chance,
): Promise<Moment> {
  const line = `${chance.oneOf(['>', '<'])} ${chance.oneOf(steps)}`;
  const times = 1 + chance.integer(MOST_TIMES);
  await Promise.race([process.says('', 1), delay(LONGEST_START_MS)]);
  const said = await Promise.race([process.says(line, times), delay(LONGEST_WAIT_MS, false)]);
  for (let turns = chance.integer(MOST_TURNS); turns > 0; turns -= 1) await nextTurn();
  return said ? 'at a step' : 'anywhere';
}
