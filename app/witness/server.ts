/** The witness behind HTTP: what an auditor runs, away from the machines of the log. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { RetentionError } from '../../domain/errors.ts';
import { formatVkey, NOTE_SIGNATURE, type Verifier } from '../../ledger/note-key.ts';
import { ADD_CHECKPOINT, REQUEST_BYTES_MAX, SIZE_MEDIA_TYPE } from './add-checkpoint.ts';
import { openWitnessFolder } from './key.ts';
import { type Witness, type WitnessAnswer, witness } from './witness.ts';

export interface WitnessOptions {
  /** The witness's own folder: its key and its memory. */
  readonly dir: string;
  /** The name under which it cosigns, such as `witness.auditor.example/w1`. */
  readonly name: string;
  /** Keys of the logs it watches; a key's name is the origin of its log. */
  readonly logs: readonly Verifier[];
  /** 0 takes any that is free. */
  readonly port: number;
  /** `127.0.0.1` unless told: beyond this machine a witness belongs behind something that speaks TLS. */
  readonly host?: string;
  /** Hears of every request what was answered, and what went wrong. */
  readonly report?: (
    answer: { readonly status: number; readonly origin?: string },
    error?: unknown,
  ) => void;
}

export interface RunningWitness {
  /** Where logs send checkpoints: the submission prefix. */
  readonly url: string;
  /** The line of a policy is `witness <name> <vkey> <url>`. */
  readonly vkey: string;
  /** Answers what is being asked, then ends. */
  close(): Promise<void>;
}

const LOCAL = '127.0.0.1';
const REQUEST_TIMEOUT_MS = 10_000;
const CONNECTIONS_MAX = 64;
const MS_PER_SECOND = 1000;
const TOO_LARGE = 413;
const FAILED = 500;

/**
 * Starts a witness. Throws `CONFIG_INVALID` when it cannot listen there, and as `openWitnessFolder` does. A
 * request that fails on this side is answered with 500 and reported; nothing was cosigned then.
 */
export async function startWitness(options: WitnessOptions): Promise<RunningWitness> {
  const { key, headsDir } = await openWitnessFolder(options.dir);
  const vkey = formatVkey(options.name, key.publicKey, NOTE_SIGNATURE.cosignature);
  const nowUnixSeconds = () => Math.floor(Date.now() / MS_PER_SECOND);
  const asked = witness({ headsDir, name: options.name, key, logs: options.logs, nowUnixSeconds });
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    void serve(asked, request, response, options.report ?? (() => {}));
  });
  server.maxConnections = CONNECTIONS_MAX;
  const url = await listen(server, options.host ?? LOCAL, options.port);
  return {
    url,
    vkey,
    close: async () => {
      server.close();
      server.closeIdleConnections();
      await once(server, 'close');
    },
  };
}

async function serve(
  asked: Witness,
  request: IncomingMessage,
  response: ServerResponse,
  report: NonNullable<WitnessOptions['report']>,
): Promise<void> {
  try {
    const misplaced = statusOfPlace(request);
    if (misplaced !== undefined) return end(response, misplaced);
    const body = await readBody(request);
    if (body === undefined) return end(response.setHeader('connection', 'close'), TOO_LARGE);
    const answer = await asked.addCheckpoint(body);
    send(response, answer);
    report(answer);
  } catch (error) {
    end(response, FAILED);
    report({ status: FAILED }, error);
  }
}

/** Undefined for a request that is one. */
function statusOfPlace({ method, url }: IncomingMessage): number | undefined {
  if (url !== `/${ADD_CHECKPOINT}`) return 404;
  return method === 'POST' ? undefined : 405;
}

/** Undefined when there is more than a request has. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Ending the loop must not end the connection: there is an answer to give.
  const unbroken: AsyncIterable<Buffer> = request.iterator({ destroyOnReturn: false });
  for await (const chunk of unbroken) {
    bytes += chunk.length;
    if (bytes > REQUEST_BYTES_MAX) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function send(response: ServerResponse, answer: WitnessAnswer): void {
  if (answer.status === 200) {
    end(response.setHeader('content-type', 'text/plain; charset=utf-8'), 200, `${answer.line}\n`);
  } else if (answer.status === 409) {
    end(response.setHeader('content-type', SIZE_MEDIA_TYPE), 409, `${answer.size}\n`);
  } else end(response, answer.status);
}

function end(response: ServerResponse, status: number, body = ''): void {
  response.statusCode = status;
  response.end(body);
}

async function listen(server: Server, host: string, port: number): Promise<string> {
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'it cannot listen';
    const message = `The witness cannot be reached at ${host}:${port}: ${reason}. Choose another port.`;
    throw new RetentionError('CONFIG_INVALID', message, { host, port }, cause);
  }
  const address = server.address();
  const taken = typeof address === 'object' && address !== null ? address.port : port;
  return `http://${host.includes(':') ? `[${host}]` : host}:${taken}`;
}
