import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../.retain/', import.meta.url));

/**
 * A private folder `.retain/<purpose>-<process id>`. Folders of the same purpose whose process has died
 * are removed first, the data of a PostgreSQL that had to be kept elsewhere included.
 */
export function scratchFolder(purpose: string): string {
  mkdirSync(ROOT, { recursive: true });
  for (const name of readdirSync(ROOT)) {
    const [, pid] = new RegExp(`^${purpose}-(\\d+)$`).exec(name) ?? [];
    if (pid !== undefined && !isAlive(Number(pid))) removeFolder(join(ROOT, name));
  }
  const folder = join(ROOT, `${purpose}-${process.pid}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

/** A private folder `.retain/kept-<random>` for servers that will outlive this process. */
export function keptFolder(): string {
  mkdirSync(ROOT, { recursive: true });
  return mkdtempSync(join(ROOT, 'kept-'));
}

/** Removes a folder in which embedded servers kept their data; they must have been stopped. */
export function removeFolder(folder: string): void {
  const pointer = join(folder, 'postgres', 'location');
  if (existsSync(pointer)) {
    rmSync(readFileSync(pointer, 'utf8'), { recursive: true, force: true });
  }
  rmSync(folder, { recursive: true, force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
