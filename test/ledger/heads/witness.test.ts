/** Logs and witnesses over HTTP: what is cosigned, by whom, and what nobody can make a witness cosign. */
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cosignatures, type Witnessed } from '../../../app/ledger/witness-client.ts';
import { formatAddCheckpoint } from '../../../app/witness/add-checkpoint.ts';
import { type RunningWitness, startWitness } from '../../../app/witness/server.ts';
import { formatCheckpoint } from '../../../ledger/checkpoint.ts';
import { cosign } from '../../../ledger/cosignature.ts';
import { signingKey } from '../../../ledger/ed25519.ts';
import { formatNote, parseNote, signNote } from '../../../ledger/note.ts';
import {
  NOTE_SIGNATURE,
  noteVerifier,
  parseVkey,
  signatureLine,
} from '../../../ledger/note-key.ts';
import { openCheckpoint, type Policy, type PolicyKey } from '../../../ledger/policy.ts';
import { LOG_KEY, LOG_VERIFIER, memoryLog, ORIGIN } from '../../support/memory-log.ts';

const NAME = 'witness.example.com/w1';
const log = memoryLog(600);

let home: string;
let running: RunningWitness[];
let servers: Server[];
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'witness-'));
  running = [];
  servers = [];
});
afterEach(async () => {
  for (const witness of running) await witness.close();
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  rmSync(home, { recursive: true, force: true });
});

const dirOf = (name = 'w1') => join(home, name);

async function start(name = 'w1', logs = [LOG_VERIFIER]): Promise<RunningWitness> {
  const options = { dir: dirOf(name), name: `witness.example.com/${name}`, logs, port: 0 };
  const witness = await startWitness(options);
  running.push(witness);
  return witness;
}

async function stop(witness: RunningWitness): Promise<void> {
  running = running.filter((other) => other !== witness);
  await witness.close();
}

/** A server that answers whatever it is told to. */
async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no address');
  return `http://127.0.0.1:${address.port}`;
}

function policyOf(...witnesses: [string, PolicyKey][]): Policy {
  const quorum = witnesses[0]?.[0] ?? null;
  return {
    logs: [{ verifier: LOG_VERIFIER }],
    witnesses: new Map(witnesses),
    groups: new Map(),
    quorum,
  };
}

const keyOf = ({ vkey, url }: RunningWitness): PolicyKey => ({ verifier: parseVkey(vkey), url });

/** One round of the log with a witness, from what it is believed to have cosigned. */
const ask = (witness: RunningWitness, size: number, oldSize = 0, of = log): Promise<Witnessed> =>
  cosignatures(policyOf(['w1', keyOf(witness)]), of.note(size), () => oldSize, of.prove);

interface Raw {
  readonly status: number;
  readonly type: string | null;
  readonly text: string;
}

async function post(url: string, body: Buffer | string): Promise<Raw> {
  const answer = await fetch(`${url}/add-checkpoint`, {
    method: 'POST',
    body: typeof body === 'string' ? body : new Uint8Array(body),
  });
  return {
    status: answer.status,
    type: answer.headers.get('content-type'),
    text: await answer.text(),
  };
}

const request = (oldSize: number, proof: readonly Buffer[], note: string) =>
  formatAddCheckpoint({ oldSize, proof, note: Buffer.from(note) });

const requestTo = async (size: number, oldSize: number, of = log) =>
  request(oldSize, await of.prove(oldSize, size), of.note(size));

