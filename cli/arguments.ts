/** Arguments that commander has no words for. */
import { RetentionError } from '../domain/errors.ts';

/** A key that was named on the command line. */
export interface NamedKey {
  readonly recordClass: string;
  readonly key: readonly string[];
}

const OPTION = /^--?[A-Za-z]/;

/**
 * Makes one word of everything that belongs to a `--key` (`--key lease 17 2024-01-01`), so that several
 * may follow each other and a value may begin with a minus.
 */
export function groupKeys(argv: readonly string[]): string[] {
  const grouped: string[] = [];
  for (let at = 0; at < argv.length; ) {
    const word = argv[at] ?? '';
    at += 1;
    if (word !== '--key') {
      grouped.push(word);
      continue;
    }
    const parts: string[] = [];
    while (at < argv.length && !OPTION.test(argv[at] ?? '') && argv[at] !== '--') {
      parts.push(argv[at] ?? '');
      at += 1;
    }
    grouped.push(`--key=${JSON.stringify(parts)}`);
  }
  return grouped;
}

/** `--key CLASS KEY...`, or `--key class:key`. */
export function namedKey(word: string): NamedKey {
  const parts = partsOf(word);
  const [first = '', ...key] = parts;
  if (key.length > 0) return { recordClass: first, key };
  const colon = first.indexOf(':');
  if (colon > 0) return { recordClass: first.slice(0, colon), key: [first.slice(colon + 1)] };
  throw new RetentionError('USAGE', 'Name a record with --key CLASS KEY or --key class:key.');
}

/** `--subject kind:id`. */
export function namedSubject(word: string): { kind: string; id: string } {
  const colon = word.indexOf(':');
  if (colon > 0) return { kind: word.slice(0, colon), id: word.slice(colon + 1) };
  throw new RetentionError(
    'USAGE',
    'Name a subject with --subject kind:id, for example customer:17.',
  );
}

/** A whole number from 1 on; the value is not repeated. */
export function wholeNumber(option: string, text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new RetentionError('USAGE', `${option} takes a whole number from 1 on.`);
}

/** `--key=class:key` was not grouped and is not JSON. */
function partsOf(word: string): string[] {
  if (!word.startsWith('[')) return [word];
  return JSON.parse(word) as string[];
}
