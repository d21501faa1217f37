/**
 * Shapes of JSON values, read strictly: each either answers the value with its type or throws
 * `LEDGER_MALFORMED` with the place. Messages name fields and never hold a value.
 */
import { parseCalendarDate } from '../domain/civil.ts';
import { parseInstant } from '../domain/instant.ts';
import { PUBLIC_KEY_BYTES } from './ed25519.ts';
import { malformed, readBase64 } from './text.ts';

/** `at` is the place of `value` in its document. */
export type Shape<T> = (value: unknown, at: string) => T;

/** The type that a shape reads. */
export type Read<S> = S extends Shape<infer T> ? T : never;

type Fields = Readonly<Record<string, Shape<unknown>>>;
/** The type of an object with these fields. */
export type ReadFields<F extends Fields> = { readonly [K in keyof F]: Read<F[K]> };

const MICROSECONDS = /\.\d{6}Z$/;
const UTC_INSTANT = /^[^.]+(?:\.\d{6})?Z$/;
const PLAIN_NAME = /^[\w.-]{1,64}$/;

export const text = string('text that is not blank', (value) => value.trim() !== '');
/** Names of classes, stores, rules, kinds of subjects and the like, as a schedule writes them. */
export const word = matching(/^[a-z][a-z0-9_]*$/, 'a word of lower-case letters, digits and _');
export const sha256Hex = matching(/^[0-9a-f]{64}$/, '64 lower-case hexadecimal digits');
export const uuid = matching(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'a lower-case UUID');
/** For numbers of the database that may pass 2^53. */
export const decimalText = matching(/^(?:0|[1-9]\d*)$/, 'a decimal number as text');
export const day = string('a day YYYY-MM-DD', (value) => parseCalendarDate(value) !== undefined);
export const microsecondsUtc = string(
  'a time in UTC with microseconds',
  (value) => MICROSECONDS.test(value) && parseInstant(value) !== undefined,
);
export const utcInstant = string(
  'a time in UTC, with microseconds or none',
  (value) => UTC_INSTANT.test(value) && parseInstant(value) !== undefined,
);
export const publicKey = string(
  'the base64 of 32 bytes',
  (value) => readBase64(value)?.length === PUBLIC_KEY_BYTES,
);
export const count = integerFrom(0);
export const positive = integerFrom(1);

export const flag: Shape<boolean> = (value, at) => {
  if (typeof value !== 'boolean') throw wrong(at, 'true or false');
  return value;
};

/** Text of a pattern; `what` says in the message what it must be. */
export function matching(pattern: RegExp, what: string): Shape<string> {
  return string(what, (value) => pattern.test(value));
}

/** One of a few constants. */
export function oneOf<const T extends readonly (string | number | boolean)[]>(
  ...values: T
): Shape<T[number]> {
  return (value, at) => {
    const found = values.find((constant) => constant === value);
    if (found === undefined) throw wrong(at, `one of ${values.join(', ')}`);
    return found;
  };
}

/** A value of the shape, or null. */
export function nullable<T>(shape: Shape<T>): Shape<T | null> {
  return (value, at) => (value === null ? null : shape(value, at));
}

/** An object with exactly these fields. */
export function object<F extends Fields>(fields: F): Shape<ReadFields<F>> {
  return (value, at) => {
    const members = readMembers(value, at);
    const unknown = Object.keys(members).find((name) => !Object.hasOwn(fields, name));
    if (unknown !== undefined)
      throw malformed(`${place(at, unknown)} is not a field of this kind.`);
    for (const [name, shape] of Object.entries(fields)) {
      if (!Object.hasOwn(members, name)) throw malformed(`${place(at, name)} is missing.`);
      shape(members[name], place(at, name));
    }
    // Every field was read by its own shape.
    return value as ReadFields<F>;
  };
}

/** Names of one shape with values of one shape. */
export function mapping<T>(
  name: Shape<string>,
  member: Shape<T>,
): Shape<Readonly<Record<string, T>>> {
  return (value, at) => {
    for (const [key, entry] of Object.entries(readMembers(value, at))) {
      name(key, `a name in ${at}`);
      member(entry, place(at, key));
    }
    // Every member was read by its own shape.
    return value as Readonly<Record<string, T>>;
  };
}

export function list<T>(item: Shape<T>): Shape<readonly T[]> {
  return (value, at) => {
    if (!Array.isArray(value)) throw wrong(at, 'a list');
    return value.map((entry: unknown, i) => item(entry, `${at}[${i}]`));
  };
}

/** `shape`, and what its fields mean together. */
export function where<T>(shape: Shape<T>, holds: (value: T) => boolean, rule: string): Shape<T> {
  return (value, at) => {
    const read = shape(value, at);
    if (!holds(read)) throw malformed(`${at}: ${rule}.`);
    return read;
  };
}

function string(what: string, holds: (value: string) => boolean): Shape<string> {
  return (value, at) => {
    if (typeof value !== 'string' || !holds(value)) throw wrong(at, what);
    return value;
  };
}

function integerFrom(least: number): Shape<number> {
  return (value, at) => {
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least) {
      throw wrong(at, `a whole number from ${least}`);
    }
    return value;
  };
}

function readMembers(value: unknown, at: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrong(at, 'an object');
  }
  // What is an object and no list has members by name.
  return value as Readonly<Record<string, unknown>>;
}

function wrong(at: string, what: string): Error {
  return malformed(`${at} is not ${what}.`);
}

/** Names that nobody chose with care are left out: a message goes to terminals and logs. */
function place(at: string, name: string): string {
  return PLAIN_NAME.test(name) ? `${at}.${name}` : `${at}[...]`;
}