describe('a log and a witness', () => {
  test('the cosigned checkpoint meets the policy', async () => {
    const witness = await start();
    const before = Math.floor(Date.now() / 1000);
    const { note, witnesses } = await ask(witness, 5);
    expect(witnesses).toEqual([
      { name: 'w1', state: 'cosigned', size: 5, unixSeconds: expect.any(Number) },
    ]);
    const opened = openCheckpoint(Buffer.from(note), policyOf(['w1', keyOf(witness)]));
    expect(opened.quorum).toBe(true);
    expect(opened.cosigners[0]?.unixSeconds).toBeGreaterThanOrEqual(before);
    expect(openCheckpoint(Buffer.from(log.note(5)), policyOf(['w1', keyOf(witness)])).quorum).toBe(
      false,
    );
  });

  test('follow each other as the log grows, and the log may forget where the witness was', async () => {
    const witness = await start();
    for (const [size, oldSize] of [
      [1, 0],
      [5, 1],
      [256, 5],
      [257, 0],
      [600, 3],
    ] as const) {
      expect((await ask(witness, size, oldSize)).witnesses[0]?.state).toBe('cosigned');
    }
  });

  test('cosign a head again with a later time, and the note has one line of each witness', async () => {
    const witness = await start();
    const first = await ask(witness, 5);
    const again = await cosignatures(
      policyOf(['w1', keyOf(witness)]),
      first.note,
      () => 5,
      log.prove,
    );
    expect(again.witnesses[0]?.state).toBe('cosigned');
    expect(parseNote(Buffer.from(again.note)).signatures.map(({ name }) => name)).toEqual([
      ORIGIN,
      NAME,
    ]);
  });

  test('of several witnesses, those without an address are not asked and those that fail do no harm', async () => {
    const [one, two] = [await start('w1'), await start('w2')];
    const gone = await start('w3');
    await stop(gone);
    const policy = policyOf(
      ['gone', keyOf(gone)],
      ['one', keyOf(one)],
      ['silent', { verifier: parseVkey(gone.vkey) }],
      ['two', keyOf(two)],
    );
    const { note, witnesses } = await cosignatures(policy, log.note(5), () => 0, log.prove);
    expect(witnesses.map(({ name, state }) => [name, state])).toEqual([
      ['gone', 'unreachable'],
      ['one', 'cosigned'],
      ['two', 'cosigned'],
    ]);
    expect(parseNote(Buffer.from(note)).signatures.map(({ name }) => name)).toEqual([
      ORIGIN,
      'witness.example.com/w1',
      'witness.example.com/w2',
    ]);
  });

  test('a smaller tree of the same log is not cosigned again: the witness is ahead', async () => {
    const witness = await start();
    await ask(witness, 600);
    for (const believed of [0, 100, 300, 600]) {
      expect((await ask(witness, 300, believed)).witnesses).toMatchObject([
        { state: 'ahead', size: 600 },
      ]);
    }
    expect((await ask(witness, 300)).note).toBe(log.note(300));
  });

  test('another history is not cosigned, at the same size and beyond', async () => {
    const witness = await start();
    await ask(witness, 300);
    const forged = memoryLog(600, 200);
    expect((await ask(witness, 300, 300, forged)).witnesses).toMatchObject([{ state: 'forked' }]);
    expect((await ask(witness, 600, 300, forged)).witnesses).toMatchObject([{ state: 'forked' }]);
    expect((await ask(witness, 600, 300)).witnesses).toMatchObject([{ state: 'cosigned' }]);
  });
});

