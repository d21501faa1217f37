import { RetentionError } from '../../domain/errors.ts';
import { workerActivities } from '../../worker/activities.ts';
import { createLogger } from '../../worker/logging.ts';
import { publicationOf } from '../../worker/publication.ts';
import { serve } from '../../worker/serve.ts';
import { wholeNumber } from '../arguments.ts';
import { EXIT } from '../exit-codes.ts';
import type { WorkerOptions } from '../options.ts';
import { environment, type Shell, withRetain, withTemporal } from '../shell.ts';

/** Serves until a signal. The log goes to standard output as JSON lines. */
export async function work(shell: Shell, options: WorkerOptions): Promise<number> {
  const env = await environment(shell);
  const slots = wholeNumber('--slots', options.slots);
  if (options.queue !== 'orchestrate' && env.keyDir === undefined) {
    throw new RetentionError(
      'EPOCH_KEY_MISSING',
      'RETAIN_KEY_DIR is not set: name the folder of the epoch keys. Without a key nothing can be logged, and without a log nothing is destroyed.',
      { variable: 'RETAIN_KEY_DIR' },
    );
  }
  const { queue: queues } = options;
  const logger = createLogger(env.logLevel);
  return withRetain(shell, async (retain) => {
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
    }
    return EXIT.ok;
  });
}

export async function health(shell: Shell): Promise<number> {
  await withRetain(shell, (retain) => retain.control.latestSchedule());
  await withTemporal(shell, async () => undefined);
  if (shell.json) shell.data({ healthy: true });
  else shell.print('The control database and Temporal answer.');
  return EXIT.ok;
}
