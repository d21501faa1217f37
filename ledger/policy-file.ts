/**
 * Policy files (c2sp.org/tlog-policy), one definition a line:
 *
 *     log <vkey> [<url>]
 *     witness <name> <vkey> [<url>]
 *     group <name> all|any|<k> <name>...
 *     quorum <name>|none
 *
 * Names are defined before they are used, so that no group can contain itself.
 */
import { RetentionError } from '../domain/errors.ts';
import { NOTE_SIGNATURE, type NoteSignatureType, parseVkey, type Verifier } from './note-key.ts';
import type { Policy, PolicyGroup, PolicyKey } from './policy.ts';
import { decodeUtf8 } from './text.ts';

interface Word {
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

/** A policy of which some lines are read. */
interface Draft {
  readonly logs: PolicyKey[];
  readonly witnesses: Map<string, PolicyKey>;
  readonly groups: Map<string, PolicyGroup>;
  /** Names that are in a group already. */
  readonly grouped: Set<string>;
  /** Public keys and key names with ids that stand in the file already. */
  readonly keys: Set<string>;
  quorum: string | null | undefined;
}

type Reader = (draft: Draft, keyword: Word, words: readonly Word[]) => void;

const POLICY_BYTES_MAX = 1_048_576;
const NONE = 'none';
const SPACE = 0x20;
const DELETE = 0x7f;
const ALLOWED_CONTROLS = [0x09, 0x0a];
const WHOLE_NUMBER = /^[1-9]\d{0,8}$/;

const READERS: Readonly<Record<string, Reader>> = {
  log: readLog,
  witness: readWitness,
  group: readGroup,
  quorum: readQuorum,
};

/**
 * Reads a policy. Throws `POLICY_INVALID` with line and column, counted from 1, for everything it does not
 * know: other keywords and key types, names that are defined twice or not yet, a key that stands there
 * twice, a member of two groups, a threshold beyond its members, no quorum line or two. Stricter than the
 * specification in three things: the file is UTF-8, its last line has an end (a file cut short must not
 * trust more), and a log is not its own witness.
 */
export function parsePolicy(bytes: Uint8Array): Policy {
  const draft: Draft = {
    logs: [],
    witnesses: new Map(),
    groups: new Map(),
    grouped: new Set(),
    keys: new Set(),
    quorum: undefined,
  };
  const lines = linesOf(bytes);
  lines.forEach((text, i) => {
    const [keyword, ...words] = wordsOf(text, i + 1);
    if (keyword === undefined || keyword.text.startsWith('#')) return;
    const read = Object.hasOwn(READERS, keyword.text) ? READERS[keyword.text] : undefined;
    if (read === undefined) {
      throw invalid(keyword, 'a line begins with log, witness, group or quorum');
    }
    read(draft, keyword, words);
  });
  const { quorum, logs, witnesses, groups } = draft;
  if (quorum === undefined) {
    throw invalid({ line: lines.length + 1, column: 1 }, 'there is no quorum line');
  }
  return { logs, witnesses, groups, quorum };
}

function linesOf(bytes: Uint8Array): string[] {
  if (bytes.length > POLICY_BYTES_MAX) {
    throw invalid({ line: 1, column: 1 }, `the file has more than ${POLICY_BYTES_MAX} bytes`);
  }
  const text = decodeUtf8(bytes);
  if (text === undefined) throw invalid({ line: 1, column: 1 }, 'the file is not UTF-8');
  const lines = text.split('\n');
  lines.forEach((line, i) => {
    const at = line.split('').findIndex((unit) => isControl(unit.charCodeAt(0)));
    if (at >= 0) throw invalid({ line: i + 1, column: at + 1 }, 'there is a control character');
  });
  const last = lines.pop();
  if (last !== '') {
    throw invalid({ line: lines.length + 1, column: 1 }, 'the last line has no line end');
  }
  return lines;
}

function isControl(code: number): boolean {
  return (code < SPACE && !ALLOWED_CONTROLS.includes(code)) || code === DELETE;
}

/** Blanks are spaces and tabs, no others. */
function wordsOf(line: string, number: number): Word[] {
  return [...line.matchAll(/[^ \t]+/g)].map((match) => ({
    text: match[0],
    line: number,
    column: match.index + 1,
  }));
}

function readLog(draft: Draft, keyword: Word, words: readonly Word[]): void {
  const [vkey, url, ...more] = words;
  if (vkey === undefined || more.length > 0) throw invalid(keyword, 'log <vkey> [<url>]');
  draft.logs.push(readKey(draft, vkey, url, NOTE_SIGNATURE.ed25519));
}

function readWitness(draft: Draft, keyword: Word, words: readonly Word[]): void {
  const [name, vkey, url, ...more] = words;
  if (name === undefined || vkey === undefined || more.length > 0) {
    throw invalid(keyword, 'witness <name> <vkey> [<url>]');
  }
  requireFree(draft, name);
  draft.witnesses.set(name.text, readKey(draft, vkey, url, NOTE_SIGNATURE.cosignature));
}

function readGroup(draft: Draft, keyword: Word, words: readonly Word[]): void {
  const [name, rule, ...members] = words;
  if (name === undefined || rule === undefined || members.length === 0) {
    throw invalid(keyword, 'group <name> all|any|<k> <name>...');
  }
  requireFree(draft, name);
  for (const member of members) {
    requireDefined(draft, member);
    if (draft.grouped.has(member.text)) throw invalid(member, 'it is in a group already');
    draft.grouped.add(member.text);
  }
  draft.groups.set(name.text, {
    members: members.map(({ text }) => text),
    threshold: readThreshold(rule, members.length),
  });
}

function readQuorum(draft: Draft, keyword: Word, words: readonly Word[]): void {
  const [name, ...more] = words;
  if (name === undefined || more.length > 0) throw invalid(keyword, 'quorum <name>|none');
  if (draft.quorum !== undefined) throw invalid(keyword, 'there is a quorum line already');
  if (name.text !== NONE) requireDefined(draft, name);
  draft.quorum = name.text === NONE ? null : name.text;
}

function readThreshold(rule: Word, members: number): number {
  if (rule.text === 'all') return members;
  if (rule.text === 'any') return 1;
  const threshold = WHOLE_NUMBER.test(rule.text) ? Number(rule.text) : 0;
  if (threshold < 1 || threshold > members) {
    throw invalid(rule, `it must be all, any or a number from 1 to ${members}`);
  }
  return threshold;
}

function readKey(
  draft: Draft,
  vkey: Word,
  url: Word | undefined,
  type: NoteSignatureType,
): PolicyKey {
  const verifier = readVkey(vkey);
  if (verifier.type !== type) {
    throw invalid(vkey, `the key must be of type ${type}, not ${verifier.type}`);
  }
  const marks = [verifier.publicKey.toString('hex'), `${verifier.name}+${verifier.keyId}`];
  if (marks.some((mark) => draft.keys.has(mark))) throw invalid(vkey, 'the key is there already');
  for (const mark of marks) draft.keys.add(mark);
  return { verifier, ...(url !== undefined && { url: url.text }) };
}

function readVkey(word: Word): Verifier {
  try {
    return parseVkey(word.text);
  } catch (cause) {
    const reason = cause instanceof RetentionError ? cause.message : 'it is no verifier key';
    throw invalid(word, reason, cause);
  }
}

function requireFree(draft: Draft, { text, ...place }: Word): void {
  if (text === NONE) throw invalid(place, `${NONE} cannot be defined`);
  if (draft.witnesses.has(text) || draft.groups.has(text)) {
    throw invalid(place, 'the name is defined already');
  }
}

function requireDefined(draft: Draft, { text, ...place }: Word): void {
  if (!draft.witnesses.has(text) && !draft.groups.has(text)) {
    throw invalid(place, 'no line before defines this name');
  }
}

function invalid(
  { line, column }: Pick<Word, 'line' | 'column'>,
  problem: string,
  cause?: unknown,
): RetentionError {
  return new RetentionError(
    'POLICY_INVALID',
    `The policy is wrong at ${line}:${column}: ${problem.replace(/\.$/, '')}.`,
    { line, column },
    cause,
  );
}