describe('the witness answers as the specification asks', () => {
  const signedBy = (seed: number, size: number, name = ORIGIN) => {
    const text = formatCheckpoint({ ...log.head(size), origin: name });
    const key = signingKey('log', Buffer.alloc(32, seed));
    return formatNote(text, [signNote(text, key, name)]).toString('utf8');
  };

  test('200 with one cosignature line', async () => {
    const { url } = await start();
    const answer = await post(url, await requestTo(5, 0));
    expect(answer.status).toBe(200);
    expect(answer.text).toMatch(/^— witness\.example\.com\/w1 [A-Za-z0-9+/]{101,}=*\n$/);
  });

  test('404 for a log it does not watch, even under the key of one that it does', async () => {
    const { url } = await start();
    const other = memoryLog(5, 5, 'retain.example.com/other');
    expect((await post(url, await requestTo(5, 0, other))).status).toBe(404);
  });

  test('403 when no key of the log signed, or one of them signed badly', async () => {
    const { url } = await start();
    expect((await post(url, request(0, [], signedBy(9, 5)))).status).toBe(403);
    const note = log.note(5);
    const bad = note.replace(/(\S{10})(=*)\n$/, (tail) =>
      tail.replace(/[A-Za-z]/, (c) => (c === 'A' ? 'B' : 'A')),
    );
    expect(bad).not.toBe(note);
    expect((await post(url, request(0, [], bad))).status).toBe(403);
  });

  test('signatures of unknown keys are passed over', async () => {
    const { url } = await start();
    const both = `${log.note(5)}${signedBy(9, 5).split('\n').at(-2)}\n`;
    expect((await post(url, request(0, [], both))).status).toBe(200);
  });

  test('a log may have two keys, and either will do', async () => {
    const key = signingKey('log', Buffer.alloc(32, 9));
    const second = noteVerifier(ORIGIN, key.publicKey, NOTE_SIGNATURE.ed25519);
    const { url } = await start('w1', [LOG_VERIFIER, second]);
    expect((await post(url, request(0, [], signedBy(9, 5)))).status).toBe(200);
    expect((await post(url, await requestTo(9, 5))).status).toBe(200);
  });

  test('400 for an old size above that of the checkpoint', async () => {
    const { url } = await start();
    expect((await post(url, request(6, [], log.note(5)))).status).toBe(400);
  });

  test.each<[string, (good: string) => string]>([
    ['nothing', () => ''],
    ['no old line', (good) => good.replace(/^old \d+\n/, '')],
    ['an old size with a leading zero', (good) => good.replace('old 5', 'old 05')],
    ['a negative old size', (good) => good.replace('old 5', 'old -5')],
    ['an old size beyond 2^53', (good) => good.replace('old 5', 'old 9007199254740993')],
    ['two blanks', (good) => good.replace('old 5', 'old  5')],
    [
      'a hash of 31 bytes',
      (good) => good.replace('\n\n', `\n${Buffer.alloc(31).toString('base64')}\n\n`),
    ],
    ['a hash without padding', (good) => good.replace('=\n\n', '\n\n')],
    [
      'more than 63 hashes',
      (good) =>
        good.replace('\n\n', `\n${`${Buffer.alloc(32).toString('base64')}\n`.repeat(64)}\n`),
    ],
    ['carriage returns', (good) => good.replaceAll('\n', '\r\n')],
    ['no checkpoint', (good) => good.slice(0, good.indexOf('\n\n') + 2)],
    ['a checkpoint without signatures', (good) => good.slice(0, good.lastIndexOf('\n\n') + 2)],
    ['a size that is none', (good) => good.replace('\n20\n', '\n2O\n')],
    ['no line end', (good) => good.slice(0, -1)],
  ])('400 for a request with %s', async (_, spoil) => {
    const { url } = await start();
    await post(url, await requestTo(5, 0));
    const good = (await requestTo(20, 5)).toString('utf8');
    const bad = spoil(good);
    expect(bad).not.toBe(good);
    expect((await post(url, bad)).status).toBe(400);
    expect((await post(url, good)).status).toBe(200);
  });

  test('409 with the size it has for any other old size, and takes nothing for a proof then', async () => {
    const { url } = await start();
    expect(await post(url, await requestTo(20, 5))).toEqual({
      status: 409,
      type: 'text/x.tlog.size',
      text: '0\n',
    });
    await post(url, await requestTo(10, 0));
    for (const oldSize of [0, 5, 11]) {
      const answer = await post(url, await requestTo(20, oldSize));
      expect(answer).toEqual({ status: 409, type: 'text/x.tlog.size', text: '10\n' });
    }
    expect((await post(url, await requestTo(20, 10))).status).toBe(200);
  });

  test('409 for another root of the size it cosigned', async () => {
    const { url } = await start();
    await post(url, await requestTo(10, 0));
    expect((await post(url, await requestTo(10, 10, memoryLog(10, 5)))).status).toBe(409);
    expect((await post(url, await requestTo(10, 10))).status).toBe(200);
  });

  test('422 for a proof that does not hold, is empty, or is where none belongs', async () => {
    const { url } = await start();
    const some = [Buffer.alloc(32, 1)];
    expect((await post(url, request(0, some, log.note(10)))).status).toBe(422);
    await post(url, await requestTo(10, 0));
    const forged = memoryLog(20, 5);
    for (const bad of [
      request(10, [], log.note(20)),
      request(10, some, log.note(20)),
      request(10, await log.prove(9, 20), log.note(20)),
      request(10, await forged.prove(10, 20), forged.note(20)),
      request(10, some, log.note(10)),
    ]) {
      expect((await post(url, bad)).status).toBe(422);
    }
    expect((await post(url, await requestTo(20, 10))).status).toBe(200);
  });

  test('413 beyond 64 KiB, and the next request is answered', async () => {
    const { url } = await start();
    const answer = await post(url, 'x'.repeat(200_000)).catch(() => ({ status: 413 }));
    expect(answer.status).toBe(413);
    expect((await post(url, await requestTo(10, 0))).status).toBe(200);
  });

  test('404 elsewhere and 405 for other methods', async () => {
    const { url } = await start();
    expect((await fetch(`${url}/`)).status).toBe(404);
    expect((await fetch(`${url}/add-checkpoint?x`, { method: 'POST' })).status).toBe(404);
    expect((await fetch(`${url}/add-checkpoint`)).status).toBe(405);
  });
});

