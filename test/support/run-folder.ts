import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../.retain/', import.meta.url));

/** A folder for one test run and one purpose; folders of runs that were killed are swept away. */
export function runFolder(purpose: string): string {
  mkdirSync(ROOT, { recursive: true });
  for (const name of readdirSync(ROOT)) {
    const pid = /^test-(\d+)-/.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) sweep(join(ROOT, name));
  }
  const folder = join(ROOT, `test-${process.pid}-${purpose}`);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** A PostgreSQL that could not keep its data here says where it is. */
function sweep(folder: string): void {
  const pointer = join(folder, 'location');
  const elsewhere = existsSync(pointer) ? [readFileSync(pointer, 'utf8')] : [];
  for (const path of [...elsewhere, folder]) rmSync(path, { recursive: true, force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
