/** Requests to somebody who is not trusted end, in time and in bytes, and go where they were sent. */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { boundedPost } from '../../../app/ledger/bounded-post.ts';

const LIMITS = { timeoutMs: 30_000, maxBytes: 1000 };
const QUESTION = Buffer.from('question');

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`;
}

const post = (url: string, limits = LIMITS) => boundedPost(url, 'text/x-test', QUESTION, limits);

test('the body and its type arrive, and the answer comes back with its status', async () => {
  const url = await listen((request, response) => {
    void buffer(request).then((body) => {
      response
        .writeHead(418)
        .end(`${request.method} ${request.headers['content-type']} ${body.toString()}`);
    });
  });
  expect(await post(url)).toEqual({
    state: 'answered',
    status: 418,
    body: Buffer.from('POST text/x-test question'),
  });
});

test('an answer of just so many bytes is taken, one byte more is not', async () => {
  for (const [bytes, state] of [
    [1000, 'answered'],
    [1001, 'too_large'],
  ] as const) {
    const url = await listen((_, response) => void response.end(Buffer.alloc(bytes)));
    expect(await post(url)).toMatchObject({ state });
  }
});

test('an answer that does not end is cut off', async () => {
  let closed: Promise<unknown> = Promise.resolve();
  const url = await listen((_, response) => {
    closed = once(response, 'close');
    const more = () => {
      while (response.write(Buffer.alloc(500)));
    };
    response.on('drain', more);
    more();
  });
  expect(await post(url)).toMatchObject({ state: 'too_large' });
  await closed;
});

test('silence ends with the time, before the answer and within it', async () => {
  const limits = { ...LIMITS, timeoutMs: 50 };
  const silent = await listen(() => {});
  const halting = await listen((_, response) => void response.writeHead(200).write('x'));
  expect(await post(silent, limits)).toMatchObject({ state: 'timeout' });
  expect(await post(halting, limits)).toMatchObject({ state: 'timeout' });
});

test.each([301, 302, 303, 307, 308])('a redirect by %i is not followed', async (status) => {
  let followed = false;
  const elsewhere = await listen((_, response) => {
    followed = true;
    response.end();
  });
  const url = await listen(
    (_, response) => void response.writeHead(status, { location: elsewhere }).end(),
  );
  expect(await post(url)).toMatchObject({ state: 'unreachable' });
  expect(followed).toBe(false);
});

test('nobody there, an answer that breaks off and no URL at all are no errors', async () => {
  const broken = await listen((_, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('x', () => response.destroy());
  });
  for (const url of ['http://127.0.0.1:1/', broken, 'no url', '']) {
    expect(await post(url)).toMatchObject({ state: 'unreachable', reason: expect.any(String) });
  }
});
