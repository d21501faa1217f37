/** `node dist/worker/main.js [--queue both|orchestrate|dispose] [--slots N]`: one worker process. */
import { parseArgs } from 'node:util';
import { openRetain } from '../app/open-retain.ts';
import { readEnv } from '../config/env.ts';
import { RetentionError } from '../domain/errors.ts';
import { workerActivities } from './activities.ts';
import { createLogger } from './logging.ts';
import { publicationOf } from './publication.ts';
import type { Queues } from './run-worker.ts';
import { serve } from './serve.ts';

const EX_USAGE = 64;
const EX_SOFTWARE = 70;
/** Two lanes of one step side by side; more only helps where the store has cores to spare. */
const DEFAULT_SLOTS = '2';
const MAX_SLOTS = 32;

async function main(): Promise<void> {
  const { queues, slots } = readArguments();
  const env = readEnv();
  const logger = createLogger(env.logLevel);
  const retain = await openRetain(env, { migrate: false });
  const activities = workerActivities(retain, {
    queues,
    slots,
    logger,
    publication: publicationOf(env),
  });
  try {
    await serve({ ...activities, queues, slots, logger, dir: '.retain' });
  } finally {
    await activities.end();
    await retain.end();
  }
}

function readArguments(): { queues: Queues; slots: number } {
  const values = parsed();
  const slots = Number(values.slots);
  if (!isQueues(values.queue)) {
    throw new RetentionError('USAGE', '--queue must be both, orchestrate or dispose.');
  }
  if (!Number.isInteger(slots) || slots < 1 || slots > MAX_SLOTS) {
    throw new RetentionError('USAGE', `--slots must be a whole number from 1 to ${MAX_SLOTS}.`);
  }
  return { queues: values.queue, slots };
}

function parsed(): { readonly queue: string; readonly slots: string } {
  try {
    return parseArgs({
      options: {
        queue: { type: 'string', default: 'both' },
        slots: { type: 'string', default: DEFAULT_SLOTS },
      },
    }).values;
  } catch (error) {
    throw new RetentionError('USAGE', error instanceof Error ? error.message : 'Unknown option.');
  }
}

function isQueues(word: string): word is Queues {
  return word === 'both' || word === 'orchestrate' || word === 'dispose';
}

try {
  await main();
} catch (error) {
  // Before there is a logger, and for what nobody foresaw: one line, without a driver's words.
  const ours = error instanceof RetentionError;
  process.stderr.write(`${ours ? `${error.code}: ${error.message}` : 'The worker failed.'}\n`);
  process.exitCode = ours && error.kind === 'config' ? EX_USAGE : EX_SOFTWARE;
}
