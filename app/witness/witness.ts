/**
 * A witness: says of logs that it watches which head it saw, and never says it of two trees of which one
 * is not the beginning of the other (c2sp.org/tlog-witness@v1.0.0). It sees sizes and hashes, no entries.
 */
import { join } from 'node:path';
import { RetentionError } from '../../domain/errors.ts';
import { parseCheckpoint, type TreeHead } from '../../ledger/checkpoint.ts';
import { cosign } from '../../ledger/cosignature.ts';
import type { SigningKey } from '../../ledger/ed25519.ts';
import { EMPTY_ROOT, sha256 } from '../../ledger/hashing.ts';
import { verifyConsistency } from '../../ledger/merkle.ts';
import { parseNote, verifyNote } from '../../ledger/note.ts';
import type { Verifier } from '../../ledger/note-key.ts';
import { headMemory } from '../ledger/head-memory.ts';
import { type AddCheckpoint, parseAddCheckpoint } from './add-checkpoint.ts';

export interface WitnessSetup {
  /** One folder per log with what was cosigned last; see `head-memory.ts`. */
  readonly headsDir: string;
  /** Of its key in notes. */
  readonly name: string;
  readonly key: SigningKey;
  /** Keys of the logs it watches; a key's name is the origin of its log. */
  readonly logs: readonly Verifier[];
  readonly nowUnixSeconds: () => number;
}

/** What is answered, with the status of HTTP. `size` is that of the last head that was cosigned. */
export type WitnessAnswer =
  | { readonly status: 200; readonly origin: string; readonly size: number; readonly line: string }
  | { readonly status: 409; readonly origin: string; readonly size: number }
  | { readonly status: 400 | 403 | 404 | 422; readonly origin?: string };

export interface Witness {
  /**
   * Answers the body of a request. A head is remembered durably before it is cosigned; of two requests
   * at once, in whatever processes, the second meets what the first left. Throws only when the memory
   * cannot be read or written: then nothing was cosigned.
   */
  addCheckpoint(body: Uint8Array): Promise<WitnessAnswer>;
}

interface Request extends AddCheckpoint {
  readonly text: string;
  readonly head: TreeHead;
}

export function witness(setup: WitnessSetup): Witness {
  return {
    addCheckpoint: async (body) => {
      const request = orUndefined('LEDGER_MALFORMED', () => read(body));
      if (request === undefined) return { status: 400 };
      const { origin } = request.head;
      const keys = setup.logs.filter(({ name }) => name === origin);
      if (keys.length === 0) return { status: 404, origin };
      if (!isSigned(request, keys)) return { status: 403, origin };
      if (request.oldSize > request.head.size) return { status: 400, origin };
      return answer(setup, request);
    },
  };
}

async function answer(setup: WitnessSetup, request: Request): Promise<WitnessAnswer> {
  const { head, oldSize, proof, text } = request;
  const { origin } = head;
  const memory = headMemory(memoryFolder(setup.headsDir, origin));
  for (;;) {
    const newest = await memory.newest();
    const last = newest?.head ?? { origin, size: 0, root: EMPTY_ROOT };
    if (last.origin !== origin) throw otherLog(origin);
    const conflict = { status: 409, origin, size: last.size } as const;
    if (oldSize !== last.size) return conflict;
    if (!isContinuation(last, head, proof)) return { status: 422, origin };
    if (head.size === last.size && !head.root.equals(last.root)) return conflict;
    const isKnown = head.size === last.size;
    if (isKnown || (await memory.advance(newest?.generation ?? 0, head))) {
      const line = cosign(text, setup.key, setup.name, setup.nowUnixSeconds());
      return { status: 200, origin, size: head.size, line };
    }
  }
}

/** Whether the proof is one; of a tree of the same size, only that it is empty. */
function isContinuation(last: TreeHead, head: TreeHead, proof: readonly Buffer[]): boolean {
  if (last.size === 0 || last.size === head.size) return proof.length === 0;
  const claim = { oldSize: last.size, oldRoot: last.root, newSize: head.size, newRoot: head.root };
  return verifyConsistency({ ...claim, proof });
}

function read(body: Uint8Array): Request {
  const request = parseAddCheckpoint(body);
  const { text } = parseNote(request.note);
  return { ...request, text, head: parseCheckpoint(text) };
}

function isSigned({ note }: Request, keys: readonly Verifier[]): boolean {
  return orUndefined('SIGNATURE_INVALID', () => verifyNote(parseNote(note), keys)) !== undefined;
}

function orUndefined<T>(code: RetentionError['code'], work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof RetentionError && error.code === code) return undefined;
    throw error;
  }
}

/** An origin may be any line; its digest is the name of a folder. */
function memoryFolder(headsDir: string, origin: string): string {
  return join(headsDir, sha256(Buffer.from(origin, 'utf8')).toString('hex'));
}

function otherLog(origin: string): RetentionError {
  return new RetentionError(
    'LEDGER_SIGNER_UNREADABLE',
    'The memory of the witness for a log has the head of another log. Put the right folder back; never delete it.',
    { origin },
  );
}
