/** One HTTP request to somebody who is not trusted: bounded in time and bytes, and never redirected. */

export interface PostLimits {
  /** For the whole exchange. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

export type PostAnswer =
  | { readonly state: 'answered'; readonly status: number; readonly body: Buffer }
  | { readonly state: 'too_large' | 'timeout' | 'unreachable'; readonly reason: string };

/** Never throws for what the other side does. */
export async function boundedPost(
  url: string,
  contentType: string,
  body: Buffer,
  { timeoutMs, maxBytes }: PostLimits,
): Promise<PostAnswer> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': contentType },
      // A plain view: `fetch` takes no buffers that may be shared between threads.
      body: new Uint8Array(body),
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    const read = await readUpTo(response, maxBytes);
    return read === undefined
      ? { state: 'too_large', reason: `the answer has more than ${maxBytes} bytes` }
      : { state: 'answered', status: response.status, body: read };
  } catch (error) {
    return failure(error, timeoutMs);
  }
}

/** Undefined when there is more; the rest is not fetched. */
async function readUpTo(response: Response, maxBytes: number): Promise<Buffer | undefined> {
  if (response.body === null) return Buffer.alloc(0);
  const stream: AsyncIterable<Uint8Array> = response.body;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function failure(error: unknown, timeoutMs: number): PostAnswer {
  if (error instanceof Error && error.name === 'TimeoutError') {
    return { state: 'timeout', reason: `no answer within ${timeoutMs} ms` };
  }
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const reason = cause instanceof Error ? cause.message : 'the request failed';
  return { state: 'unreachable', reason };
}
