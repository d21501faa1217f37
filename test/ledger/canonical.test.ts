import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RetentionError } from '../../domain/errors.ts';
import { type CanonicalValue, canonicalJson } from '../../ledger/canonical.ts';

const hex = (ascii: string) => Buffer.from(ascii).toString('hex');
const text = (value: CanonicalValue) => canonicalJson(value).toString('utf8');

describe('RFC 8785', () => {
  test('section 3.2.3: members are sorted by UTF-16 code units, not by code points', () => {
    const value = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\ud83d\ude00': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    };
    expect([...text(value).matchAll(/:"([^"]+)"/g)].map((match) => match[1])).toEqual([
      'Carriage Return',
      'One',
      'Control',
      'Latin Small Letter O With Diaeresis',
      'Euro Sign',
      'Emoji: Grinning Face',
      'Hebrew Letter Dalet With Dagesh',
    ]);
  });

  test('section 3.2.2.2: the string of the example, byte for byte', () => {
    const value = { string: '\u20ac$\u000f\nA\'B"\\\\"/', literals: [null, true, false] };
    expect(text(value)).toBe(
      '{"literals":[null,true,false],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  test('section 3.2.4: the bytes of the example are UTF-8', () => {
    expect(canonicalJson({ s: '\u20ac$\u000f' }).toString('hex')).toBe(
      `${hex('{"s":"')}e282ac24${hex('\\u000f"}')}`,
    );
  });

  test('appendix B: integers that apply', () => {
    expect(text(0)).toBe('0');
    expect(text(-0)).toBe('0');
    expect(text(9007199254740991)).toBe('9007199254740991');
    expect(text(-9007199254740991)).toBe('-9007199254740991');
  });

  test('control characters take the short form where there is one', () => {
    expect(text('\b\t\n\f\r\u0000\u001f\u007f')).toBe('"\\b\\t\\n\\f\\r\\u0000\\u001f\u007f"');
  });
});

describe('what has no canonical form here is refused, and the place is named', () => {
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  const refused: readonly (readonly [string, unknown])[] = [
    ['a fraction', 1.5],
    ['2^53', 2 ** 53],
    ['-2^53', -(2 ** 53)],
    ['NaN', Number.NaN],
    ['infinity', Number.POSITIVE_INFINITY],
    ['a bigint', 1n],
    ['undefined', undefined],
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['a date', new Date(0)],
    ['a buffer', Buffer.from('x')],
    ['a map', new Map()],
    ['an object with toJSON', { toJSON: () => 1 }],
    ['a symbol for a name', { [Symbol('s')]: 1 }],
    ['half a surrogate pair', '\ud83d'],
    ['a cycle', cycle],
  ];
  test.each(refused)('%s', (_, value) => {
    for (const nested of [value, { a: value }, [value]]) {
      expect(() => canonicalJson(nested as CanonicalValue)).toThrow(RetentionError);
    }
    expect(() => canonicalJson({ a: [0, value] } as CanonicalValue)).toThrow(/\$\.a\[1\]/);
  });

  test('a hole in an array and a name that is half a surrogate pair', () => {
    // biome-ignore lint/suspicious/noSparseArray: the hole is what is tested
    expect(() => canonicalJson([1, , 2] as unknown as CanonicalValue)).toThrow(/\$\[1\]/);
    expect(() => canonicalJson({ '\udc00': 1 })).toThrow(RetentionError);
  });

  test('the message does not repeat the value', () => {
    expect(() => canonicalJson({ name: 'Ada\ud83d' })).not.toThrow(/Ada/);
  });
});

const canonical = fc.letrec<{ value: CanonicalValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: 'binary' }),
    fc.boolean(),
    fc.constant(null),
    fc.maxSafeInteger(),
    fc.array(tie('value')),
    fc.dictionary(fc.string({ unit: 'binary' }), tie('value')),
  ),
})).value;

test('the form reads back as the value, and reading and writing it again changes no byte', () => {
  fc.assert(
    fc.property(canonical, (value) => {
      const once = canonicalJson(value);
      const read = JSON.parse(once.toString('utf8')) as CanonicalValue;
      expect(canonicalJson(read).equals(once)).toBe(true);
    }),
  );
});

test('the order in which members were added does not matter', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.integer()), (object) => {
      const reversed = Object.fromEntries(Object.entries(object).reverse());
      expect(text(reversed)).toBe(text(object));
    }),
  );
});
