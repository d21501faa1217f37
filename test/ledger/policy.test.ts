import { describe, expect, test } from 'vitest';
import { formatCheckpoint } from '../../ledger/checkpoint.ts';
import { cosign } from '../../ledger/cosignature.ts';
import { formatNote, signNote } from '../../ledger/note.ts';
import { formatVkey, NOTE_SIGNATURE } from '../../ledger/note-key.ts';
import { openCheckpoint, quorumMet } from '../../ledger/policy.ts';
import { parsePolicy } from '../../ledger/policy-file.ts';
import { LAB, LOG_VKEY, log, ORIGIN, PUBLIC, witnesses, worker } from './signing-samples.ts';

const policy = (...lines: string[]) =>
  parsePolicy(Buffer.from(lines.map((l) => `${l}\n`).join('')));
const cosigner = (i: number, name = `w${i}.example`) =>
  formatVkey(name, witnesses[i]?.publicKey ?? Buffer.alloc(0), NOTE_SIGNATURE.cosignature);
const W = [0, 1, 2].map((i) => `witness w${i} ${cosigner(i)}`);
const LOG = `log ${LOG_VKEY}`;

const invalid = (text: string | Uint8Array, place: string, problem: RegExp) => {
  const [line, column] = place.split(':').map(Number);
  expect(() => parsePolicy(typeof text === 'string' ? Buffer.from(text) : text)).toThrow(
    expect.objectContaining({
      code: 'POLICY_INVALID',
      message: expect.stringMatching(`at ${place}: .*${problem.source}`) as unknown,
      facts: { line, column },
    }),
  );
};

describe('reading', () => {
  test('the smallest: one log, no witnesses', () => {
    const read = policy(LOG, 'quorum none');
    expect(read).toMatchObject({ logs: [{ verifier: { name: ORIGIN } }], quorum: null });
    expect(read.witnesses.size).toBe(0);
  });

  test('comments, empty lines, blanks and tabs, addresses, groups of groups', () => {
    const read = policy(
      '# who we trust',
      '',
      ` \t log\t${LOG_VKEY}  https://logs.example/housing `,
      '   # indented',
      `${W[0] ?? ''} https://w0.example`,
      ...W.slice(1),
      'group two 2 w0 w1 w2',
      'group all-of-them all two',
      'quorum all-of-them',
    );
    expect(read.logs[0]?.url).toBe('https://logs.example/housing');
    expect(read.witnesses.get('w0')).toMatchObject({
      url: 'https://w0.example',
      verifier: { name: 'w0.example' },
    });
    expect(read.witnesses.get('w1')?.url).toBeUndefined();
    expect([...read.groups]).toEqual([
      ['two', { members: ['w0', 'w1', 'w2'], threshold: 2 }],
      ['all-of-them', { members: ['two'], threshold: 1 }],
    ]);
    expect(read.quorum).toBe('all-of-them');
  });

  test('all and any are thresholds', () => {
    const threshold = (rule: string) =>
      policy(...W, `group g ${rule} w0 w1 w2`, 'quorum g').groups.get('g')?.threshold;
    expect(['all', 'any', '1', '2', '3'].map(threshold)).toEqual([3, 1, 1, 2, 3]);
  });

  test('names are compared as they are spelt', () => {
    const kelvin = `witness \u212a ${cosigner(1)}`;
    const read = policy(`witness K ${cosigner(0)}`, kelvin, 'quorum \u212a');
    expect(quorumMet(read, new Set(['K']))).toBe(false);
    expect(quorumMet(read, new Set(['\u212a']))).toBe(true);
  });

  test('32 logs, 32 witnesses and 32 groups, and a chain of ten thousand groups', () => {
    const keys = Array.from({ length: 64 }, (_, i) => Buffer.alloc(32, i));
    const logs = keys.slice(0, 32).map((key, i) => `log ${formatVkey(`l${i}`, key, 1)}`);
    const cosigners = keys
      .slice(32)
      .map((key, i) => `witness w${i} ${formatVkey(`n${i}`, key, 4)}`);
    const groups = Array.from({ length: 32 }, (_, i) => `group g${i} any w${i}`);
    expect(policy(...logs, ...cosigners, ...groups, 'quorum g31').groups.size).toBe(32);
    const chain = Array.from({ length: 10_000 }, (_, i) => `group c${i + 1} all c${i}`);
    const deep = policy(W[0] ?? '', 'group c0 all w0', ...chain, 'quorum c10000');
    expect(quorumMet(deep, new Set(['w0']))).toBe(true);
    expect(quorumMet(deep, new Set())).toBe(false);
  });
});

