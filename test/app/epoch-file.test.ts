/** Epoch keys on the disk: wrapped, with what is said of them, and refused when anything of it changed. */
import { hash } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readEpochFile, writeEpochFile } from '../../app/epoch-file.ts';
import { fileEpochKeys } from '../../app/epoch-keys.ts';
import { aesKeyWrapper, fileKeyWrapper, type KeyWrapper } from '../../app/key-wrapper.ts';
import { createLedgerKeys } from '../../app/ledger-keys.ts';
import type { CalendarDate } from '../../domain/civil.ts';
import { seeded } from '../support/seeded.ts';

const ID = 'customer/2026Q4';
const KEY = Buffer.alloc(32, 0xab);
const DAY = '2034-01-01' as CalendarDate;
const WRAPPER = aesKeyWrapper(Buffer.alloc(32, 7));
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('AES Key Wrap', () => {
  const KEK = hex('000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F');
  test.each([
    [
      '4.3: 128 bits of data',
      '00112233445566778899AABBCCDDEEFF',
      '64E8C3F9CE0F5BA2 63E9777905818A2A 93C8191E7D6E8AE7',
    ],
    [
      '4.5: 192 bits of data',
      '00112233445566778899AABBCCDDEEFF0001020304050607',
      'A8F9BC1612C68B3F F6E6F4FBE30E71E4 769C8B80A32CB895 8CD5D17D6B254DA1',
    ],
    [
      '4.6: 256 bits of data',
      '00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F',
      '28C9F404C4B810F4 CBCCB35CFB87F826 3F5786E2D80ED326 CBC7F0E71A99F43B FB988B9B7A02DD21',
    ],
  ])('is that of RFC 3394, section %s', async (_, data, wrapped) => {
    const wrapper = aesKeyWrapper(KEK);
    expect(await wrapper.wrap(hex(data))).toEqual(hex(wrapped));
    expect(await wrapper.unwrap(hex(wrapped))).toEqual(hex(data));
  });

  test('finds every changed bit, every other length and another key', async () => {
    const wrapped = await WRAPPER.wrap(KEY);
    for (let bit = 0; bit < wrapped.length * 8; bit += 1) {
      const changed = Buffer.from(wrapped);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(await WRAPPER.unwrap(changed)).toBeUndefined();
    }
    for (const bytes of [0, 8, 16, 39]) {
      expect(await WRAPPER.unwrap(wrapped.subarray(0, bytes))).toBeUndefined();
    }
    expect(await aesKeyWrapper(Buffer.alloc(32, 8)).unwrap(wrapped)).toBeUndefined();
  });

  test('its key has a name that tells it from others and says nothing of it', () => {
    expect(WRAPPER.name).toMatch(/^wrap-[0-9a-f]{8}$/);
    expect(aesKeyWrapper(Buffer.alloc(32, 8)).name).not.toBe(WRAPPER.name);
    expect(WRAPPER.name).not.toContain(hash('sha256', Buffer.alloc(32, 7), 'hex').slice(0, 8));
  });
});

describe('the file', () => {
  const read = (text: string, wrapper: KeyWrapper = WRAPPER, id = ID) =>
    readEpochFile(wrapper, id, text);
  const written = (destroyAfter: CalendarDate | null = DAY) =>
    writeEpochFile(WRAPPER, ID, { key: KEY, destroyAfter });
  const fault = (words: string) => ({ fault: expect.stringContaining(words) });

  test('says its format, its epoch, what wrapped it and its day, and nothing of the key', async () => {
    const text = await written();
    const [format, ...lines] = text.split('\n');
    expect(format).toBe('retain-epoch-key v1');
    expect(lines.slice(0, 3)).toEqual([
      ...[`epoch ${ID}`, `wrapped-by ${WRAPPER.name}`, `destroy-after ${DAY}`],
    ]);
    expect(Buffer.from(lines[3]!, 'base64')).toHaveLength(72);
    expect(text).not.toContain(KEY.toString('hex'));
    expect(text).not.toContain(KEY.toString('base64').slice(0, 20));
  });

  test.each([DAY, null])('is read as it was written: %s', async (day) => {
    expect(await read(await written(day))).toEqual({ key: KEY, destroyAfter: day });
  });

  test('with any character changed, cut or put in is refused', async () => {
    const text = await written();
    for (let at = 0; at < text.length; at += 1) {
      const [before, here, after] = [text.slice(0, at), text[at]!, text.slice(at + 1)];
      for (const other of [`${here === 'x' ? 'y' : 'x'}`, '', `${here}A`]) {
        expect(await read(`${before}${other}${after}`)).toHaveProperty('fault');
      }
      expect(await read(before)).toHaveProperty('fault');
    }
  });

  test('with a later day, no day, or the name of another epoch is refused', async () => {
    const text = await written();
    expect(await read(text.replace(DAY, '2035-01-01'))).toEqual(fault('changed'));
    expect(await read(text.replace(DAY, 'none'))).toEqual(fault('changed'));
    expect(await read(text.replace(DAY, '2034-02-30'))).toEqual(fault('day that does not exist'));
    const moved = text.replace(ID, 'customer/2027Q1');
    expect(await read(moved)).toEqual(fault('another epoch'));
    expect(await read(moved, WRAPPER, 'customer/2027Q1')).toEqual(fault('changed'));
  });

  test('is not believed when the wrapper finds nothing wrong and the lines were never wrapped', async () => {
    const deaf = { ...WRAPPER, unwrap: async () => Buffer.concat([KEY, Buffer.alloc(32)]) };
    expect(await read(await written(), deaf)).toEqual(fault('changed'));
  });

  test('wrapped by another key is refused, and both are named', async () => {
    const other = aesKeyWrapper(Buffer.alloc(32, 8));
    const refused = await read(await written(), other);
    expect(refused).toEqual(fault(`wrapped by ${WRAPPER.name}`));
    expect(refused).toEqual(fault(other.name));
    const lying = { ...other, name: WRAPPER.name };
    expect(await read(await written(), lying)).toEqual(fault('changed'));
  });

  test.each([
    ['', 'is no epoch key'],
    ['ab'.repeat(32), 'is not wrapped'],
    [`${'ab'.repeat(32)}\n`, 'is not wrapped'],
    ['retain-epoch-key v2\nwhatever\n', 'of a version'],
    ['retain-epoch-key v1\n', 'is cut short'],
  ])('that holds %j: %s', async (text, words) => {
    expect(await read(text)).toEqual(fault(words));
  });
});

