/** Just enough of PostgreSQL's wire protocol (PostgreSQL documentation, "Message Formats") to cut it. */

/** One message; `type` is empty for the first message of a client, which has none. */
export interface WireMessage {
  readonly type: string;
  /** The whole message with type and length, ready to be forwarded. */
  readonly bytes: Buffer;
  readonly body: Buffer;
}

/** Splits a stream into messages, however it was cut into chunks. */
export function messageSplitter(startsUntyped: boolean): (chunk: Buffer) => WireMessage[] {
  let rest: Buffer = Buffer.alloc(0);
  let untyped = startsUntyped;
  return (chunk) => {
    const messages: WireMessage[] = [];
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const head = untyped ? 0 : 1;
      if (rest.length < head + 4) return messages;
      const end = head + rest.readUInt32BE(head);
      if (rest.length < end) return messages;
      const type = rest.toString('latin1', 0, head);
      messages.push({ type, bytes: rest.subarray(0, end), body: rest.subarray(head + 4, end) });
      // A client that is refused TLS starts anew, without a type again.
      untyped = untyped && isTlsRequest(rest.subarray(0, end));
      rest = rest.subarray(end);
    }
  };
}

/** `SSLRequest`: length 8, code 80877103. */
export function isTlsRequest(bytes: Buffer): boolean {
  return bytes.length === 8 && bytes.readUInt32BE(4) === 80_877_103;
}

/**
 * Follows what a client sends and answers the text of the statement that a message executes:
 * `undefined` for messages that only prepare, bind, describe or synchronise.
 */
export function statementTracker(): (message: WireMessage) => string | undefined {
  const prepared = new Map<string, string>();
  let bound = '';
  return ({ type, body }) => {
    if (type === 'Q') return cString(body, 0);
    if (type === 'P') {
      const name = cString(body, 0);
      prepared.set(name, cString(body, Buffer.byteLength(name) + 1));
    }
    if (type === 'B') {
      const portal = cString(body, 0);
      bound = cString(body, Buffer.byteLength(portal) + 1);
    }
    return type === 'E' ? (prepared.get(bound) ?? '') : undefined;
  };
}

function cString(body: Buffer, from: number): string {
  return body.toString('utf8', from, body.indexOf(0, from));
}
