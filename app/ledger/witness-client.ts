/** Asks witnesses to cosign a checkpoint (c2sp.org/tlog-witness@v1.0.0). None of them can stop the log. */
import { RetentionError } from '../../domain/errors.ts';
import { parseCheckpoint, type TreeHead } from '../../ledger/checkpoint.ts';
import { formatNote, type NoteSignature, parseNote, verifyNote } from '../../ledger/note.ts';
import { signatureLine, type Verifier } from '../../ledger/note-key.ts';
import type { Policy } from '../../ledger/policy.ts';
import { decodeUtf8, readDecimal } from '../../ledger/text.ts';
import { ADD_CHECKPOINT, formatAddCheckpoint } from '../witness/add-checkpoint.ts';
import { boundedPost } from './bounded-post.ts';

/**
 * Why a witness did not cosign:
 * - `unreachable`, `timeout`: no answer; the next checkpoint asks again;
 * - `unknown_log`, `signature_refused`: it watches no log of this name, or not by this key;
 * - `ahead`: it cosigned a larger tree. Unless somebody else signed meanwhile, the databases were restored;
 * - `forked`: it cosigned another tree of this size, or finds that no proof connects what it has with ours;
 * - `nonsense`: anything that is no answer of a witness.
 */
export type WitnessRefusal =
  | 'unreachable'
  | 'timeout'
  | 'unknown_log'
  | 'signature_refused'
  | 'ahead'
  | 'forked'
  | 'nonsense';

export type WitnessState =
  | {
      /** As the policy names it. */
      readonly name: string;
      readonly state: 'cosigned';
      /** What to answer as its old size next time. */
      readonly size: number;
      /** By its own clock. */
      readonly unixSeconds: number;
    }
  | {
      readonly name: string;
      readonly state: WitnessRefusal;
      /** What it says it cosigned last, where it says so. */
      readonly size?: number;
      readonly reason: string;
    };

export interface Witnessed {
  /** The note with the cosignatures that were found good; the older ones of the same witnesses are gone. */
  readonly note: string;
  /** Of every witness with an address, in the order of the policy. */
  readonly witnesses: readonly WitnessState[];
}

/** What the log says to one witness. */
interface Question {
  readonly name: string;
  readonly verifier: Verifier;
  readonly url: string;
  readonly text: string;
  readonly head: TreeHead;
  readonly note: Buffer;
  readonly timeoutMs: number;
  /** Answers nothing for sizes between which no proof can be. */
  readonly prove: (oldSize: number) => Promise<readonly Buffer[]>;
}

type Answer = { readonly state: WitnessState; readonly signatures?: readonly NoteSignature[] };
/** What one request came to: done, or this is the size to ask with. */
type Round = Answer | { readonly retryFrom: number };

const TIMEOUT_MS = 5000;
const ANSWER_BYTES_MAX = 65_536;
const REFUSALS: Readonly<Record<number, WitnessRefusal>> = {
  404: 'unknown_log',
  403: 'signature_refused',
  422: 'forked',
};

/**
 * Asks every witness that has an address in the policy, all at once, each for at most 5 seconds a
 * request. `oldSizeOf` answers the size that a witness cosigned last as far as is known, 0 for none; a
 * witness that knows better is asked again once. `prove` makes the consistency proof between two sizes, both
 * above 0. A cosignature is verified before it is added. Throws what `prove` throws, nothing else.
 */