test('10,000 files of noise, and of lines in a wrong order, hold no key', async () => {
  const chance = seeded(20_261_121);
  const text = await writeEpochFile(WRAPPER, ID, { key: KEY, destroyAfter: DAY });
  const lines = text.split('\n');
  for (let n = 0; n < 10_000; n += 1) {
    const noise = Buffer.from(
      Array.from({ length: chance.integer(300) }, () => chance.integer(256)),
    ).toString('latin1');
    const mixed = Array.from({ length: 6 }, () => lines[chance.integer(lines.length)]).join('\n');
    const file = n % 2 === 0 ? noise : mixed;
    if (file !== text) expect(await readEpochFile(WRAPPER, ID, file)).toHaveProperty('fault');
  }
});

describe('the wrapping key of a folder', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'epoch-file-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));
  const keys = () => fileEpochKeys(dir, () => '2026-11-21T18:23:28Z');
  const wrapKey = () => join(dir, '_ledger', 'wrap.key');

  test('is made with the others, 0600, and wraps every epoch key', async () => {
    expect(await createLedgerKeys(dir)).toContain('_ledger/wrap.key');
    expect((statSync(wrapKey()).mode & 0o777).toString(8)).toBe('600');
    const { key } = await keys().forWriting('customer');
    const text = readFileSync(join(dir, `${ID}.key`), 'utf8');
    const wrapper = aesKeyWrapper(Buffer.from(readFileSync(wrapKey(), 'utf8').trim(), 'hex'));
    expect(await readEpochFile(wrapper, ID, text)).toEqual({ key, destroyAfter: null });
    expect((await fileKeyWrapper(dir)).name).toBe(wrapper.name);
  });

  test('is never made for an epoch key: without it none is made and none is read', async () => {
    const missing = { code: 'EPOCH_KEY_MISSING', message: expect.stringMatching(/wrap\.key/) };
    await expect(keys().forWriting('customer')).rejects.toMatchObject(missing);
    await createLedgerKeys(dir);
    await keys().forWriting('customer');
    rmSync(wrapKey());
    for (const read of [() => keys().byId(ID), () => keys().all('customer')]) {
      await expect(read()).rejects.toMatchObject(missing);
    }
  });

  test('is refused when others can read it, and when it holds something else', async () => {
    await createLedgerKeys(dir);
    chmodSync(wrapKey(), 0o640);
    await expect(keys().forWriting('customer')).rejects.toMatchObject({
      code: 'EPOCH_KEY_EXPOSED',
    });
    chmodSync(wrapKey(), 0o600);
    writeFileSync(wrapKey(), 'short\n');
    await expect(keys().forWriting('customer')).rejects.toMatchObject({
      code: 'EPOCH_KEY_INVALID',
    });
  });

  test('in the place of another, the error names the file and both keys', async () => {
    await createLedgerKeys(dir);
    await keys().forWriting('customer');
    const { name } = await fileKeyWrapper(dir);
    rmSync(wrapKey());
    await createLedgerKeys(dir);
    await expect(keys().byId(ID)).rejects.toMatchObject({
      code: 'EPOCH_KEY_INVALID',
      message: expect.stringMatching(new RegExp(`customer/2026Q4\\.key is wrapped by ${name}`)),
    });
  });
});
