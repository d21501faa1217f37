/**
 * Builds `dist/`: the compiled TypeScript, the files it reads beside itself, and `npx retain`.
 * Runs after `npm ci` as well (`prepare`).
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const DIST = join(ROOT, 'dist');
const ASSET_FOLDERS = ['config', 'db', 'stores', 'examples'];
const ASSET = /\.(?:sql|json|yaml)$/;

rmSync(DIST, { recursive: true, force: true });
const compiler = join(ROOT, 'node_modules', '.bin', 'tsc');
execFileSync(compiler, ['-p', join(ROOT, 'tsconfig.build.json')], { stdio: 'inherit' });
copyAssets();
// Bundled with the build: a worker starts at once, and runs what was tested.
execFileSync(process.execPath, [join(DIST, 'worker', 'bundle.js')], { stdio: 'inherit' });
linkProgram();

/** SQL, migrations and schemas are read at run time from beside the code that needs them. */
function copyAssets(): void {
  for (const folder of ASSET_FOLDERS) {
    for (const name of readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })) {
      if (ASSET.test(name)) cpSync(join(ROOT, folder, name), join(DIST, folder, name));
    }
  }
}

/**
 * Makes `npx retain` work in a clone. Not by `bin` in package.json: npx would then install the clone
 * into its own cache and build it again on first use, while somebody may be running it.
 */
function linkProgram(): void {
  const program = join(DIST, 'cli', 'main.js');
  if (!existsSync(program)) return;
  chmodSync(program, 0o755);
  const link = join(ROOT, 'node_modules', '.bin', 'retain');
  mkdirSync(dirname(link), { recursive: true });
  rmSync(link, { force: true });
  symlinkSync(join('..', '..', 'dist', 'cli', 'main.js'), link);
}
