/** `docker-compose.yml` as Compose reads it, and what the image it builds adds to a service. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

/** Everything a service of this file may say; a key that is not here is used by no test. */
export interface Service {
  readonly image: string;
  readonly build?: string;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly env_file?: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly ports?: readonly string[];
  readonly volumes?: readonly (string | BindMount)[];
  readonly restart?: string;
}

interface BindMount {
  readonly type: string;
  readonly source: string;
  readonly target: string;
  readonly read_only?: boolean;
}

/** A folder of this machine, or a named volume, and where a container sees it. */
export interface Mount {
  readonly source: string;
  readonly target: string;
  readonly writable: boolean;
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, null>>;
}

export interface Image {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** The root of the project: the folder of both files, and the working folder of our image. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const REFERENCE = /\$(?:\$|\{(?<name>\w+):\?(?<message>[^}]+)\}|)/g;

export function composeText(): string {
  return readFileSync(`${ROOT}/docker-compose.yml`, 'utf8');
}

/** The file with its variables as they are written. */
export function parseCompose(): ComposeFile {
  return parse(composeText(), { merge: true }) as ComposeFile;
}

/**
 * The file with these variables and no others. Throws with the name and the file's own words for one
 * that is missing or empty, and for a `$` that is neither `${NAME:?words}` nor `$$`.
 */
export function readCompose(variables: Readonly<Record<string, string>>): ComposeFile {
  return filledIn(parseCompose(), variables) as ComposeFile;
}

/** Names of the variables that the file reads. */
export function variableNames(): string[] {
  const names = [...composeText().matchAll(REFERENCE)].map((match) => match.groups?.['name']);
  return [...new Set(names)].filter((name) => name !== undefined).sort();
}

/** Every service after those that it waits for. */
export function startOrder({ services }: ComposeFile): string[] {
  const order = new Set<string>();
  const visit = (name: string, above: readonly string[]): void => {
    if (above.includes(name)) throw new Error(`${name} waits for itself`);
    for (const needed of Object.keys(services[name]?.depends_on ?? {})) {
      visit(needed, [...above, name]);
    }
    order.add(name);
  };
  for (const name of Object.keys(services)) visit(name, []);
  return [...order];
}

/** What the head of the file tells a person to run in a service before its first start. */
export function commandsBefore(service: string): string[][] {
  const lines = composeText().matchAll(/^# +docker compose run --rm (\S+) (.+)$/gm);
  return [...lines].flatMap(([, name, command = '']) =>
    name === service ? [command.split(' ')] : [],
  );
}

/** A one-shot job ends by itself; everything else keeps running. */
export function runsOnce(service: Service): boolean {
  return service.restart === 'on-failure';
}

export function mountsOf({ volumes = [] }: Service): Mount[] {
  return volumes.map((volume) => {
    if (typeof volume !== 'string') {
      const { source, target } = volume;
      return { source, target, writable: volume.read_only !== true };
    }
    const [source = '', target = '', mode = 'rw'] = volume.split(':');
    return { source, target, writable: mode === 'rw' };
  });
}

/** What the last stage of our Dockerfile says to a container. */
export function ownImage(): Image {
  const text = readFileSync(`${ROOT}/Dockerfile`, 'utf8');
  const stage = text.slice(text.lastIndexOf('\nFROM '));
  const settings = [...stage.matchAll(/^ENV (.+)$/gm)].flatMap(
    (match) => match[1]?.split(' ') ?? [],
  );
  const command: unknown = JSON.parse(/^CMD (.+)$/m.exec(stage)?.[1] ?? '[]');
  return {
    command: command as string[],
    environment: Object.fromEntries(
      settings.map((setting) => [setting.split('=', 1)[0], setting.replace(/^\w+=/, '')]),
    ) as Record<string, string>,
  };
}

function filledIn(node: unknown, variables: Readonly<Record<string, string>>): unknown {
  if (typeof node === 'string') return substituted(node, variables);
  if (Array.isArray(node)) return node.map((item) => filledIn(item, variables));
  if (node === null || typeof node !== 'object') return node;
  return Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key, filledIn(value, variables)]),
  );
}

function substituted(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replaceAll(REFERENCE, (reference, name?: string, message?: string) => {
    if (reference === '$$') return '$';
    if (name === undefined)
      throw new Error(`a $ in docker-compose.yml that is no variable: ${text}`);
    const value = variables[name] ?? '';
    if (value === '') throw new Error(`${name} is missing: ${message}`);
    return value;
  });
}
