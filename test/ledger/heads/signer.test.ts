/** The signer never signs two trees of which one is not the beginning of the other. */
import { spawn } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { headMemory } from '../../../app/ledger/head-memory.ts';
import { fileSigner } from '../../../app/ledger/signer.ts';
import { parseCheckpoint } from '../../../ledger/checkpoint.ts';
import { parseNote, verifyNote } from '../../../ledger/note.ts';
import { NOTE_SIGNATURE, noteVerifier } from '../../../ledger/note-key.ts';
import { testKey } from '../../support/log-teller.ts';
import { LOG_KEY, LOG_VERIFIER, memoryLog, ORIGIN } from '../../support/memory-log.ts';

const FORKED = { code: 'LEDGER_FORKED' };
const UNREADABLE = { code: 'LEDGER_SIGNER_UNREADABLE' };
const log = memoryLog(600);

let dir: string;
let folder: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'signer-'));
  folder = join(dir, '_ledger/signed');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const signer = () => fileSigner(dir, { log: () => Promise.resolve([LOG_KEY]) });
const NEXT_KEY = testKey('log', 2);
const NEXT_VERIFIER = noteVerifier(ORIGIN, NEXT_KEY.publicKey, NOTE_SIGNATURE.ed25519);
const twoKeys = () => fileSigner(dir, { log: async () => [NEXT_KEY, LOG_KEY] });
const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
const files = () => readdirSync(folder).sort();

async function signed(size: number): Promise<string> {
  const last = await signer().last();
  return signer().sign(log.head(size), await log.prove(last?.size ?? 0, size));
}

describe('what is signed', () => {
  test('is the checkpoint as a note of the log key', async () => {
    const note = parseNote(Buffer.from(await signed(5)));
    expect(verifyNote(note, [LOG_VERIFIER])).toHaveLength(1);
    expect(parseCheckpoint(note.text)).toEqual({ ...log.head(5), extensions: [] });
  });

  test('is remembered: a later signer knows the last head', async () => {
    expect(await signer().last()).toBeUndefined();
    await signed(5);
    await signed(300);
    const { size, root } = log.head(300);
    expect(await signer().last()).toEqual({ size, root });
  });

  test('may grow as long as a proof connects it', async () => {
    for (const size of [1, 2, 255, 256, 257, 600]) {
      expect(await signed(size)).toContain(`\n${size}\n`);
    }
  });

  test('is the same note, byte for byte, when it is asked for again', async () => {
    const first = await signed(5);
    expect(await signed(5)).toBe(first);
    expect(files()).toHaveLength(1);
  });

  test('is signed after a crash between remembering and signing, as if nothing had happened', async () => {
    await signed(5);
    const dying = fileSigner(dir, {
      log: () =>
        Promise.resolve([
          {
            ...LOG_KEY,
            sign: () => {
              throw new Error('the process dies here');
            },
          },
        ]),
    });
    await expect(dying.sign(log.head(9), await log.prove(5, 9))).rejects.toThrow('dies here');
    expect((await signer().last())?.size).toBe(9);
    expect(await signer().sign(log.head(9), [])).toBe(log.note(9));
    const forged = memoryLog(9, 7);
    await expect(signer().sign(forged.head(9), await forged.prove(5, 9))).rejects.toMatchObject(
      FORKED,
    );
  });

  test('leaves only after the memory has it', async () => {
    let remembered: string[] = [];
    const watching = fileSigner(dir, {
      log: () =>
        Promise.resolve([
          {
            ...LOG_KEY,
            sign: (message: Uint8Array) => {
              remembered = files();
              return LOG_KEY.sign(message);
            },
          },
        ]),
    });
    await watching.sign(log.head(5), []);
    expect(remembered).toEqual(['000000000001']);
  });

  test('has a signature of each log key, so that whoever trusts either verifies it', async () => {
    const [both, renewed] = [twoKeys(), fileSigner(dir, { log: async () => [NEXT_KEY] })];
    await signed(5);
    const note = await both.sign(log.head(5), []);
    expect(parseNote(Buffer.from(note)).signatures).toHaveLength(2);
    for (const verifier of [LOG_VERIFIER, NEXT_VERIFIER]) {
      expect(verifyNote(parseNote(Buffer.from(note)), [verifier])).toMatchObject([{ verifier }]);
    }
    expect(await both.sign(log.head(5), [])).toBe(note);
    // The end of the first: the same head, by the other key alone.
    const last = parseNote(Buffer.from(await renewed.sign(log.head(5), [])));
    expect(last.signatures.map(({ keyId }) => keyId)).toEqual([NEXT_VERIFIER.keyId]);
    expect(files()).toEqual(['000000000001']);
  });

  test('other keys do not make another history of it', async () => {
    await signed(5);
    const forged = memoryLog(9, 3);
    await expect(twoKeys().sign(forged.head(9), await forged.prove(5, 9))).rejects.toMatchObject(
      FORKED,
    );
  });

  test('a key that is missing leaves the memory as it was', async () => {
    const keyless = fileSigner(dir, { log: () => Promise.reject(new Error('no key')) });
    await expect(keyless.sign(log.head(5), [])).rejects.toThrow('no key');
    expect(await signer().last()).toBeUndefined();
  });
});

