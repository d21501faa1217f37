/** Published logs as an auditor has them: a folder, or a web server that serves its files. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { RetentionError } from '../domain/errors.ts';
import type { LogSource } from '../ledger/verify/log-source.ts';
import { readUpTo } from './read-file.ts';

const TIMEOUT_MS = 30_000;
/** A log has thousands of files: one answer that went missing is asked for again. */
const PAUSES_MS = [200, 1_000];
const GONE = new Set([404, 410]);
const SERVER_ERRORS = 500;
const TRY_AGAIN = new Set([408, 425, 429]);

/** An answer that could not be read; `code` is printed, nothing else of it is. */
class Unreadable extends Error {
  override readonly name = 'Unreadable';
  readonly code: string;
  /** The same may be readable later. */
  readonly temporary: boolean;

  constructor(code: string, temporary: boolean, cause?: unknown) {
    super(`The log could not be read: ${code}.`, { cause });
    this.code = code;
    this.temporary = temporary;
  }
}

/** Reads a folder. Throws `USAGE` when it is none. */
export function folderSource(folder: string): LogSource {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new RetentionError(
      'USAGE',
      'There is no such folder with a log. Name it with --dir DIR.',
    );
  }
  return {
    read: async (path, maxBytes) => readUpTo(join(folder, path), maxBytes + 1),
  };
}

/** Reads from below `address`, which is http or https. Throws `USAGE` for any other. */
export function urlSource(address: string): LogSource {
  const base = baseOf(address);
  return {
    async read(path, maxBytes) {
      for (const pause of PAUSES_MS) {
        try {
          return await fetchUpTo(new URL(path, base), maxBytes + 1);
        } catch (error) {
          if (!(error instanceof Unreadable && error.temporary)) throw error;
          await delay(pause);
        }
      }
      return fetchUpTo(new URL(path, base), maxBytes + 1);
    },
  };
}

function baseOf(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new RetentionError('USAGE', '--url takes an address that begins with http or https.');
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new RetentionError(
      'USAGE',
      '--url takes an address without password, query and fragment.',
    );
  }
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

async function fetchUpTo(url: URL, bytes: number): Promise<Buffer | undefined> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (answer.ok && answer.body !== null) return await bodyUpTo(answer.body, bytes);
    await answer.body?.cancel();
    if (GONE.has(answer.status)) return undefined;
    const temporary = answer.status >= SERVER_ERRORS || TRY_AGAIN.has(answer.status);
    throw new Unreadable(`HTTP_${answer.status}`, temporary);
  } catch (error) {
    throw error instanceof Unreadable ? error : new Unreadable(networkCode(error), true, error);
  }
}

async function bodyUpTo(body: ReadableStream<Uint8Array>, bytes: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of body) {
    parts.push(part);
    length += part.length;
    if (length >= bytes) break;
  }
  return Buffer.concat(parts).subarray(0, bytes);
}

function networkCode(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return 'TIMEOUT';
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? code : 'NETWORK';
}
