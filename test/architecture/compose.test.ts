/** `docker-compose.yml` read as data: what can be known about it without a container engine. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { ENV_NAMES } from '../../config/env.ts';
import { SEARCH_ATTRIBUTES } from '../../embedded/temporal.ts';

interface Service {
  readonly image: string;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly restart?: string;
  readonly command?: readonly string[];
}

const read = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../../${name}`, import.meta.url)), 'utf8');
const text = read('docker-compose.yml');
const compose = parse(text, { merge: true }) as {
  services: Readonly<Record<string, Service>>;
  volumes: Readonly<Record<string, null>>;
};
const services = Object.entries(compose.services);

/** A one-shot job ends by itself; everything else keeps running and must say that it is well. */
const runsOnce = (service: Service): boolean => service.restart === 'on-failure';

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

test('the namespace job registers the same search attributes as the development server', () => {
  const job = compose.services['temporal-namespace']?.command?.join('\n') ?? '';
  expect(job).toContain(`for name in ${SEARCH_ATTRIBUTES.join(' ')};`);
});

test('named volumes are declared, and mounted files exist', () => {
  for (const [, { volumes = [] }] of services) {
    for (const volume of volumes) {
      const [source = ''] = volume.replace(/\$\{[^}]*\}/, 'variable').split(':');
      if (source.startsWith('./')) expect(() => read(`${source}/retain.yaml`)).not.toThrow();
      else if (source !== 'variable') expect(Object.keys(compose.volumes)).toContain(source);
    }
  }
});