describe('refused, with line and column', () => {
  const witnessed = `${W.join('\n')}\n`;
  test.each<[string, string, string, RegExp]>([
    ['no quorum', `${LOG}\n`, '2:1', /no quorum/],
    ['an empty file', '', '1:1', /no quorum/],
    ['only an empty line', '\n', '2:1', /no quorum/],
    ['two quorums', 'quorum none\nquorum none\n', '2:1', /quorum line already/],
    ['a quorum of nothing', 'quorum\n', '1:1', /quorum <name>/],
    ['a quorum of two names', 'quorum none none\n', '1:1', /quorum <name>/],
    ['a quorum nobody defined', 'quorum w0\n', '1:8', /no line before/],
    ['a quorum defined later', `quorum w0\n${witnessed}`, '1:8', /no line before/],
    ['a quorum with another case', `${witnessed}quorum W0\n`, '4:8', /no line before/],
    ['an unknown keyword', 'quorum none\n  trust me\n', '2:3', /begins with/],
    ['a keyword in upper case', 'QUORUM none\n', '1:1', /begins with/],
    ['a keyword that objects inherit', 'constructor none\n', '1:1', /begins with/],
    ['a log without key', 'log\n', '1:1', /log <vkey>/],
    ['a log with too much', `${LOG} a b\n`, '1:1', /log <vkey>/],
    ['a key that is none', 'log x\n', '1:5', /verifier key/],
    [
      'a key with the wrong id',
      `log ${LOG_VKEY.replace(/\+[0-9a-f]{8}\+/, '+00000000+')}\n`,
      '1:5',
      /id/,
    ],
    ["a witness's key for a log", `log ${cosigner(0)}\n`, '1:5', /type 1/],
    ["a log's key for a witness", `witness w ${LOG_VKEY}\n`, '1:11', /type 4/],
    ['a witness without key', 'witness w\n', '1:1', /witness <name>/],
    ['a witness with too much', `${W[0] ?? ''} a b\n`, '1:1', /witness <name>/],
    ['a log twice', `${LOG}\n${LOG}\n`, '2:5', /already/],
    [
      'a log twice under two names',
      `${LOG}\nlog ${formatVkey('other', log.publicKey, 1)}\n`,
      '2:5',
      /already/,
    ],
    ['a witness twice', `${W[0] ?? ''}\nwitness v ${cosigner(0, 'v')}\n`, '2:11', /already/],
    [
      'a log as its own witness',
      `${LOG}\nwitness w ${formatVkey('w', log.publicKey, 4)}\n`,
      '2:11',
      /already/,
    ],
    ['a name twice', `${W[0] ?? ''}\nwitness w0 ${cosigner(1)}\n`, '2:9', /defined already/],
    ['a group named like a witness', `${witnessed}group w0 any w1\n`, '4:7', /defined already/],
    ['a group twice', `${witnessed}group g any w0\ngroup g any w1\n`, '5:7', /defined already/],
    ['a witness named none', `witness none ${cosigner(0)}\n`, '1:9', /cannot be defined/],
    ['a group named none', `${witnessed}group none any w0\n`, '4:7', /cannot be defined/],
    ['a group of none', `${witnessed}group g any none\n`, '4:13', /no line before/],
    ['a group of nobody', `${witnessed}group g any\n`, '4:1', /group <name>/],
    ['a group of itself', `${witnessed}group g any w0 g\n`, '4:16', /no line before/],
    ['a member twice', `${witnessed}group g any w0 w0\n`, '4:16', /in a group already/],
    [
      'a member of two groups',
      `${witnessed}group g any w0\ngroup h any w0\n`,
      '5:13',
      /in a group already/,
    ],
    ['a threshold of 0', `${witnessed}group g 0 w0\n`, '4:9', /from 1 to 1/],
    ['a threshold beyond its members', `${witnessed}group g 3 w0 w1\n`, '4:9', /from 1 to 2/],
    ['a threshold with a leading zero', `${witnessed}group g 01 w0 w1\n`, '4:9', /from 1 to 2/],
    ['a threshold with a sign', `${witnessed}group g +1 w0 w1\n`, '4:9', /from 1 to 2/],
    ['a fraction', `${witnessed}group g 1.5 w0 w1\n`, '4:9', /from 1 to 2/],
    ['most', `${witnessed}group g most w0 w1\n`, '4:9', /from 1 to 2/],
    ['a comment behind a definition', `${LOG}\nquorum none # all right\n`, '2:1', /quorum <name>/],
    ['a carriage return', 'quorum none\r\n', '1:12', /control/],
    ['a zero byte in a comment', 'quorum none\n# \0\n', '2:3', /control/],
    ['a delete character', 'quorum none\n#\x7f\n', '2:2', /control/],
    ['a no-break space for a blank', 'quorum\u00a0none\n', '1:1', /begins with/],
    ['a file cut short in its last line', `${witnessed}quorum w`, '4:1', /no line end/],
  ])('%s', (_, text, place, problem) => {
    invalid(text, place, problem);
  });

  test('two keys that have one name and, by a collision, one id', () => {
    const [one = '', other = ''] = [98_209, 117_355].map((number) => {
      const key = Buffer.alloc(32);
      key.writeUInt32BE(number, 28);
      return formatVkey('w.example', key, NOTE_SIGNATURE.cosignature);
    });
    expect(one.slice(0, 18)).toBe('w.example+12d12c91');
    expect(other.slice(0, 18)).toBe('w.example+12d12c91');
    invalid(`witness a ${one}\nwitness b ${other}\nquorum a\n`, '2:11', /already/);
  });

  test('bytes that are not UTF-8', () => {
    invalid(Buffer.concat([Buffer.from('# '), Buffer.of(0xff, 0x0a)]), '1:1', /UTF-8/);
  });

  test('more than a mebibyte', () => {
    invalid(Buffer.alloc(1_048_577, 0x0a), '1:1', /1048576 bytes/);
  });
});

