import { createHash, createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { nameReference } from '../../ledger/names.ts';

const KEY = Buffer.alloc(32, 0x4e);
const refOf = (name: string, key = KEY) => nameReference(key, name).ref.toString('hex');

test('salt and reference are made as those of records, over length and text', () => {
  const encoded = Buffer.concat([Buffer.of(0, 0, 0, 3), Buffer.from('ada')]);
  const salt = createHmac('sha256', KEY).update(encoded).digest();
  const ref = createHash('sha256').update(salt).update(encoded).digest();
  expect(nameReference(KEY, 'ada')).toEqual({ salt, ref });
});

test('one name in several spellings has one reference', () => {
  expect(refOf('ADA')).toBe(refOf('ada'));
  expect(refOf('Ａｄａ')).toBe(refOf('ada'));
  expect(refOf('Zoe\u0308')).toBe(refOf('zoë'));
  expect(refOf('\u212a')).toBe(refOf('k'));
});

test('other names and other keys have other references', () => {
  const names = ['ada', 'adam', 'a da', 'ädä', 'ada '];
  expect(new Set(names.map((name) => refOf(name))).size).toBe(names.length);
  expect(refOf('ada', Buffer.alloc(32, 0x4f))).not.toBe(refOf('ada'));
});

test('refused: no name, a name that has no UTF-8, a key of another length', () => {
  expect(() => nameReference(KEY, '')).toThrow(
    expect.objectContaining({ code: 'INVARIANT_BROKEN' }),
  );
  expect(() => nameReference(KEY, 'a\ud800')).toThrow(
    expect.objectContaining({ code: 'KEY_INVALID' }),
  );
  expect(() => nameReference(Buffer.alloc(31), 'ada')).toThrow(
    expect.objectContaining({ code: 'INVARIANT_BROKEN' }),
  );
});
