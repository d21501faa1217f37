/** A server of a test that answers as it is told to, and can be away for a while. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { buffer } from 'node:stream/consumers';

export interface SwitchedServer {
  readonly url: string;
  /** From the next request on. */
  answer(listener: RequestListener): void;
  /** Nothing listens there until `open`. */
  shut(): Promise<void>;
  /** Listens under the same address again. */
  open(): Promise<void>;
}

const LOCAL = '127.0.0.1';

export async function switchedServer(first: RequestListener): Promise<SwitchedServer> {
  let listener = first;
  const server = createServer((request, response) => listener(request, response));
  const listen = async (port: number): Promise<number> => {
    server.listen(port, LOCAL);
    await once(server, 'listening');
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : port;
  };
  const port = await listen(0);
  return {
    url: `http://${LOCAL}:${port}`,
    answer: (other) => {
      listener = other;
    },
    open: async () => void (await listen(port)),
    shut: async () => {
      if (!server.listening) return;
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Answers what the server at `url` answers to the same request. */
export function forwardTo(url: string): RequestListener {
  return (request, response) => {
    void (async () => {
      const body = new Uint8Array(await buffer(request));
      const answer = await fetch(`${url}${request.url}`, { method: request.method ?? '', body });
      const bytes = Buffer.from(await answer.arrayBuffer());
      const type = answer.headers.get('content-type') ?? '';
      response.writeHead(answer.status, { 'content-type': type }).end(bytes);
    })();
  };
}
