/** Publication into a bucket, against a small server that checks signatures in its own way. */
import { createHash, createHmac } from 'node:crypto';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bucketSink } from '../../../app/ledger/bucket-sink.ts';
import { publish } from '../../../app/ledger/publish.ts';
import { encodeKey, signedHeaders } from '../../../stores/aws-signature.ts';
import { s3Bucket } from '../../../stores/s3-put.ts';
import { memoryLog } from '../../support/memory-log.ts';

const NOW = new Date('2026-11-22T03:00:00.000Z');
const UNTIL = new Date('2036-11-22T03:00:00.000Z');
const CREDENTIALS = { accessKeyId: 'AKID', secretAccessKey: 'secret/+', region: 'eu-central-1' };
const log = memoryLog(600);

interface Stored {
  readonly body: Buffer;
  readonly mode: string | undefined;
  readonly until: string | undefined;
  readonly token: string | undefined;
}

let server: Server;
let endpoint: string;
/** Every version of every object, by its path. */
let objects: Map<string, Stored[]>;
let fail: ((request: IncomingMessage) => number | undefined) | undefined;
/** Hears of every request, and may keep its answer back for a while. */
let before: (request: IncomingMessage, response: ServerResponse) => Promise<void>;

beforeEach(async () => {
  objects = new Map();
  fail = undefined;
  before = async () => undefined;
  server = createServer((...exchange) => void answer(...exchange));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  endpoint = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const answer = async (...[request, response]: Parameters<RequestListener>): Promise<void> => {
  const body = await buffer(request);
  await before(request, response);
  if (response.destroyed) return;
  const status = fail?.(request) ?? handle(request, body);
  const found = objects.get(request.url ?? '')?.at(-1)?.body;
  const error = `<?xml version="1.0"?><Error><Code>SomeCode</Code></Error>`;
  response.writeHead(status).end(status === 200 ? (request.method === 'GET' ? found : '') : error);
};

function handle(request: IncomingMessage, body: Buffer): number {
  if (!isSigned(request, body)) return 403;
  const path = request.url ?? '';
  const versions = objects.get(path) ?? [];
  if (request.method === 'GET') return versions.length > 0 ? 200 : 404;
  if (request.headers['if-none-match'] === '*' && versions.length > 0) return 412;
  const header = (name: string) => request.headers[name]?.toString();
  objects.set(path, [
    ...versions,
    {
      body,
      mode: header('x-amz-object-lock-mode'),
      until: header('x-amz-object-lock-retain-until-date'),
      token: header('x-amz-security-token'),
    },
  ]);
  return 200;
}

/** From what arrived: the header names what was signed, the rest is recomputed. */
function isSigned({ method, url, headers }: IncomingMessage, body: Buffer): boolean {
  const parts =
    /^AWS4-HMAC-SHA256 Credential=AKID\/(\d{8})\/eu-central-1\/s3\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/;
  const [, day = '', names = '', signature] = parts.exec(headers.authorization ?? '') ?? [];
  const digest = createHash('sha256').update(body).digest('hex');
  if (headers['x-amz-content-sha256'] !== digest) return false;
  // What decides must be signed: else somebody in between could take it away.
  const decisive = Object.keys(headers).filter(
    (name) => name.startsWith('x-amz-') || name === 'if-none-match',
  );
  if (!['host', ...decisive].every((name) => names.split(';').includes(name))) return false;
  const lines = names.split(';').map((name) => `${name}:${headers[name]?.toString().trim()}\n`);
  const canonical = `${method}\n${url}\n\n${lines.join('')}\n${names}\n${digest}`;
  const mac = (key: Buffer | string, text: string) =>
    createHmac('sha256', key).update(text).digest();
  const key = mac(mac(mac(mac('AWS4secret/+', day), 'eu-central-1'), 's3'), 'aws4_request');
  const hashed = createHash('sha256').update(canonical).digest('hex');
  const scope = `${day}/eu-central-1/s3/aws4_request`;
  const date = headers['x-amz-date']?.toString() ?? '';
  return mac(key, `AWS4-HMAC-SHA256\n${date}\n${scope}\n${hashed}`).toString('hex') === signature;
}

const bucket = (credentials: typeof CREDENTIALS & { sessionToken?: string } = CREDENTIALS) =>
  s3Bucket({ endpoint, bucket: 'evidence' }, credentials, () => NOW);
const sink = () =>
  bucketSink(bucket(), { name: 's3://evidence', prefix: 'housing log/', retainUntil: () => UNTIL });
const at = (path: string) => `/evidence/housing%20log/${path}`;

describe('signatures', () => {
  const example = {
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    region: 'us-east-1',
  };
  const when = new Date('2013-05-24T00:00:00.000Z');
  const at = (key: string) => new URL(`https://examplebucket.s3.amazonaws.com/${encodeKey(key)}`);

  test('are those of the examples that Amazon publishes', () => {
    const get = signedHeaders(
      {
        method: 'GET',
        url: at('test.txt'),
        headers: { range: 'bytes=0-9' },
        body: Buffer.alloc(0),
      },
      example,
      when,
    );
    expect(get['authorization']).toMatch(
      /Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41$/,
    );
    const headers = {
      date: 'Fri, 24 May 2013 00:00:00 GMT',
      'x-amz-storage-class': 'REDUCED_REDUNDANCY',
    };
    const body = Buffer.from('Welcome to Amazon S3.');
    const put = signedHeaders(
      { method: 'PUT', url: at('test$file.text'), headers, body },
      example,
      when,
    );
    expect(put['authorization']).toMatch(
      /Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd$/,
    );
  });

  test('cover a session token', async () => {
    await bucket({ ...CREDENTIALS, sessionToken: 'token' }).put('x', Buffer.from('y'), {
      onlyIfNew: true,
    });
    expect(objects.get('/evidence/x')).toMatchObject([{ token: 'token' }]);
  });

  test('of another secret are refused', async () => {
    const put = bucket({ ...CREDENTIALS, secretAccessKey: 'other' }).put('x', Buffer.from('y'), {
      onlyIfNew: true,
    });
    await expect(put).rejects.toMatchObject({
      code: 'LEDGER_SINK_UNAVAILABLE',
      message: expect.stringContaining('403, SomeCode'),
    });
    expect(objects.size).toBe(0);
  });
});

describe('a bucket', () => {
  test('has the whole log, every object retained, and every checkpoint as a version', async () => {
    for (const size of [5, 300, 600]) await publish(sink(), log.reader, log.note(size));
    expect(objects.get(at('checkpoint'))?.map(({ body }) => body.toString())).toEqual(
      [5, 300, 600].map((size) => log.note(size)),
    );
    expect(objects.get(at('tile/0/001'))?.[0]?.body).toEqual(await log.reader.tile(0, 1, 256));
    for (const versions of objects.values()) {
      for (const { mode, until } of versions) {
        expect({ mode, until }).toEqual({ mode: 'COMPLIANCE', until: UNTIL.toISOString() });
      }
    }
  });

  test('is sent several files at a time, and the checkpoint when they are all there', async () => {
    let [underWay, most] = [0, 0];
    const atCheckpoint: number[] = [];
    before = async ({ method, url }) => {
      if (method !== 'PUT') return;
      if (url === at('checkpoint')) atCheckpoint.push(underWay);
      underWay += 1;
      most = Math.max(most, underWay);
      for (let turns = 0; turns < 20; turns += 1) await nextTurn();
      underWay -= 1;
    };
    const larger = memoryLog(5_000);
    await publish(sink(), larger.reader, larger.note(5_000));
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(8);
    expect(atCheckpoint).toEqual([0]);
  });

  test('interrupted, keeps its checkpoint and is brought further by the next attempt', async () => {
    await publish(sink(), log.reader, log.note(300));
    let left = 3;
    fail = ({ method }) => {
      if (method === 'PUT') left -= 1;
      return left < 0 ? 503 : undefined;
    };
    await expect(publish(sink(), log.reader, log.note(600))).rejects.toMatchObject({
      code: 'LEDGER_SINK_UNAVAILABLE',
    });
    expect(objects.get(at('checkpoint'))).toHaveLength(1);
    fail = undefined;
    await publish(sink(), log.reader, log.note(600));
    const tiles = [...objects].filter(([path]) => path !== at('checkpoint'));
    for (const [, versions] of tiles) expect(versions).toHaveLength(1);
    expect(objects.get(at('checkpoint'))?.at(-1)?.body.toString()).toBe(log.note(600));
  });

  test('with other bytes in the place of a tile is not overwritten, and gets no checkpoint', async () => {
    await bucket().put('housing log/tile/0/000.p/5', Buffer.from('other'), { onlyIfNew: true });
    await expect(publish(sink(), log.reader, log.note(5))).rejects.toMatchObject({
      code: 'LEDGER_FORKED',
    });
    expect(objects.get(at('tile/0/000.p/5'))).toHaveLength(1);
    expect(objects.has(at('checkpoint'))).toBe(false);
  });

  test('that refuses to be read is no empty bucket', async () => {
    await publish(sink(), log.reader, log.note(300));
    for (const status of [403, 500, 204]) {
      fail = ({ method }) => (method === 'GET' ? status : undefined);
      await expect(publish(sink(), log.reader, log.note(600))).rejects.toMatchObject({
        code: 'LEDGER_SINK_UNAVAILABLE',
      });
    }
    expect(objects.get(at('checkpoint'))).toHaveLength(1);
  });

  test('whose answer breaks off is unavailable, not broken', async () => {
    await publish(sink(), log.reader, log.note(300));
    before = async ({ method }, response) => {
      if (method !== 'GET') return;
      response.writeHead(200, { 'content-length': '1000' }).write('x');
      await nextTurn();
      response.destroy();
    };
    await expect(publish(sink(), log.reader, log.note(600))).rejects.toMatchObject({
      code: 'LEDGER_SINK_UNAVAILABLE',
    });
  });

  test('that does not answer is unavailable, and secrets are in no error', async () => {
    server.closeAllConnections();
    server.close();
    const error: unknown = await bucket()
      .get('x')
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'LEDGER_SINK_UNAVAILABLE' });
    expect(JSON.stringify(error) + String(error)).not.toContain('secret/+');
  });
});
