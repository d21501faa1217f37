/** `docker-compose.yml` read as data: what can be known about it without a container engine. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ENV_NAMES } from '../../config/env.ts';
import { SEARCH_ATTRIBUTES } from '../../embedded/temporal.ts';
import {
  composeText,
  mountsOf,
  parseCompose,
  ROOT,
  readCompose,
  runsOnce,
  variableNames,
} from '../topology/compose-file.ts';

const read = (name: string): string => readFileSync(join(ROOT, name), 'utf8');
const text = composeText();
const compose = parseCompose();
const services = Object.entries(compose.services);
const variables = Object.fromEntries(variableNames().map((name) => [name, 'given']));

test.each(services)('%s names an exact image version', (_, { image }) => {
  expect(image).toMatch(/^[a-z][a-z./-]*:\d+\.\d+(?:\.\d+)?(?:-[a-z]+)?$/);
});

test('the Dockerfile names exact image versions', () => {
  const bases = [...read('Dockerfile').matchAll(/^FROM (\S+)/gm)].map((match) => match[1]);
  expect(bases.length).toBeGreaterThan(0);
  for (const base of bases) expect(base).toMatch(/:\d+\.\d+\.\d+-[a-z-]+$/);
});

test.each(services)(
  '%s waits only for services that exist, in a way they can satisfy',
  (_, service) => {
    for (const [name, { condition }] of Object.entries(service.depends_on ?? {})) {
      const target = compose.services[name];
      expect(target, name).toBeDefined();
      if (target === undefined) continue;
      const possible = runsOnce(target) ? 'service_completed_successfully' : 'service_healthy';
      expect(condition, name).toBe(possible);
    }
  },
);

test.each(services.filter(([, service]) => !runsOnce(service)))(
  '%s keeps running, so it has a health check',
  (_, service) => {
    expect(service.healthcheck?.test.length).toBeGreaterThan(1);
    expect(service.restart).toBe('unless-stopped');
  },
);

test.each(services)('%s is given every secret by name, with no default', (_, { environment }) => {
  for (const [name, value] of Object.entries(environment ?? {})) {
    if (/PASS|PWD|SECRET|TOKEN|API_KEY/.test(name)) expect(value).toMatch(/^\$\{\w+:\?[^}]+\}$/);
    const password = /^\w+:\/\/[^:/]+:([^@]+)@/.exec(value)?.[1];
    if (password !== undefined) expect(password).toMatch(/^\$\{\w+:\?[^}]+\}$/);
  }
});

test('no variable has a default', () => {
  expect(text.match(/\$\{\w+:?[-+=]/g)).toBeNull();
  expect(text.replaceAll(/\$\{\w+:\?[^}]+\}/g, '').match(/\$\{/g)).toBeNull();
});

test.each(variableNames())('%s must be given, and the file says for what', (name) => {
  expect(() => readCompose(variables)).not.toThrow();
  const { [name]: _, ...others } = variables;
  expect(() => readCompose(others)).toThrow(new RegExp(`^${name} is missing: \\w+ `));
  expect(() => readCompose({ ...others, [name]: '' })).toThrow(`${name} is missing`);
});

test('ports are open on this machine only', () => {
  for (const [, { ports = [] }] of services) {
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  }
});

test('the settings of our own containers are settings that Retain reads', () => {
  const known = new Set([...ENV_NAMES, 'TEMPORAL_NAMESPACE']);
  for (const name of ['retain-migrate', 'retain-worker']) {
    const names = Object.keys(compose.services[name]?.environment ?? {});
    expect(names).toEqual(expect.arrayContaining(['DATABASE_URL', 'TEMPORAL_ADDRESS']));
    expect(names.filter((setting) => !known.has(setting))).toEqual([]);
  }
});

test('a database is asked about its own user and database', () => {
  const databases = services.filter(([, { image }]) => image.startsWith('postgres:'));
  expect(databases.length).toBeGreaterThan(0);
  for (const [name, { environment = {}, healthcheck }] of databases) {
    const words = healthcheck?.test[1]?.split(' ') ?? [];
    expect(words.slice(0, 3), name).toEqual([
      ...['pg_isready', '--username', environment['POSTGRES_USER']],
    ]);
    if (environment['POSTGRES_DB'] !== undefined) {
      expect(words.slice(3), name).toEqual(['--dbname', environment['POSTGRES_DB']]);
    }
  }
});

test('the tables of Temporal are made by the tool of the same version', () => {
  const versions = services.flatMap(
    ([, { image }]) => /^temporalio\/(?:server|admin-tools):(.+)$/.exec(image)?.[1] ?? [],
  );
  expect(versions).toHaveLength(3);
  expect(new Set(versions).size).toBe(1);
});

// It makes a key for each record class and quarter: without that, disposal stops at the quarter's end. Without
// a published copy there is no way back into the ledger after a restore, and nothing for an auditor to read.
test.each(['RETAIN_KEY_DIR', 'RETAIN_LEDGER_DIR'])(
  'the worker may write into the folder of this machine behind %s, and nobody else is given it',
  (setting) => {
    const folder = compose.services['retain-worker']?.environment?.[setting];
    expect(folder).toMatch(/^\//);
    const mounted = services.flatMap(([name, service]) =>
      mountsOf(service)
        .filter(({ target }) => target === folder)
        .map(({ source, writable }) => ({ name, writable, chosen: source.startsWith('${') })),
    );
    expect(mounted).toEqual([{ name: 'retain-worker', writable: true, chosen: true }]);
  },
);

test('the ledger is published in another folder than that of the keys', () => {
  const { RETAIN_KEY_DIR: keys = '', RETAIN_LEDGER_DIR: ledger = '' } =
    compose.services['retain-worker']?.environment ?? {};
  expect(`${ledger}/`.startsWith(`${keys}/`) || `${keys}/`.startsWith(`${ledger}/`)).toBe(false);
});

test('the namespace job registers the same search attributes as the development server', () => {
  const job = compose.services['temporal-namespace']?.command?.join('\n') ?? '';
  expect(job).toContain(`for name in ${SEARCH_ATTRIBUTES.join(' ')};`);
});

test('named volumes are declared, and mounted files exist', () => {
  for (const { source } of services.flatMap(([, service]) => mountsOf(service))) {
    if (source.startsWith('${')) continue;
    if (source.startsWith('./')) expect(() => read(`${source}/retain.yaml`)).not.toThrow();
    else expect(Object.keys(compose.volumes)).toContain(source);
  }
});