describe('the memory of a witness', () => {
  test('outlives it: after a restart it is the same witness and goes back to nothing', async () => {
    const before = await start();
    await ask(before, 300);
    await stop(before);
    const after = await start();
    expect(after.vkey).toBe(before.vkey);
    expect((await post(after.url, await requestTo(200, 0))).text).toBe('300\n');
    expect((await ask(after, 300, 300, memoryLog(300, 7))).witnesses).toMatchObject([
      { state: 'forked' },
    ]);
    expect((await ask(after, 600)).witnesses).toMatchObject([{ state: 'cosigned' }]);
  });

  test('of requests at once with trees that differ one is cosigned', async () => {
    const { url } = await start();
    await post(url, await requestTo(5, 0));
    const bodies = await Promise.all(
      Array.from({ length: 8 }, (_, i) => requestTo(10 + (i % 2), 5, memoryLog(11, 5 + (i % 5)))),
    );
    const answers = await Promise.all(bodies.map((body) => post(url, body)));
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(1);
    const roots = bodies
      .filter((_, i) => answers[i]?.status === 200)
      .map((body) => body.toString('utf8').split('\n\n')[1]?.split('\n').slice(0, 3).join());
    expect(new Set(roots).size).toBe(1);
    for (const { status } of answers) expect([200, 409]).toContain(status);
  });

  test('two witnesses on one folder are one: what one cosigned the other knows', async () => {
    const [one, other] = [await start(), await start()];
    expect(one.vkey).toBe(other.vkey);
    expect((await post(one.url, await requestTo(10, 0))).status).toBe(200);
    expect((await post(other.url, await requestTo(10, 0, memoryLog(10, 5)))).text).toBe('10\n');
  });

  test('a log has its own: two logs do not disturb each other', async () => {
    const second = memoryLog(50, 50, 'retain.example.com/other');
    const verifier = noteVerifier(
      'retain.example.com/other',
      LOG_KEY.publicKey,
      NOTE_SIGNATURE.ed25519,
    );
    const { url } = await start('w1', [LOG_VERIFIER, verifier]);
    expect((await post(url, await requestTo(10, 0))).status).toBe(200);
    expect((await post(url, await requestTo(50, 0, second))).status).toBe(200);
    expect((await post(url, await requestTo(20, 10))).status).toBe(200);
  });

  test('a memory that cannot be read answers 500 and cosigns nothing', async () => {
    const errors: unknown[] = [];
    const witness = await startWitness({
      dir: dirOf(),
      name: NAME,
      logs: [LOG_VERIFIER],
      port: 0,
      report: (_, error) => void (error && errors.push(error)),
    });
    running.push(witness);
    await post(witness.url, await requestTo(10, 0));
    const [head = ''] = readdirSync(join(dirOf(), 'heads'));
    truncateSync(join(dirOf(), 'heads', head, '000000000001'), 10);
    for (const oldSize of [0, 10]) {
      expect(await post(witness.url, await requestTo(20, oldSize))).toMatchObject({
        status: 500,
        text: '',
      });
    }
    expect(errors).toMatchObject([
      { code: 'LEDGER_SIGNER_UNREADABLE' },
      { code: 'LEDGER_SIGNER_UNREADABLE' },
    ]);
  });

  test('without its memory a key does not start again', async () => {
    await stop(await start());
    rmSync(join(dirOf(), 'heads'), { recursive: true });
    await expect(start()).rejects.toMatchObject({ code: 'LEDGER_SIGNER_UNREADABLE' });
    expect(existsSync(join(dirOf(), 'heads'))).toBe(false);
  });

  test('key and memory are their owner’s alone', async () => {
    await post((await start()).url, await requestTo(10, 0));
    for (const path of ['', 'heads'])
      expect(statSync(join(dirOf(), path)).mode & 0o777).toBe(0o700);
    expect(statSync(join(dirOf(), 'witness.key')).mode & 0o777).toBe(0o600);
  });

  test('a port that is taken is a wrong configuration, with its address', async () => {
    const port = Number(new URL((await start()).url).port);
    const second = startWitness({ dir: dirOf('w2'), name: NAME, logs: [], port });
    await expect(second).rejects.toMatchObject({ code: 'CONFIG_INVALID', facts: { port } });
  });
});

