/** Canonical JSON: one text, and so one digest, for one value (RFC 8785, JSON Canonicalization Scheme). */
import { invariant } from '../domain/errors.ts';

/**
 * What may be canonicalised: a subset of RFC 8785 without fractions and without integers that other
 * languages would read differently (RFC 8785 section 3.2.2.3, I-JSON).
 */
export type CanonicalValue =
  | string
  | boolean
  | null
  | number
  | readonly CanonicalValue[]
  | { readonly [name: string]: CanonicalValue };

const MAX_DEPTH = 32;
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * The RFC 8785 form of `value` in UTF-8: names sorted by UTF-16 code units, no white space. Throws
 * `INVARIANT_BROKEN` for anything else than strings of well-formed Unicode, booleans, null, integers
 * with an absolute value below 2^53, arrays and plain objects, and beyond 32 levels of nesting. The
 * message names the place and never the value.
 */
export function canonicalJson(value: CanonicalValue): Buffer {
  return Buffer.from(serialize(value, '$', 0), 'utf8');
}

function serialize(value: unknown, path: string, depth: number): string {
  if (value === null) return 'null';
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (typeof value === 'string') return quote(value, path);
  if (typeof value === 'number') {
    invariant(Number.isSafeInteger(value), `${path} is not an integer below 2^53.`);
    return Object.is(value, -0) ? '0' : String(value);
  }
  invariant(
    typeof value === 'object',
    `${path} is of type ${typeof value}, which has no JSON form.`,
  );
  invariant(depth < MAX_DEPTH, `${path} is nested more than ${MAX_DEPTH} levels deep.`);
  return Array.isArray(value)
    ? serializeArray(value, path, depth)
    : serializeObject(value, path, depth);
}

function serializeArray(items: readonly unknown[], path: string, depth: number): string {
  // `Array.from` visits holes as `undefined`, which is then refused.
  return `[${Array.from(items, (item, i) => serialize(item, `${path}[${i}]`, depth + 1)).join(',')}]`;
}

function serializeObject(object: object, path: string, depth: number): string {
  const prototype: unknown = Object.getPrototypeOf(object);
  invariant(
    prototype === Object.prototype || prototype === null,
    `${path} is not a plain object: write dates and the like as text.`,
  );
  invariant(Object.getOwnPropertySymbols(object).length === 0, `${path} has a symbol for a name.`);
  // `<` compares UTF-16 code units, as RFC 8785 section 3.2.3 asks.
  const members = Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members
    .map(([name, member]: [string, unknown]) => {
      const at = `${path}.${LONE_SURROGATE.test(name) ? '?' : name}`;
      return `${quote(name, at)}:${serialize(member, at, depth + 1)}`;
    })
    .join(',')}}`;
}

/** ECMAScript's own quoting is what RFC 8785 section 3.2.2.2 prescribes, lone surrogates apart. */
function quote(text: string, path: string): string {
  invariant(!LONE_SURROGATE.test(text), `${path} holds half a surrogate pair.`);
  return JSON.stringify(text);
}
