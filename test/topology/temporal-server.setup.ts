/** Global setup: the programs of Temporal's images, built once for this user. Without Go nothing runs. */
import { readEnv } from '../../config/env.ts';
import { findTemporalPrograms } from './programs.ts';

export async function setup(): Promise<void> {
  await findTemporalPrograms(readEnv(), (line) => process.stderr.write(`${line}\n`));
}