describe('whatever a witness answers, the log goes on without it', () => {
  const key = signingKey('log', Buffer.alloc(32, 7));
  const verifier = noteVerifier(NAME, key.publicKey, NOTE_SIGNATURE.cosignature);
  const text = formatCheckpoint(log.head(20));
  const good = `${cosign(text, key, NAME, 1_800_000_000)}\n`;

  const answerTo = async (listener: RequestListener, oldSize = 0, timeoutMs = 5000) => {
    const url = await listen(listener);
    const policy = policyOf(['w1', { verifier, url }]);
    return cosignatures(policy, log.note(20), () => oldSize, log.prove, { timeoutMs });
  };
  const answering =
    (status: number, body: string): RequestListener =>
    (_, response) =>
      void response.writeHead(status).end(body);

  test('a good answer is taken', async () => {
    const { note, witnesses } = await answerTo(answering(200, good));
    expect(witnesses).toEqual([
      { name: 'w1', state: 'cosigned', size: 20, unixSeconds: 1_800_000_000 },
    ]);
    expect(note).toBe(`${log.note(20)}${good}`);
  });

  test('lines of other keys are left out', async () => {
    const stranger = signingKey('log', Buffer.alloc(32, 8));
    const line = cosign(text, stranger, 'stranger.example.com', 1_800_000_000);
    const { note } = await answerTo(
      answering(200, `${line}\n${good}${log.note(20).split('\n').at(-2)}\n`),
    );
    expect(note).toBe(`${log.note(20)}${good}`);
  });

  test.each<[string, number, string, string]>([
    ['an unknown log', 404, '', 'unknown_log'],
    ['an unknown key', 403, '', 'signature_refused'],
    ['a bad proof', 422, '', 'forked'],
    ['a bad request', 400, '', 'nonsense'],
    ['a failure', 500, '<html>', 'nonsense'],
    ['no content', 204, '', 'nonsense'],
    ['an empty answer', 200, '', 'nonsense'],
    ['a page', 200, '<html>ok</html>\n', 'nonsense'],
    [
      'a cosignature of another checkpoint',
      200,
      `${cosign(formatCheckpoint(log.head(19)), key, NAME, 1)}\n`,
      'nonsense',
    ],
    ['a cosignature without its line end', 200, good.trimEnd(), 'nonsense'],
    ['two cosignatures of one key', 200, good + good, 'nonsense'],
    ['more text before the line', 200, `x\n\n${good}`, 'nonsense'],
    [
      'a signature of another key only',
      200,
      `${cosign(text, LOG_KEY, 'stranger', 1)}\n`,
      'nonsense',
    ],
    ['a huge answer', 200, good.repeat(1000), 'nonsense'],
    ['a size that it was told already', 409, '0\n', 'nonsense'],
    ['a size that is none', 409, '1e3\n', 'nonsense'],
    ['no size', 409, '', 'nonsense'],
    ['a larger size', 409, '21\n', 'ahead'],
  ])('%s', async (_, status, body, state) => {
    const { note, witnesses } = await answerTo(answering(status, body));
    expect(witnesses).toMatchObject([{ name: 'w1', state }]);
    expect(note).toBe(log.note(20));
  });

  test('a cosignature of more than the checkpoint does not spoil the note', async () => {
    const message = `cosignature/v1\ntime 1\n${text}\nmore\n`;
    const time = Buffer.alloc(8);
    time.writeBigUInt64BE(1n);
    const signature = Buffer.concat([time, key.sign(Buffer.from(message))]);
    const body = `more\n\n${signatureLine(NAME, verifier.keyId, signature)}\n`;
    const { note, witnesses } = await answerTo(answering(200, body));
    expect(witnesses).toMatchObject([{ state: 'nonsense' }]);
    expect(note).toBe(log.note(20));
  });

  test('a witness that names another size each time is asked twice', async () => {
    let asked = 0;
    const { witnesses } = await answerTo((_, response) => {
      asked += 1;
      response.writeHead(409).end(`${asked}\n`);
    });
    expect(witnesses).toMatchObject([{ state: 'nonsense' }]);
    expect(asked).toBe(2);
  });

  test('a witness that says 409 for the size it was asked with has another tree', async () => {
    for (const body of ['20\n', '']) {
      const { witnesses } = await answerTo(answering(409, body), 20);
      expect(witnesses).toMatchObject([{ state: 'forked', size: 20 }]);
    }
  });

  test('silence, before or within the answer, ends with the time that is allowed', async () => {
    const silent = answerTo(() => {}, 0, 100);
    const halting = answerTo((_, response) => void response.writeHead(200).write('— wit'), 0, 100);
    for (const { witnesses } of [await silent, await halting]) {
      expect(witnesses).toMatchObject([{ state: 'timeout' }]);
    }
  });

  test.each(['not a url', 'ftp://example.com', ''])('an address like "%s"', async (url) => {
    const policy = policyOf(['w1', { verifier, url }]);
    const { witnesses } = await cosignatures(policy, log.note(20), () => 0, log.prove);
    expect(witnesses).toMatchObject([{ state: 'unreachable' }]);
  });

  test('a proof that cannot be made is not the fault of a witness', async () => {
    const url = await listen(answering(409, '5\n'));
    const failing = () => Promise.reject(new Error('the database is away'));
    const asked = cosignatures(policyOf(['w1', { verifier, url }]), log.note(20), () => 0, failing);
    await expect(asked).rejects.toThrow('the database is away');
  });
});