describe('what is refused, and not remembered either', () => {
  const other = memoryLog(600, 7);

  test.each<[string, () => Promise<unknown>]>([
    ['no proof', () => signer().sign(log.head(20), [])],
    [
      'the proof of a tree with another history',
      async () => signer().sign(memoryLog(20, 3).head(20), await memoryLog(20, 3).prove(10, 20)),
    ],
    ['a proof from another size', async () => signer().sign(log.head(20), await log.prove(9, 20))],
    [
      'a proof with one bit flipped',
      async () => {
        const proof = await log.prove(10, 20);
        proof[0]?.writeUInt8(proof[0].readUInt8(0) ^ 1, 0);
        return signer().sign(log.head(20), proof);
      },
    ],
    [
      'a smaller tree, even of the same history',
      async () => signer().sign(log.head(9), await log.prove(9, 9)),
    ],
    ['another root of the same size', () => signer().sign(other.head(10), [])],
    [
      'another origin, even for the same tree',
      () => signer().sign({ ...log.head(10), origin: 'retain.example.com/other' }, []),
    ],
    [
      'another origin that continues the tree',
      async () =>
        signer().sign(
          { ...log.head(20), origin: 'retain.example.com/other' },
          await log.prove(10, 20),
        ),
    ],
  ])('%s', async (_, attempt) => {
    await signed(10);
    const before = readFileSync(join(folder, '000000000001'));
    await expect(attempt()).rejects.toMatchObject(FORKED);
    expect(files()).toEqual(['000000000001']);
    expect(readFileSync(join(folder, '000000000001'))).toEqual(before);
    expect(await signed(20)).toContain('\n20\n');
  });

  test('a smaller tree is called so: after a restore it is what operators look for', async () => {
    await signed(10);
    await expect(signer().sign(log.head(9), [])).rejects.toMatchObject({
      message: expect.stringContaining('The tree is smaller'),
      facts: { size: 9, signed_size: 10 },
    });
  });

  test('a tree without its genesis', async () => {
    await expect(signer().sign(log.head(0), [])).rejects.toMatchObject({
      code: 'INVARIANT_BROKEN',
    });
    expect(await signer().last()).toBeUndefined();
  });
});

