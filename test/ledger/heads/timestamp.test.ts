/** Timestamps of checkpoints, against an authority made of openssl. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { timestampCheckpoint } from '../../../app/ledger/timestamp.ts';
import { der, derInteger, readDer, TAG } from '../../../ledger/der.ts';
import { memoryLog } from '../../support/memory-log.ts';
import { type TimestampAuthority, timestampAuthority } from '../../support/timestamp-authority.ts';
import { changed, FIELD, field, flipped, gone } from '../../support/timestamp-edits.ts';

const INVALID = { code: 'TIMESTAMP_INVALID' };
const UNAVAILABLE = { code: 'TIMESTAMP_UNAVAILABLE' };
const note = memoryLog(20).note(20);

let home: string;
let authority: TimestampAuthority;
let server: Server;
let url: string;
/** What the server does with a query. */
let answer: (query: Buffer) => Buffer;
let status: number;
let queries: { readonly type: string | undefined; readonly body: Buffer }[];

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'timestamp-'));
  mkdirSync(join(home, 'authority'));
  authority = timestampAuthority(join(home, 'authority'));
  server = createServer((request, response) => {
    void buffer(request).then((body) => {
      queries.push({ type: request.headers['content-type'], body });
      response.writeHead(status).end(answer(body));
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(home, { recursive: true, force: true });
});
beforeEach(() => {
  queries = [];
  status = 200;
  answer = (query) => authority.reply(query);
});

describe('a timestamp', () => {
  test('of a checkpoint is one that openssl verifies, and of no other bytes', async () => {
    const tsr = await timestampCheckpoint(url, note);
    expect(authority.verifies(tsr, note)).toBe(true);
    expect(authority.verifies(tsr, note.replace('20', '21'))).toBe(false);
    expect(queries[0]?.type).toBe('application/timestamp-query');
  });

  test('asks another question each time', async () => {
    await timestampCheckpoint(url, note);
    await timestampCheckpoint(url, note);
    expect(queries[0]?.body.equals(queries[1]?.body ?? Buffer.alloc(0))).toBe(false);
  });

  test('that is rebuilt without a change is taken: the tests below fail for what they change', async () => {
    answer = (query) => changed(authority.reply(query), field(FIELD.nonce), (element) => element);
    await expect(timestampCheckpoint(url, note)).resolves.toBeInstanceOf(Buffer);
  });
});

describe('an answer that is no timestamp of this checkpoint is refused', () => {
  test.each<[string, (reply: Buffer) => Buffer]>([
    ['with another nonce', (reply) => changed(reply, field(FIELD.nonce), flipped)],
    ['without a nonce', (reply) => changed(reply, field(FIELD.nonce), gone)],
    ['about another digest', (reply) => changed(reply, [...field(FIELD.imprint), 1], flipped)],
    [
      'about a digest of another algorithm',
      (reply) => changed(reply, [...field(FIELD.imprint), 0, 0], flipped),
    ],
    [
      'with more in its imprint',
      (reply) =>
        changed(reply, [...field(FIELD.imprint), 1], (element) =>
          Buffer.concat([element, der(TAG.null)]),
        ),
    ],
    ['of another version', (reply) => changed(reply, field(FIELD.version), flipped)],
    ['without a time', (reply) => changed(reply, field(FIELD.time), gone)],
    ['whose content is something else', (reply) => changed(reply, [0, 1, 1, 0, 2, 0], flipped)],
    ['that is no signed data', (reply) => changed(reply, [0, 1, 0], flipped)],
    ['without the certificate of the authority', (reply) => changed(reply, [0, 1, 1, 0, 3], gone)],
    ['without a token', (reply) => changed(reply, [0, 1], gone)],
    [
      'with a second token',
      (reply) => changed(reply, [0, 1], (element) => Buffer.concat([element, element])),
    ],
    ['without a status', (reply) => changed(reply, [0, 0, 0], gone)],
    [
      'with a status that refuses, although it has a token',
      (reply) => changed(reply, [0, 0, 0], () => derInteger(Buffer.of(2))),
    ],
    ['with bytes after it', (reply) => Buffer.concat([reply, Buffer.of(0)])],
    ['twice', (reply) => Buffer.concat([reply, reply])],
    ['empty', () => Buffer.alloc(0)],
    ['a page', () => Buffer.from('<html><body>Welcome</body></html>')],
    ['huge', () => Buffer.alloc(1_000_000)],
  ])('%s', async (_, change) => {
    answer = (query) => change(authority.reply(query));
    await expect(timestampCheckpoint(url, note)).rejects.toMatchObject(INVALID);
  });

  test('of the query before', async () => {
    await timestampCheckpoint(url, note);
    const earlier = queries[0]?.body ?? Buffer.alloc(0);
    answer = () => authority.reply(earlier);
    await expect(timestampCheckpoint(url, note)).rejects.toMatchObject(INVALID);
  });

  test('an authority that accepts no SHA-256 says so', async () => {
    answer = (query) => authority.reply(query, 'sha512');
    await expect(timestampCheckpoint(url, note)).rejects.toMatchObject({
      ...INVALID,
      message: expect.stringContaining('status 2'),
    });
  });

  test('cut, wherever', async () => {
    const { length } = await timestampCheckpoint(url, note);
    for (let end = 0; end < length; end += 53) {
      queries = [];
      // Signatures differ in length: an answer may be shorter than the first.
      answer = (query) => {
        const reply = authority.reply(query);
        return reply.subarray(0, Math.min(end, reply.length - 1));
      };
      await expect(timestampCheckpoint(url, note)).rejects.toMatchObject(INVALID);
    }
  });
});

describe('no answer is no timestamp', () => {
  test.each([400, 404, 500, 503])('HTTP status %i', async (code) => {
    status = code;
    await expect(timestampCheckpoint(url, note)).rejects.toMatchObject(UNAVAILABLE);
  });

  test('nobody there', async () => {
    await expect(timestampCheckpoint('http://127.0.0.1:1/', note)).rejects.toMatchObject(
      UNAVAILABLE,
    );
  });

  test('silence', async () => {
    const silent = createServer(() => {});
    await new Promise<void>((listening) => silent.listen(0, '127.0.0.1', listening));
    const address = silent.address();
    const at = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`;
    await expect(timestampCheckpoint(at, note, { timeoutMs: 100 })).rejects.toMatchObject(
      UNAVAILABLE,
    );
    silent.closeAllConnections();
    silent.close();
  });
});

describe('DER', () => {
  test.each([0, 1, 127, 128, 255, 256, 65_535, 65_536])(
    'reads what it writes, of %i bytes',
    (length) => {
      const content = Buffer.alloc(length, 7);
      const two = Buffer.concat([der(TAG.octetString, content), der(TAG.null)]);
      expect(readDer(two)).toEqual([
        { tag: TAG.octetString, content },
        { tag: TAG.null, content: Buffer.alloc(0) },
      ]);
    },
  );

  test.each([
    ['00', '020100'],
    ['0000', '020100'],
    ['01', '020101'],
    ['7f', '02017f'],
    ['80', '02020080'],
    ['0080', '02020080'],
    ['ff00', '020300ff00'],
  ])('an integer of the bytes %s is positive and short', (bytes, expected) => {
    expect(derInteger(Buffer.from(bytes, 'hex')).toString('hex')).toBe(expected);
  });

  test.each([
    ['an indefinite length', '3080020101 0000'],
    ['a long form for a short length', '0481 01 00'],
    ['a length with a leading zero', '048200 80'.padEnd(8 + 256, '0')],
    ['a length beyond the end', '0402 00'],
    ['a length of 4 GiB', '0484ffffffff 00'],
    ['a length of five bytes', '04850000000001 00'],
    ['a length that ends', '0482 01'],
    ['a tag alone', '04'],
    ['a tag of several bytes', '1f8101 00'],
  ])('%s is refused', (_, hex) => {
    const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
    expect(() => readDer(bytes)).toThrow(expect.objectContaining(INVALID));
  });
});
