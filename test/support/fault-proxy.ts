/** A TCP proxy before PostgreSQL that loses requests or answers exactly where a test says. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import {
  isTlsRequest,
  messageSplitter,
  statementTracker,
  type WireMessage,
} from './wire-frames.ts';

/** How the client sees the end: an orderly close, or a reset. */
export type CutHow = 'fin' | 'rst';

export interface CutRule {
  /** Text of the statement that is executed, or `'nth'` for the `nth` execution from now on. */
  readonly pattern: string | RegExp;
  /** Counts matching executions over all connections, from 1; 1 unless told. */
  readonly nth?: number;
  /** Cut at once when the client executes it, or when the server has answered it. */
  readonly side: 'request' | 'answer';
  readonly how: CutHow;
  /** Whether the request still reaches the server, or the answer still reaches the client. */
  readonly deliver: boolean;
}

export interface FaultProxy {
  readonly port: number;
  /** Adds a rule; it cuts one connection once and is then forgotten. */
  readonly cutWhen: (rule: CutRule) => void;
  /** Cuts after this many more bytes from clients; what follows them is lost. */
  readonly cutAfterBytes: (bytes: number, how: CutHow) => void;
  /** Forgets all rules: what comes now passes. */
  readonly healthy: () => void;
  /** Open client connections. */
  readonly connections: () => number;
  /** Cuts since the start. */
  readonly cuts: () => number;
  readonly stop: () => Promise<void>;
}

const SYNC = Buffer.from([0x53, 0, 0, 0, 4]);

interface Armed {
  readonly rule: CutRule;
  seen: number;
}

interface ProxyState {
  rules: Armed[];
  bytesLeft: { count: number; how: CutHow } | undefined;
  cuts: number;
  readonly sockets: Set<Socket>;
  readonly clients: Set<Socket>;
}

export async function startFaultProxy(upstream: {
  readonly upstreamHost: string;
  readonly upstreamPort: number;
}): Promise<FaultProxy> {
  const state: ProxyState = {
    rules: [],
    bytesLeft: undefined,
    cuts: 0,
    sockets: new Set(),
    clients: new Set(),
  };
  const proxy = createServer((client) => {
    const server = connect(upstream.upstreamPort, upstream.upstreamHost);
    state.clients.add(client);
    client.once('close', () => state.clients.delete(client));
    for (const socket of [client, server]) {
      state.sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => socket.destroy());
      socket.once('close', () => state.sockets.delete(socket));
    }
    relay(client, server, state);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    port: (proxy.address() as AddressInfo).port,
    cutWhen: (rule) => state.rules.push({ rule, seen: 0 }),
    cutAfterBytes: (count, how) => {
      state.bytesLeft = { count, how };
    },
    healthy: () => {
      state.rules = [];
      state.bytesLeft = undefined;
    },
    connections: () => state.clients.size,
    cuts: () => state.cuts,
    stop: async () => {
      const closed = once(proxy, 'close');
      proxy.close();
      for (const socket of state.sockets) socket.destroy();
      await closed;
    },
  };
}

/** Passes one connection through until a rule matches. */
function relay(client: Socket, server: Socket, state: ProxyState): void {
  const requests = messageSplitter(true);
  const answers = messageSplitter(false);
  const executed = statementTracker();
  // A server says `ReadyForQuery` once after the start and then once per query cycle.
  let asking = 2;
  let answering = 1;
  let awaited: { readonly cycle: number; readonly rule: CutRule } | undefined;
  let isCut = false;

  const cut = (how: CutHow) => {
    state.cuts += 1;
    isCut = true;
    if (how === 'rst') client.resetAndDestroy();
    else client.end();
  };

  const onRequest = (message: WireMessage): void => {
    if (isCut) return;
    if (isTlsRequest(message.bytes)) {
      client.write('N');
      return;
    }
    const rule = matchingRule(state, executed(message));
    if (rule !== undefined) awaited = { cycle: asking, rule };
    if (rule?.side === 'request') {
      cut(rule.how);
      if (!rule.deliver) server.destroy();
      else
        server.write(message.type === 'E' ? Buffer.concat([message.bytes, SYNC]) : message.bytes);
      return;
    }
    if (message.type === 'Q' || message.type === 'S') asking += 1;
    server.write(message.bytes);
  };

  const onAnswer = (message: WireMessage): void => {
    const rule = awaited?.cycle === answering ? awaited.rule : undefined;
    if (message.type === 'Z') answering += 1;
    const lost = rule?.side === 'answer' && !rule.deliver;
    if (!isCut && !lost) client.write(message.bytes);
    if (rule === undefined || message.type !== 'Z') return;
    if (!isCut) cut(rule.how);
    server.end();
  };

  client.on('data', (chunk) => {
    const { head, how } = takeBytes(state, chunk);
    for (const message of requests(head)) onRequest(message);
    if (how === undefined || isCut) return;
    cut(how);
    server.destroy();
  });
  server.on('data', (chunk) => {
    for (const message of answers(chunk)) onAnswer(message);
  });
  // A request that is to be delivered keeps its server connection until it is answered.
  client.once('close', () => {
    if (awaited === undefined) server.destroy();
  });
  server.once('close', () => client.end());
}

function matchingRule(state: ProxyState, statement: string | undefined): CutRule | undefined {
  if (statement === undefined) return undefined;
  for (const armed of state.rules) {
    const { pattern, nth = 1 } = armed.rule;
    const matches =
      pattern === 'nth' ||
      (typeof pattern === 'string' ? statement.includes(pattern) : pattern.test(statement));
    if (!matches) continue;
    armed.seen += 1;
    if (armed.seen < nth) continue;
    state.rules = state.rules.filter((other) => other !== armed);
    return armed.rule;
  }
  return undefined;
}

/** The part of the chunk that may still pass, and how to cut behind it. */
function takeBytes(state: ProxyState, chunk: Buffer): { head: Buffer; how?: CutHow } {
  const left = state.bytesLeft;
  if (left === undefined) return { head: chunk };
  if (chunk.length < left.count) {
    left.count -= chunk.length;
    return { head: chunk };
  }
  state.bytesLeft = undefined;
  return { head: chunk.subarray(0, left.count), how: left.how };
}
