/** The workflows as one file. Bundling takes seconds, so it is done at build time, or once per change. */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';

/** `.ts` when run from the sources, `.js` when compiled. */
const EXTENSION = extname(fileURLToPath(import.meta.url));
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BUILT = join(ROOT, 'workflow-bundle.js');
/** Everything that workflow code may import. */
const SOURCES = ['workflows', 'domain', 'activities'];

/**
 * The code of the bundle. Throws when workflow code reaches Node, another package of Temporal than
 * `workflow` and `common`, or anything that reads a calendar: a replay years later would answer
 * differently.
 */
export async function bundleWorkflows(
  entry: string = join(ROOT, 'workflows', `index${EXTENSION}`),
): Promise<string> {
  const complaints: string[] = [];
  const complain = (message: string): void => void complaints.push(message);
  const silent = (): void => undefined;
  try {
    const { code } = await bundleWorkflowCode({
      workflowsPath: entry,
      logger: {
        log: (level, message) => (level === 'ERROR' ? complain(message) : undefined),
        trace: silent,
        debug: silent,
        info: silent,
        warn: silent,
        error: complain,
      },
      webpackConfigHook: (config) => ({
        ...config,
        plugins: [...(config.plugins ?? []), NO_CALENDAR],
      }),
    });
    return code;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error([reason, ...complaints].join('\n'), { cause });
  }
}

/** The path of a bundle of the present sources: the built one, else one kept in `dir` by its digest. */
export async function workflowBundle(dir: string): Promise<string> {
  if (EXTENSION === '.js' && existsSync(BUILT)) return BUILT;
  const path = join(dir, `workflow-bundle-${sourcesDigest()}.js`);
  if (!existsSync(path)) write(path, await bundleWorkflows());
  return path;
}

// The shape of a webpack plugin: zone data ships with Node, so a date computed in a workflow may be
// another one after an upgrade.
const NO_CALENDAR = {
  apply(compiler: {
    hooks: {
      normalModuleFactory: { tap(name: string, use: (factory: ModuleFactory) => void): void };
    };
  }): void {
    compiler.hooks.normalModuleFactory.tap('no-calendar', (factory) => {
      factory.hooks.beforeResolve.tap('no-calendar', ({ request }) => {
        if (/^luxon$|\/(calendar|wall-clock)\.[jt]s$/.test(request)) {
          throw new Error(`Workflow code must not compute dates: ${request} is not allowed here.`);
        }
      });
    });
  },
};

interface ModuleFactory {
  readonly hooks: {
    readonly beforeResolve: {
      tap(name: string, check: (data: { readonly request: string }) => void): void;
    };
  };
}

function sourcesDigest(): string {
  const files = SOURCES.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith(EXTENSION))
      .map((name) => join(folder, name)),
  );
  const hash = createHash('sha256');
  for (const file of files.sort()) {
    const content = readFileSync(join(ROOT, file));
    hash.update(`${file} ${content.length}\n`).update(content);
  }
  // The bundle contains the SDK, and must be of the worker's own version of it.
  const { resolve } = createRequire(import.meta.url);
  hash.update(readFileSync(resolve('@temporalio/worker/package.json')));
  return hash.digest('hex').slice(0, 16);
}

/** Written aside and renamed: somebody else may be reading or writing the same file. */
function write(path: string, code: string): void {
  mkdirSync(dirname(path), { recursive: true });
  const unfinished = `${path}.${process.pid}`;
  writeFileSync(unfinished, code);
  renameSync(unfinished, path);
}

if (EXTENSION === '.js' && import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  write(BUILT, await bundleWorkflows());
}
