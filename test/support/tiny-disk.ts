/**
 * A log published onto a file system with room for a few files, in a namespace of its own: grows until there
 * is no space, then gets more. Says on stdout what readers had at each point.
 */
import { execFileSync } from 'node:child_process';
import { isErrno } from '../../app/ledger/durable-files.ts';
import { folderSink } from '../../app/ledger/folder-sink.ts';
import { publish } from '../../app/ledger/publish.ts';
import { RetentionError } from '../../domain/errors.ts';
import { memoryLog } from './memory-log.ts';
import { checkFolder } from './published-folder.ts';

export interface TinyDisk {
  /** Size of the head that did not fit. */
  readonly failedAt: number;
  readonly code: string;
  /** What the system said. */
  readonly cause: string;
  /** Size of the head that every file in the folder confirmed while there was no space. */
  readonly validMeanwhile: number;
  /** The same when the head that did not fit was published again on a larger disk. */
  readonly validAfterwards: number;
}

const MOUNT = 'mount';
const STEP = 100;
const MOST = 20_000;

const [dir = ''] = process.argv.slice(2);
const log = memoryLog(MOST);
const mount = (options: string) =>
  execFileSync(MOUNT, ['-t', 'tmpfs', '-o', options, 'tmpfs', dir], { stdio: 'ignore' });

async function growUntilFull(): Promise<{ failedAt: number; error: RetentionError }> {
  for (let size = STEP; size <= MOST; size += STEP) {
    try {
      await publish(folderSink(dir), log.reader, log.note(size));
    } catch (error) {
      if (error instanceof RetentionError) return { failedAt: size, error };
      throw error;
    }
  }
  throw new Error('the disk never was full');
}

mount('size=64k');
const { failedAt, error } = await growUntilFull();
const meanwhile = checkFolder(dir);
mount('remount,size=16m');
await publish(folderSink(dir), log.reader, log.note(failedAt));
const told: TinyDisk = {
  failedAt,
  code: error.code,
  cause: isErrno(error.cause, 'ENOSPC') ? 'ENOSPC' : String(error.cause),
  validMeanwhile: meanwhile.size,
  validAfterwards: checkFolder(dir).size,
};
process.stdout.write(JSON.stringify(told));