describe('the memory', () => {
  test('is 0600 in a folder 0700, one line of canonical JSON, and no draft is left behind', async () => {
    await signed(5);
    expect(mode(folder)).toBe('700');
    expect(mode(join(folder, '000000000001'))).toBe('600');
    expect(readFileSync(join(folder, '000000000001'), 'utf8')).toBe(
      `{"origin":"${ORIGIN}","root":"${log.head(5).root.toString('hex')}","size":5}\n`,
    );
    expect(files()).toEqual(['000000000001']);
  });

  test('keeps the last generations and lets the others go', async () => {
    for (let size = 1; size <= 20; size += 1) await signed(size);
    expect(files()).toEqual(Array.from({ length: 8 }, (_, i) => String(13 + i).padStart(12, '0')));
    expect((await signer().last())?.size).toBe(20);
  });

  test('numbers are counted, not compared as text', async () => {
    const memory = headMemory(folder);
    for (let i = 0; i < 11; i += 1) await memory.advance(i, log.head(i + 1));
    expect(await memory.newest()).toEqual({ generation: 11, head: log.head(11) });
  });

  test('a number that was tidied away is not the next one', async () => {
    const memory = headMemory(folder);
    for (let i = 0; i < 20; i += 1) await memory.advance(i, log.head(i + 1));
    const before = files();
    // Whoever read generation 1 long ago and sleeps until now.
    expect(await memory.advance(1, memoryLog(3, 0).head(3))).toBe(false);
    expect(files()).toEqual(before);
    expect((await memory.newest())?.head.size).toBe(20);
  });

  const whole = () => readFileSync(join(folder, '000000000002'), 'utf8');
  test.each<[string, (path: string) => void]>([
    ['empty', (path) => truncateSync(path, 0)],
    ['cut before its line end', (path) => truncateSync(path, whole().length - 1)],
    ['cut in the middle', (path) => truncateSync(path, 40)],
    ['a size with a leading zero', (path) => writeFileSync(path, whole().replace(':10}', ':010}'))],
    [
      'a size beyond 2^53',
      (path) => writeFileSync(path, whole().replace(':10}', ':9007199254740993}')),
    ],
    [
      'a root in capitals',
      (path) =>
        writeFileSync(
          path,
          whole().replace(/"root":"[^"]+"/, (root) => root.toUpperCase()),
        ),
    ],
    [
      'names that JSON would write another way',
      (path) => writeFileSync(path, whole().replace('retain', '\\u0072etain')),
    ],
    ['a name that is no JSON', (path) => writeFileSync(path, whole().replace('retain', '\\q'))],
    ['spaces', (path) => writeFileSync(path, whole().replace(',"size"', ', "size"'))],
    ['a second line', (path) => writeFileSync(path, whole() + whole())],
    ['huge', (path) => writeFileSync(path, whole().repeat(1000))],
    [
      'a folder',
      (path) => {
        rmSync(path);
        mkdirSync(path);
      },
    ],
    [
      'a symbolic link',
      (path) => {
        const elsewhere = join(dir, 'elsewhere');
        writeFileSync(elsewhere, whole());
        rmSync(path);
        symlinkSync(elsewhere, path);
      },
    ],
  ])(
    'a newest file that is %s is an error, never "nothing signed yet" nor the one before',
    async (_, spoil) => {
      await signed(5);
      await signed(10);
      spoil(join(folder, '000000000002'));
      await expect(signer().last()).rejects.toMatchObject(UNREADABLE);
      await expect(signer().sign(log.head(20), await log.prove(10, 20))).rejects.toMatchObject(
        UNREADABLE,
      );
      await expect(signer().sign(log.head(20), await log.prove(5, 20))).rejects.toMatchObject(
        UNREADABLE,
      );
    },
  );

  test('a file that is no generation is refused: it could be the newest under a broken name', async () => {
    await signed(5);
    writeFileSync(join(folder, '000000000002.bak'), 'x');
    await expect(signed(10)).rejects.toMatchObject(UNREADABLE);
  });

  test('a folder that others can reach is refused', async () => {
    await signed(5);
    chmodSync(folder, 0o770);
    await expect(signer().last()).rejects.toMatchObject({ code: 'EPOCH_KEY_EXPOSED' });
    await expect(signed(10)).rejects.toMatchObject({ code: 'EPOCH_KEY_EXPOSED' });
  });
});

describe('several signers at once', () => {
  test('of different trees of one size exactly one is signed', async () => {
    await signed(5);
    const trees = Array.from({ length: 8 }, (_, i) => memoryLog(6 + i, 5 + i));
    const outcomes = await Promise.allSettled(
      trees.map(async (tree, i) => signer().sign(tree.head(6 + i), await tree.prove(5, 6 + i))),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject(FORKED);
    }
    expect(files()).toHaveLength(2);
  });

  test('the same tree is signed for all of them, once in the memory', async () => {
    const proof = await log.prove(5, 10);
    await signed(5);
    const notes = await Promise.all(
      Array.from({ length: 8 }, () => signer().sign(log.head(10), proof)),
    );
    expect(new Set(notes)).toEqual(new Set([log.note(10)]));
    expect(files()).toHaveLength(2);
  });

  test('of processes that begin together with different trees one wins, and all later ones follow it', async () => {
    const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
    const script = `
      import { fileSigner } from ${url('../../../app/ledger/signer.ts')};
      import { LOG_KEY, memoryLog } from ${url('../../support/memory-log.ts')};
      const log = memoryLog(4, Number(process.argv[2]));
      process.stdin.once('data', async () => {
        const signer = fileSigner(process.argv[1], { log: () => Promise.resolve([LOG_KEY]) });
        const answer = await signer.sign(log.head(4), []).catch((error) => error.code);
        process.stdout.write(answer, () => process.exit(0));
      });
      process.stdout.write('ready ');
    `;
    const children = Array.from({ length: 4 }, (_, i) =>
      spawn(
        process.execPath,
        ['--import', 'tsx', '--input-type=module', '-e', script, dir, String(i)],
        { stdio: ['pipe', 'pipe', 'inherit'] },
      ),
    );
    await Promise.all(
      children.map((child) => new Promise((ready) => child.stdout.once('readable', ready))),
    );
    for (const child of children) child.stdin.end('go');
    const answers = await Promise.all(children.map((child) => text(child.stdout)));
    const notes = answers.filter((answer) => answer !== 'ready LEDGER_FORKED');
    expect(notes).toHaveLength(1);
    expect(notes[0]).toContain((await signer().last())?.root.toString('base64'));
    expect(files()).toEqual(['000000000001']);
  });
});