test('a quorum is met by enough witnesses, each of which counts in one way', () => {
  const read = policy(
    ...W,
    'group two 2 w0 w1',
    'group one any two w2',
    `witness w3 ${formatVkey('w3', worker.publicKey, NOTE_SIGNATURE.cosignature)}`,
    'group both all one w3',
    'quorum both',
  );
  const met = (...names: string[]) => quorumMet(read, new Set(names));
  expect(met('w2', 'w3')).toBe(true);
  expect(met('w0', 'w1', 'w3')).toBe(true);
  expect(met('w0', 'w3')).toBe(false);
  expect(met('w0', 'w1', 'w2')).toBe(false);
  expect(met()).toBe(false);
  expect(met('w3', 'one', 'both', 'two')).toBe(false);
  expect(quorumMet(policy(...W, 'quorum w1'), new Set(['w1']))).toBe(true);
  expect(quorumMet(policy(...W, 'quorum w1'), new Set(['w0', 'w2']))).toBe(false);
  expect(quorumMet(policy(...W, 'quorum none'), new Set())).toBe(true);
});

describe('opening a checkpoint', () => {
  const text = formatCheckpoint({ origin: ORIGIN, size: 42, root: Buffer.alloc(32, 9) });
  const own = signNote(text, log, ORIGIN);
  const seen = (i: number, seconds: number) =>
    cosign(text, witnesses[i] ?? log, `w${i}.example`, seconds);
  const trust = policy(LOG, ...W, 'group g 2 w0 w1 w2', 'quorum g');
  const BAD = expect.objectContaining({ code: 'SIGNATURE_INVALID' });

  test('says which keys of the log signed, who cosigned when, and whether it is enough', () => {
    const opened = openCheckpoint(formatNote(text, [own, seen(2, 20), seen(0, 10)]), trust);
    expect(opened.checkpoint).toMatchObject({ origin: ORIGIN, size: 42 });
    expect(opened.logKeys.map(({ name }) => name)).toEqual([ORIGIN]);
    expect(opened.cosigners).toEqual([
      { name: 'w0', unixSeconds: 10 },
      { name: 'w2', unixSeconds: 20 },
    ]);
    expect(opened.quorum).toBe(true);
  });

  test('a witness that signs twice counts once, with its latest time', () => {
    const opened = openCheckpoint(
      formatNote(text, [own, seen(0, 10), seen(0, 30), seen(0, 20)]),
      trust,
    );
    expect(opened.cosigners).toEqual([{ name: 'w0', unixSeconds: 30 }]);
    expect(opened.quorum).toBe(false);
  });

  test('too few witnesses are an answer', () => {
    expect(openCheckpoint(formatNote(text, [own]), trust)).toMatchObject({
      cosigners: [],
      quorum: false,
    });
  });

  test('witnesses do not speak for the log', () => {
    expect(() => openCheckpoint(formatNote(text, [seen(0, 1), seen(1, 1)]), trust)).toThrow(BAD);
  });

  test('a known log does not speak for another one', () => {
    const other = formatVkey('other.example/log', worker.publicKey, NOTE_SIGNATURE.ed25519);
    const two = policy(LOG, `log ${other}`, 'quorum none');
    const foreign = signNote(text, worker, 'other.example/log');
    expect(() => openCheckpoint(formatNote(text, [foreign]), two)).toThrow(BAD);
    expect(openCheckpoint(formatNote(text, [foreign, own]), two).logKeys).toHaveLength(1);
  });

  test('one bad signature of a known key condemns it, whatever the quorum', () => {
    const bad = seen(2, 5).replace(/.{6}==$|.{5}=$|.{4}$/, (end) =>
      end.replace(/^./, (c) => (c === 'A' ? 'B' : 'A')),
    );
    const note = formatNote(text, [own, seen(0, 1), seen(1, 1), bad]);
    expect(() => openCheckpoint(note, trust)).toThrow(BAD);
    expect(openCheckpoint(note, policy(LOG, ...W.slice(0, 2), 'quorum none')).quorum).toBe(true);
  });

  test('a note that is no checkpoint is none, however well it is signed', () => {
    const note = formatNote('hello\n', [signNote('hello\n', log, ORIGIN)]);
    expect(() => openCheckpoint(note, trust)).toThrow(
      expect.objectContaining({ code: 'LEDGER_MALFORMED' }),
    );
  });

  test('the checkpoint of the lab, whose witness is unknown here', () => {
    const opened = openCheckpoint(Buffer.from(LAB.note), policy(`log ${LAB.vkey}`, 'quorum none'));
    expect(opened).toMatchObject({ checkpoint: { size: 29_419 }, cosigners: [], quorum: true });
  });

  test('a public checkpoint and its four public witnesses', () => {
    const names = Object.entries(PUBLIC.witnesses);
    const trusted = policy(
      `log ${PUBLIC.log}`,
      ...names.map(([name, vkey]) => `witness ${name} ${vkey}`),
      `group g 4 ${names.map(([name]) => name).join(' ')}`,
      'quorum g',
    );
    const opened = openCheckpoint(Buffer.from(PUBLIC.note), trusted);
    expect(opened.cosigners.map(({ name }) => name)).toEqual(names.map(([name]) => name));
    expect(opened.quorum).toBe(true);
    const without = PUBLIC.note.replace(/— remora.*\n/, '');
    expect(openCheckpoint(Buffer.from(without), trusted).quorum).toBe(false);
  });
});
