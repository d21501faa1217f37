import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const RETRY_MS = 500;

/**
 * Runs `work` while no other process of this machine runs its own under the same file. A lock whose
 * owner has died is taken over. `onWait` is called once, with the owner's process id.
 */
export async function withLock<T>(
  file: string,
  work: () => Promise<T>,
  onWait: (ownerPid: number) => void,
): Promise<T> {
  mkdirSync(dirname(file), { recursive: true });
  let announced = false;
  while (!take(file)) {
    const owner = ownerOf(file);
    if (owner !== undefined && !isAlive(owner)) rmSync(file, { force: true });
    else {
      if (!announced && owner !== undefined) onWait(owner);
      announced ||= owner !== undefined;
      await delay(RETRY_MS);
    }
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

function take(file: string): boolean {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** `undefined` while the owner is still writing its id, or when it has just let go. */
function ownerOf(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
