/** Applies a vendored patch to an installed package, exactly or not at all. */
import { createHash } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type PatchDirection = 'apply' | 'revert';

interface Hunk {
  readonly stock: string;
  readonly patched: string;
}

interface FilePatch {
  readonly file: string;
  readonly stockSha256: string;
  readonly patchedSha256: string;
  readonly hunks: readonly Hunk[];
}

/**
 * Brings the package in `packageDir` into the patched (or back into the stock) state and answers
 * whether anything had to change. The patch is a unified diff whose `index` lines carry the SHA-256
 * of each file before and after; its name is `<package>@<version>.patch`. Throws, with nothing
 * changed, when the version, a hash or the place of a hunk is not what the patch was made for.
 */
export function patchPackage(
  packageDir: string,
  patchFile: string,
  direction: PatchDirection,
): boolean {
  checkVersion(packageDir, patchFile);
  const changes = parsePatch(readFileSync(patchFile, 'utf8')).flatMap((patch) => {
    const path = join(packageDir, patch.file);
    const content = readFileSync(path, 'utf8');
    const [from, to] =
      direction === 'apply'
        ? [patch.stockSha256, patch.patchedSha256]
        : [patch.patchedSha256, patch.stockSha256];
    const found = sha256(content);
    if (found === to) return [];
    if (found !== from) throw new Error(`${path} is not the file that ${patchFile} was made for.`);
    const changed = changeText(content, patch, direction);
    if (sha256(changed) !== to) throw new Error(`${patchFile} does not make what it promises.`);
    return [{ path, changed }];
  });
  for (const { path, changed } of changes) {
    writeFileSync(`${path}.new`, changed);
    renameSync(`${path}.new`, path);
  }
  return changes.length > 0;
}

function checkVersion(packageDir: string, patchFile: string): void {
  const installed = JSON.parse(readFileSync(join(packageDir, 'package.json'), 'utf8')) as {
    readonly name: string;
    readonly version: string;
  };
  if (patchFile.endsWith(`/${installed.name}@${installed.version}.patch`)) return;
  throw new Error(
    `${patchFile} does not fit the installed ${installed.name} ${installed.version}. ` +
      'Check whether upstream has mended the fault, and renew or remove the patch.',
  );
}

function parsePatch(text: string): FilePatch[] {
  return text
    .split(/^(?=index )/m)
    .slice(1)
    .map((section) => {
      const [head = '', ...hunks] = section.split(/^@@ .*\n/m);
      const match = /^index ([0-9a-f]{64})\.\.([0-9a-f]{64})\n--- a\/(\S+)\n\+\+\+ b\/\3\n$/.exec(
        head,
      );
      const [, stockSha256, patchedSha256, file] = match ?? [];
      if (stockSha256 === undefined || patchedSha256 === undefined || file === undefined) {
        throw new Error('A vendored patch has a section without hashes or file names.');
      }
      return { file, stockSha256, patchedSha256, hunks: hunks.map(parseHunk) };
    });
}

function parseHunk(text: string): Hunk {
  const lines = text.split('\n').slice(0, -1);
  const side = (removed: string) =>
    lines
      .filter((line) => !line.startsWith(removed))
      .map((line) => `${line.slice(1)}\n`)
      .join('');
  return { stock: side('+'), patched: side('-') };
}

function changeText(content: string, patch: FilePatch, direction: PatchDirection): string {
  return patch.hunks.reduce((text, hunk) => {
    const [from, to] =
      direction === 'apply' ? [hunk.stock, hunk.patched] : [hunk.patched, hunk.stock];
    const parts = text.split(from);
    if (parts.length !== 2)
      throw new Error(`A hunk for ${patch.file} fits ${parts.length - 1} times.`);
    return parts.join(to);
  }, content);
}

function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}