export async function cosignatures(
  policy: Pick<Policy, 'witnesses'>,
  note: string,
  oldSizeOf: (name: string) => number,
  prove: (oldSize: number, size: number) => Promise<readonly Buffer[]>,
  { timeoutMs = TIMEOUT_MS }: { readonly timeoutMs?: number } = {},
): Promise<Witnessed> {
  const bytes = Buffer.from(note, 'utf8');
  const { text, signatures } = parseNote(bytes);
  const head = parseCheckpoint(text);
  const proofFrom = async (oldSize: number) =>
    oldSize === 0 || oldSize === head.size ? [] : prove(oldSize, head.size);
  const answers = await Promise.all(
    [...policy.witnesses].flatMap(([name, { verifier, url }]) =>
      url === undefined
        ? []
        : ask(
            { name, verifier, url, text, head, note: bytes, timeoutMs, prove: proofFrom },
            oldSizeOf(name),
          ),
    ),
  );
  const added = answers.flatMap((answer) => answer.signatures ?? []);
  const kept = signatures.filter(
    (old) => !added.some((fresh) => identity(fresh) === identity(old)),
  );
  const lines = [...kept, ...added].map((signature) =>
    signatureLine(signature.name, signature.keyId, signature.signature),
  );
  return {
    note: formatNote(text, lines).toString('utf8'),
    witnesses: answers.map(({ state }) => state),
  };
}

async function ask(question: Question, knownSize: number): Promise<Answer> {
  // It cannot have more than the log: whoever asks remembers another log, and learns better.
  const oldSize = knownSize <= question.head.size ? knownSize : 0;
  const first = await askOnce(question, oldSize);
  if (!('retryFrom' in first)) return first;
  const second = await askOnce(question, first.retryFrom);
  if (!('retryFrom' in second)) return second;
  return refused(question, 'nonsense', 'it names another size each time', second.retryFrom);
}

async function askOnce(question: Question, oldSize: number): Promise<Round> {
  const { note, timeoutMs } = question;
  const url = `${question.url.replace(/\/+$/, '')}/${ADD_CHECKPOINT}`;
  const body = formatAddCheckpoint({ oldSize, proof: await question.prove(oldSize), note });
  const limits = { timeoutMs, maxBytes: ANSWER_BYTES_MAX };
  const answer = await boundedPost(url, 'text/plain; charset=utf-8', body, limits);
  if (answer.state !== 'answered') {
    const state = answer.state === 'too_large' ? 'nonsense' : answer.state;
    return refused(question, state, answer.reason);
  }
  if (answer.status === 200) return cosigned(question, answer.body);
  if (answer.status === 409) return conflict(question, oldSize, answer.body);
  const state = REFUSALS[answer.status] ?? 'nonsense';
  return refused(question, state, `it answered ${answer.status}`);
}

function cosigned(question: Question, body: Buffer): Answer {
  const { name, verifier, text, head } = question;
  const noCosignature = 'its answer is not one cosignature of this checkpoint';
  try {
    const note = parseNote(Buffer.concat([Buffer.from(`${text}\n`, 'utf8'), body]));
    const [line, ...others] = verifyNote(note, [verifier]);
    const unixSeconds = line?.unixSeconds;
    // An answer could bring text of its own and sign that with ours: the log would publish a bad line.
    if (note.text !== text || unixSeconds === undefined || others.length > 0) {
      return refused(question, 'nonsense', noCosignature);
    }
    return {
      state: { name, state: 'cosigned', size: head.size, unixSeconds },
      signatures: note.signatures.filter((one) => identity(one) === identity(verifier)),
    };
  } catch (error) {
    if (error instanceof RetentionError) return refused(question, 'nonsense', noCosignature);
    throw error;
  }
}

/** It cosigned another size than was said, or another tree of the size of this one. */
function conflict(question: Question, oldSize: number, body: Buffer): Round {
  const { size } = question.head;
  const theirs = readDecimal(decodeUtf8(body)?.replace(/\n$/, '') ?? '');
  if (oldSize === size && (theirs === undefined || theirs === size)) {
    return refused(question, 'forked', 'it cosigned another tree of this size', size);
  }
  if (theirs === undefined || theirs === oldSize) {
    return refused(question, 'nonsense', 'it answered 409 without another size');
  }
  if (theirs > size) return refused(question, 'ahead', 'it cosigned a larger tree', theirs);
  return { retryFrom: theirs };
}

function refused({ name }: Question, state: WitnessRefusal, reason: string, size?: number): Answer {
  return { state: { name, state, reason, ...(size !== undefined && { size }) } };
}

function identity({ name, keyId }: Pick<NoteSignature, 'name' | 'keyId'>): string {
  return `${name}+${keyId}`;
}
