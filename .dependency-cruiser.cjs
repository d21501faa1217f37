/**
 * Which folder may import which. Everything a rule does not list is forbidden, `import type` included.
 * `test/architecture/layers.test.ts` proves on forbidden imports that these rules bite.
 */

/** `only('x', [...])`: files of folder `x` may import what the patterns match, and nothing else. */
const only = (folder, allowed, why, exceptFiles) => ({
  name: `${folder}-imports-only-what-it-may`,
  comment: why,
  severity: 'error',
  from: { path: `^${folder}/`, ...(exceptFiles && { pathNot: exceptFiles }) },
  to: { pathNot: [`^${folder}/`, ...allowed] },
});

const npm = (...names) => names.map((name) => `(^|node_modules/)${name}(/|$)`);
const node = (...names) => names.map((name) => `^(node:)?${name}$`);
const NODE =
  '^(node:)?(assert|async_hooks|buffer|child_process|crypto|events|fs|http|https|module|net|os|path|perf_hooks|process|readline|stream|timers|tls|tty|url|util|v8|worker_threads|zlib)(/|$)';

module.exports = {
  forbidden: [
    only('domain', npm('luxon'), 'Pure decisions: no Node, no Temporal, no input or output.'),
    {
      name: 'luxon-only-in-the-calendar',
      comment: 'One file knows what a time zone is.',
      severity: 'error',
      from: { pathNot: '^(domain/calendar\\.ts$|test/|node_modules/)' },
      to: { path: npm('luxon', '@types/luxon') },
    },
    only(
      'ledger',
      ['^domain/', ...node('crypto')],
      'Bytes and hashes: an auditor can run it without a database.',
    ),
    only(
      'workflows',
      ['^domain/', '^activities/contract\\.ts$', ...npm('@temporalio/workflow')],
      'Deterministic sequencing: replayed years later by another Node on another machine.',
    ),
    {
      name: 'workflows-never-reach-node-or-zones',
      comment:
        'Not directly and not through anything they import. Dates are computed in activities.',
      severity: 'error',
      from: { path: '^workflows/' },
      to: {
        reachable: true,
        path: [
          NODE,
          '^domain/calendar\\.ts$',
          '^(ledger|db|stores|config|app|worker|cli|embedded)/',
        ],
      },
    },
    only(
      'config',
      [
        '^domain/',
        ...npm('zod', 'yaml', '@temporalio/envconfig'),
        ...node('fs', 'crypto', 'os', 'path', 'url', 'fs/promises'),
      ],
      'What files and the environment say: parsed and checked, nothing started.',
    ),
    only(
      'db',
      ['^domain/', ...npm('drizzle-orm', 'postgres'), NODE],
      'Our own database; the governed ones are stores.',
    ),
    only(
      'stores',
      ['^domain/', ...npm('postgres'), NODE],
      'The governed systems; they know neither Temporal nor our database.',
    ),
    only(
      'app',
      [
        '^(domain|ledger|db|stores|config)/',
        '^activities/contract\\.ts$',
        '^workflows/(messages|names)\\.ts$',
        ...npm('@temporalio/(client|common)', 'postgres', 'pino'),
        NODE,
      ],
      'What a person can ask for, whatever they ask through.',
    ),
    only(
      'activities',
      ['^(app|domain|ledger|stores|db|config)/', ...npm('@temporalio/(activity|common)'), NODE],
      'The only code that knows Temporal and touches the world.',
    ),
    only(
      'cli',
      [
        '^(app|config|domain|ledger|worker|embedded)/',
        // What an auditor runs without a database, and so without app.
        '^ledger/(verify/|certificate/|policy-file\\.ts$)',
        ...npm(
          'commander',
          'pino',
          '@temporalio/client',
          'pdfkit',
          '@types/pdfkit',
          'qrcode-generator',
        ),
        NODE,
      ],
      'Arguments in, words and exit codes out: what is done is in app.',
    ),
    {
      name: 'nobody-imports-the-surfaces',
      comment:
        'The command line and the embedded servers are on top; only they and the examples use each other.',
      severity: 'error',
      from: { pathNot: '^(cli|embedded|examples|bench|test|scripts)/' },
      to: { path: '^(cli|embedded|examples|bench|test)/' },
    },
    {
      name: 'embedded-is-for-itself',
      comment: 'The embedded servers know how to start servers, not what runs on them.',
      severity: 'error',
      from: { path: '^embedded/' },
      to: { path: '^(app|activities|db|ledger|stores|worker|workflows|cli)/' },
    },
    {
      name: 'no-cycles',
      comment: 'A circle has no bottom to start reading at.',
      severity: 'error',
      from: { path: '^(?!node_modules)' },
      to: { circular: true },
    },
    {
      name: 'everything-resolves',
      comment: 'An import that cannot be resolved would pass every other rule.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|coverage|\\.retain|node_modules|test/architecture/fixtures)/' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'types', 'default'],
    },
  },
};
