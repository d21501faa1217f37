import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type EpochKeyOptions, fileEpochKeys } from '../../app/epoch-keys.ts';
import { aesKeyWrapper } from '../../app/key-wrapper.ts';
import { createLedgerKeys } from '../../app/ledger-keys.ts';

const NOW = '2026-11-21T18:23:28.394504Z';
const ID = 'customer/2026Q4';

let home: string;
let dir: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'epoch-keys-'));
  dir = join(home, 'keys');
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const WRAPPER = aesKeyWrapper(Buffer.alloc(32, 7));
const keysAt = (instant = NOW, options: EpochKeyOptions = {}) =>
  fileEpochKeys(dir, () => instant, { wrapper: async () => WRAPPER, ...options });
const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);

function plant(content: string, file = `${ID}.key`): string {
  const path = join(dir, file);
  mkdirSync(join(dir, 'customer'), { recursive: true, mode: 0o700 });
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

describe('making keys', () => {
  test('one key per class and quarter, the same for every later reader', async () => {
    const first = await keysAt().forWriting('customer');
    const second = await keysAt('2026-10-01T00:00:00Z').forWriting('customer');
    expect(first.id).toBe(ID);
    expect(first.key).toHaveLength(32);
    expect(second).toEqual(first);
    expect(await keysAt().byId(ID)).toEqual(first.key);
    const other = await keysAt().forWriting('tenancy');
    expect(other.key.equals(first.key)).toBe(false);
  });

  test.each(['2026-11-21', '2026-11-21T18:23:28+01:00', '', '2026-13-01T00:00:00Z'])(
    'a clock that answers "%s" makes no key',
    async (instant) => {
      await expect(keysAt(instant).forWriting('customer')).rejects.toThrow(/RFC 3339/);
      expect(existsSync(dir)).toBe(false);
    },
  );

  test('files are 0600 in folders 0700, and no draft is left behind', async () => {
    await keysAt().forWriting('customer');
    expect(mode(dir)).toBe('700');
    expect(mode(join(dir, 'customer'))).toBe('700');
    expect(mode(join(dir, `${ID}.key`))).toBe('600');
    expect(readdirSync(join(dir, 'customer'))).toEqual(['2026Q4.key']);
  });

  test('callers get copies: one that wipes its key does not wipe it for others', async () => {
    const keys = keysAt();
    const { key } = await keys.forWriting('customer');
    const kept = Buffer.from(key);
    key.fill(0);
    expect((await keys.forWriting('customer')).key).toEqual(kept);
  });
});

describe('reading keys', () => {
  test('a missing folder is no key, and is not created', async () => {
    expect(await keysAt().byId(ID)).toBeUndefined();
    expect(await keysAt().all('customer')).toEqual([]);
    expect(existsSync(dir)).toBe(false);
  });

  test('all keys of a class come oldest first, without those of other classes', async () => {
    for (const instant of ['2027-02-01T00:00:00Z', '2026-05-01T00:00:00Z', NOW]) {
      await keysAt(instant).forWriting('customer');
    }
    await keysAt().forWriting('customer_note');
    const ids = (await keysAt().all('customer')).map(({ id }) => id);
    expect(ids).toEqual(['customer/2026Q2', 'customer/2026Q4', 'customer/2027Q1']);
  });

  test('a key that another process made or destroyed meanwhile is seen as it is', async () => {
    const keys = keysAt();
    expect(await keys.all('customer')).toEqual([]);
    await keysAt().forWriting('customer');
    expect(await keys.all('customer')).toHaveLength(1);
    expect(await keysAt().destroy(ID)).toBe(true);
    expect(await keys.all('customer')).toEqual([]);
    expect(await keys.byId(ID)).toBeUndefined();
  });
});

describe('destroying keys', () => {
  test('overwrites the file before it goes', async () => {
    await keysAt().forWriting('customer');
    const path = join(dir, `${ID}.key`);
    const other = join(home, 'another-name');
    linkSync(path, other);
    const before = readFileSync(other);
    expect(await keysAt().destroy(ID)).toBe(true);
    expect(existsSync(path)).toBe(false);
    const after = readFileSync(other);
    expect(after).toHaveLength(before.length);
    expect(after.equals(before)).toBe(false);
    expect(after.includes(before.subarray(-40))).toBe(false);
  });

  test('says when there is none, and any number of processes may do it at once', async () => {
    expect(await keysAt().destroy(ID)).toBe(false);
    await keysAt().forWriting('customer');
    const all = await Promise.all(Array.from({ length: 5 }, () => keysAt().destroy(ID)));
    expect(all).toContain(true);
    expect(await keysAt().destroy(ID)).toBe(false);
  });

  test('needs neither the wrapping key nor a file that can be read', async () => {
    plant('noise');
    const wrapper = () => Promise.reject(new Error('the wrapping key was asked for'));
    expect(await keysAt(NOW, { wrapper }).destroy(ID)).toBe(true);
  });

  test.each(['customer', '../2026Q4', '_ledger/2026Q4', 'customer/2026Q4/x', 'customer/..'])(
    'destroys nothing that is no epoch: %j',
    async (id) => {
      await keysAt().forWriting('customer');
      await expect(keysAt().destroy(id)).rejects.toMatchObject({ code: 'EPOCH_KEY_MISSING' });
      expect(readdirSync(join(dir, 'customer'))).toEqual(['2026Q4.key']);
    },
  );

  test('follows no symbolic link', async () => {
    const elsewhere = join(home, 'elsewhere');
    writeFileSync(elsewhere, 'precious');
    mkdirSync(join(dir, 'customer'), { recursive: true, mode: 0o700 });
    symlinkSync(elsewhere, join(dir, `${ID}.key`));
    await expect(keysAt().destroy(ID)).rejects.toThrow();
    expect(readFileSync(elsewhere, 'utf8')).toBe('precious');
  });
});

describe('names that could lead elsewhere are refused', () => {
  const names = ['..', '.', '', 'a/b', '../customer', 'Customer', 'customer ', 'a\0', '1a', 'é'];
  test.each(names)('class %j', async (name) => {
    const keys = keysAt();
    const refused = { code: 'RECORD_CLASS_UNKNOWN' };
    await expect(keys.forWriting(name)).rejects.toMatchObject(refused);
    await expect(keys.all(name)).rejects.toMatchObject(refused);
    await expect(keys.byId(`${name}/2026Q4`)).rejects.toMatchObject({ code: expect.any(String) });
    expect(readdirSync(home)).toEqual([]);
  });

  test.each(['customer', 'customer/2026Q5', 'customer/../2026Q4', 'customer/2026Q4/x'])(
    'epoch %j',
    async (id) => {
      await expect(keysAt().byId(id)).rejects.toMatchObject({ code: 'EPOCH_KEY_MISSING' });
    },
  );
});

describe('rights of others', () => {
  const paths = ['', 'customer', `${ID}.key`];
  const exposed = { code: 'EPOCH_KEY_EXPOSED' };

  test.each(paths)(
    'any right on "%s" is refused by every reader and by the writer',
    async (path) => {
      await keysAt().forWriting('customer');
      for (const extra of [0o040, 0o004, 0o020, 0o001]) {
        chmodSync(join(dir, path), (path.endsWith('.key') ? 0o600 : 0o700) | extra);
        await expect(keysAt().forWriting('customer')).rejects.toMatchObject(exposed);
        await expect(keysAt().byId(ID)).rejects.toMatchObject(exposed);
        await expect(keysAt().all('customer')).rejects.toMatchObject(exposed);
      }
    },
  );

  test('a folder that others can reach gets no new key', async () => {
    mkdirSync(dir);
    chmodSync(dir, 0o755);
    await expect(keysAt().forWriting('customer')).rejects.toMatchObject(exposed);
    expect(readdirSync(dir)).toEqual([]);
  });

  test('without those rights the same files are read', async () => {
    const { key } = await keysAt().forWriting('customer');
    expect(await keysAt().byId(ID)).toEqual(key);
  });
});

describe('files that hold no key are refused, and what they hold is not repeated', () => {
  const canary = 'c0ffee'.repeat(10);
  test.each([
    ['empty', ''],
    ['short', `${canary}\n`],
    ['long', `${canary}${canary}\n`],
    ['a plain key', `${'ab'.repeat(32)}\n`],
    ['a plain key without a line end', 'ab'.repeat(32)],
    ['a version to come', 'retain-epoch-key v2\nepoch customer/2026Q4\n'],
    ['not hexadecimal', `${canary}zzzz\n`],
    ['upper case', `${'AB'.repeat(32)}\n`],
    ['huge', 'ab'.repeat(1_000_000)],
  ])('%s', async (_, content) => {
    plant(content);
    const refused = { code: 'EPOCH_KEY_INVALID' };
    for (const read of [
      () => keysAt().forWriting('customer'),
      () => keysAt().byId(ID),
      () => keysAt().all('customer'),
    ]) {
      await expect(read()).rejects.toMatchObject(refused);
      const error: unknown = await read().catch((thrown: unknown) => thrown);
      expect(JSON.stringify(error) + String(error)).not.toContain('c0ffee');
    }
    expect(readFileSync(join(dir, `${ID}.key`), 'utf8')).toBe(content);
  });

  test('a folder, a symbolic link and a misspelt quarter', async () => {
    const refused = { code: 'EPOCH_KEY_INVALID' };
    const path = plant(`${'ab'.repeat(32)}\n`);
    rmSync(path);
    mkdirSync(path, { mode: 0o700 });
    await expect(keysAt().byId(ID)).rejects.toMatchObject(refused);
    rmSync(path, { recursive: true });
    const elsewhere = join(home, 'elsewhere');
    writeFileSync(elsewhere, `${'ab'.repeat(32)}\n`, { mode: 0o600 });
    symlinkSync(elsewhere, path);
    await expect(keysAt().byId(ID)).rejects.toMatchObject(refused);
    rmSync(path);
    plant(`${'ab'.repeat(32)}\n`, 'customer/2026q4.key');
    await expect(keysAt().all('customer')).rejects.toMatchObject(refused);
  });
});

test('processes that start together agree on one key', async () => {
  const module = JSON.stringify(new URL('../../app/epoch-keys.ts', import.meta.url).href);
  const script = `
    import { createHash } from 'node:crypto';
    import { fileEpochKeys } from ${module};
    process.stdin.once('data', async () => {
      const { key } = await fileEpochKeys(process.argv[1], () => ${JSON.stringify(NOW)}).forWriting('customer');
      process.stdout.write(createHash('sha256').update(key).digest('hex'), () => process.exit(0));
    });
    process.stdout.write('ready ');
  `;
  await createLedgerKeys(dir);
  const children = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script, dir], {
      stdio: ['pipe', 'pipe', 'inherit'],
    }),
  );
  await Promise.all(
    children.map((child) => new Promise((ready) => child.stdout.once('readable', ready))),
  );
  for (const child of children) child.stdin.end('go');
  const answers = await Promise.all(children.map((child) => text(child.stdout)));
  expect(new Set(answers).size).toBe(1);
  expect(answers[0]).toMatch(/^ready [0-9a-f]{64}$/);
  expect(readdirSync(join(dir, 'customer'))).toEqual(['2026Q4.key']);
});

test('keys are in no error and in nothing that is printed of the store', async () => {
  const keys = keysAt();
  const { key } = await keys.forWriting('customer');
  chmodSync(join(dir, 'customer'), 0o750);
  const error: unknown = await keysAt()
    .byId(ID)
    .catch((thrown: unknown) => thrown);
  const printed = JSON.stringify([keys, error]) + String(error);
  expect(printed).not.toContain(key.toString('hex'));
});
