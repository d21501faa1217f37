/**
 * What can be done to a published log, with which keys, and by what it is found. The last two are not found
 * from the log alone: they are here so that nobody believes they are, with what closes them.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { leafHash } from '../../ledger/hashing.ts';
import { decodeBundle } from '../../ledger/tiles.ts';
import {
  type BuiltLog,
  buildLog,
  memorySource,
  run,
  story,
  WITNESS,
} from '../support/log-builder.ts';
import { EPOCH, logTeller, type Piece, testKey } from '../support/log-teller.ts';
import { codes, PUBLISHED, verified, verifyBuilt } from '../support/verified.ts';

const WITNESSED = { ...PUBLISHED, witnesses: [WITNESS] };
const BUNDLE = 'tile/entries/001';
const TILE = 'tile/0/001';

let pieces: readonly Piece[];
let log: BuiltLog;

beforeAll(async () => {
  pieces = [...story()];
  log = await buildLog(pieces, PUBLISHED);
});

/** The log with some of its files changed, and nothing signed again. */
function withFiles(changes: Readonly<Record<string, (bytes: Buffer) => Buffer | undefined>>) {
  const files = new Map(log.files);
  for (const [path, change] of Object.entries(changes)) {
    const bytes = change(Buffer.from(files.get(path) ?? Buffer.alloc(0)));
    if (bytes === undefined) files.delete(path);
    else files.set(path, bytes);
  }
  return { ...log, files, source: memorySource(files) };
}

const flip = (at: number) => (bytes: Buffer) => {
  bytes[at]! ^= 1;
  return bytes;
};

/** What the thief of the log key publishes, read under the policy of the true log. */
async function forged(changed: readonly Piece[], published = PUBLISHED): Promise<BuiltLog> {
  return { ...(await buildLog(changed, published)), policy: log.policy };
}

const placesOf = (kind: Piece['kind']) =>
  pieces.flatMap((piece, i) => (piece.kind === kind ? [i] : []));

const nthBatch = (nth: number): { at: number; batch: Piece } => {
  const at = placesOf('batch')[nth] ?? 0;
  return { at, batch: pieces[at]! };
};

const keptBy = (note: Buffer) => ({
  older: () => Promise.resolve([{ label: 'the checkpoint kept here', note }]),
});

describe('without any key', () => {
  it('1: a byte of a bundle is flipped', async () => {
    const { findings, exitCode } = await verifyBuilt(withFiles({ [BUNDLE]: flip(68 * 10 + 5) }));
    expect(findings).toMatchObject([{ code: 'E_LEAF', index: 266 }]);
    expect(exitCode).toBe(12);
  });

  it('2: and its leaf hash is made to fit', async () => {
    const changed = withFiles({ [BUNDLE]: flip(68 * 10 + 40) });
    const entries = decodeBundle(changed.files.get(BUNDLE)!);
    changed.files.set(TILE, Buffer.concat(entries.map(leafHash)));
    const report = await verifyBuilt(changed);
    expect(report.findings).toContainEqual(expect.objectContaining({ code: 'E_ROOT', index: 256 }));
    expect(report.exitCode).toBe(12);
  });

  it('3: a bundle is removed', async () => {
    const { findings, exitCode } = await verifyBuilt(withFiles({ [BUNDLE]: () => undefined }));
    expect(findings).toMatchObject([{ code: 'E_MISSING', index: 256 }]);
    expect(exitCode).toBe(14);
  });

  it('4: the size in the checkpoint is edited', async () => {
    const smaller = withFiles({
      checkpoint: (bytes) => Buffer.from(bytes.toString('utf8').replace('\n642\n', '\n641\n')),
    });
    expect(await verifyBuilt(smaller)).toMatchObject({
      findings: [{ code: 'E_SIG' }],
      exitCode: 10,
    });
  });

  it('5: an older, genuine log is served', async () => {
    const older = await buildLog(pieces.slice(0, -2), PUBLISHED);
    expect(await verifyBuilt(older)).toMatchObject({ exitCode: 0 });
    expect(await verifyBuilt(older, keptBy(log.checkpoint))).toMatchObject({
      findings: [{ code: 'E_ROLLBACK' }],
      exitCode: 13,
    });
  });

  it('6: a record is dropped, and all is signed with a key of somebody else', async () => {
    const other = { ...PUBLISHED, logKey: testKey('log', 666) };
    const report = await verifyBuilt(await forged(withoutRecord(), other));
    expect(report).toMatchObject({ findings: [{ code: 'E_NOTE' }], exitCode: 10, head: undefined });
  });
});

describe('with the stolen log key', () => {
  it('7: a record is dropped, and the policy asks for a witness', async () => {
    const { policy } = await buildLog(pieces, WITNESSED);
    const report = await verifyBuilt({ ...(await forged(withoutRecord())), policy });
    expect(report).toMatchObject({ exitCode: 11 });
    expect(codes(report)).toEqual(['E_WITNESS', 'E_SHORT']);
  });

  it('8: a record is dropped, and the verifier has kept a checkpoint', async () => {
    const changed = [...withoutRecord(), ...moreHolds()];
    const report = await verifyBuilt(await forged(changed), keptBy(log.checkpoint));
    expect(codes(report)).toContain('E_FORK');
    expect(report.exitCode).toBe(13);
  });

  it('9: a record is dropped, and there is neither witness nor checkpoint', async () => {
    const report = await verifyBuilt(await forged(withoutRecord()));
    expect(report.findings).toMatchObject([{ code: 'E_SHORT', index: 8 }]);
    expect(report.exitCode).toBe(15);
  });

  it('10: a whole batch is removed', async () => {
    const inTheMiddle = await verifyBuilt(await forged(pieces.toSpliced(nthBatch(0).at, 1)));
    expect(codes(inTheMiddle)).toEqual(['E_RUNCHAIN', 'E_TOTALS']);
    const last = await verifyBuilt(await forged(pieces.toSpliced(nthBatch(3).at, 1)));
    expect(codes(last)).toEqual(['E_TOTALS', 'E_RUNCHAIN']);
  });

  it('11: a run is cut short: the log ends within it, and says so', async () => {
    const report = await verifyBuilt(await forged(pieces.slice(0, nthBatch(2).at)));
    expect(report.findings).toMatchObject([{ code: 'E_RUNOPEN', severity: 'warning' }]);
    expect(report.exitCode).toBe(1);
  });

  it('12: the signature of a header is changed', async () => {
    const { at, batch } = nthBatch(1);
    const entry = flip(30)(Buffer.from(batch.entry));
    const report = await verifyBuilt(await forged(pieces.with(at, { ...batch, entry })));
    expect(codes(report)).toEqual(['E_WORKERSIG', 'E_RUNCHAIN']);
  });

  it('13: two records are swapped', async () => {
    const { at, batch } = nthBatch(0);
    const refs = Buffer.from(batch.refs!);
    refs.set(batch.refs!.subarray(32, 64), 0);
    refs.set(batch.refs!.subarray(0, 32), 32);
    const report = await verifyBuilt(await forged(pieces.with(at, { ...batch, refs })));
    expect(report.findings[0]).toMatchObject({ code: 'E_ORDER', index: 10 });
  });

  it('a run in the middle is removed: the statements of its store have a gap', async () => {
    const [from, to] = [placesOf('plan')[0]!, placesOf('run.close')[0]!];
    const report = await verifyBuilt(await forged(pieces.toSpliced(from, to - from + 1)));
    expect(codes(report)).toContain('E_SOURCE');
  });
});

describe('with the stolen worker key', () => {
  it('21: a batch is inserted into a run', async () => {
    const teller = logTeller();
    const { run: one, piece } = teller.plan([{ class: 'customer', destroys: 100 }]);
    const [genesis, version] = [teller.genesis(), teller.scheduleVersion(1)];
    const begun = [
      genesis,
      version,
      piece,
      teller.decide(one),
      teller.openRun(one),
      teller.epoch(EPOCH),
    ];
    const first = teller.batch(one, { records: 5 });
    const between = teller.forgedBatch(one, { records: 4 });
    const second = teller.batch(one, { records: 5 });
    const behind = teller.forgedBatch(one, { records: 4 });
    const close = teller.closeRun(one);
    const told = async (...rest: Piece[]) => codes(await verified([...begun, first, ...rest]));
    expect(await told(second, close)).toEqual([]);
    expect(await told(between, second, close)).toEqual(['E_RUNCHAIN', 'E_TOTALS']);
    expect(await told(second, behind, close)).toEqual(['E_TOTALS', 'E_RUNCHAIN']);
    expect(await told(second, close, behind)).toEqual(['E_BATCH']);
  });
});

describe('known limits', () => {
  const withoutLastRun = (): Piece[] => pieces.slice(0, placesOf('plan').at(-2));

  it('19: the newest run is removed with the stolen log key, by a verifier without witness and memory: NOT detected', async () => {
    const report = await verifyBuilt(await forged(withoutLastRun()));
    expect(report).toMatchObject({ verdict: 'verified', exitCode: 0 });
  });

  it('19, of statements that no source numbers: a revocation is removed likewise: NOT detected', async () => {
    const revocation = placesOf('key').find((at) => pieces[at]!.entry.includes('"revoked"')) ?? 0;
    const { counts, exitCode } = await verifyBuilt(await forged(pieces.toSpliced(revocation, 1)));
    expect({ exitCode, statements: counts?.statements }).toEqual({ exitCode: 0, statements: 24 });
  });

  it('19, closed by a witness: it has seen the longer log and signs no shorter one', async () => {
    const { policy } = await buildLog(pieces, WITNESSED);
    const report = await verifyBuilt({ ...(await forged(withoutLastRun())), policy });
    expect(codes(report)).toEqual(['E_WITNESS']);
  });

  it('20: 19 closed by a checkpoint that the verifier has kept', async () => {
    const report = await verifyBuilt(await forged(withoutLastRun()), keptBy(log.checkpoint));
    expect(codes(report)).toEqual(['E_ROLLBACK']);
  });

  it('19, seen by its age: nothing was heard since', async () => {
    const later = { now: Date.parse('2026-11-21T14:00:00Z') / 1_000, maxAgeSeconds: 3_600 };
    expect(codes(await verifyBuilt(await forged(withoutLastRun()), later))).toEqual(['E_STALE']);
  });

  it('22: a run with plan and approval is made up with the stolen worker key: NOT detected by the log', async () => {
    const { before, after } = await madeUpRun();
    const made = await verifyBuilt(after, keptBy(before.checkpoint));
    expect(made).toMatchObject({ verdict: 'verified', exitCode: 0 });
  });

  it('22, closed by totals that others have: the log shows a run that nobody carried out', async () => {
    const { before, after } = await madeUpRun();
    const [honest, made] = [await verifyBuilt(before), await verifyBuilt(after)];
    expect(honest.counts).toMatchObject({ records: 15, runs: { closed: 1 } });
    expect(made.counts).toMatchObject({ records: 25, runs: { closed: 2 } });
  });
});

/** A witness sees both, one after the other. */
async function madeUpRun(): Promise<{ before: BuiltLog; after: BuiltLog }> {
  const teller = logTeller();
  const honest = [
    ...[teller.genesis(), teller.scheduleVersion(1)],
    ...run(teller, { batches: 3, records: 5 }),
  ];
  const made = [...honest, ...run(teller, { batches: 2, records: 5 })];
  return { before: await buildLog(honest, WITNESSED), after: await buildLog(made, WITNESSED) };
}

function withoutRecord(): Piece[] {
  const { at, batch } = nthBatch(0);
  return pieces.with(at, { ...batch, refs: batch.refs!.subarray(32) });
}

/** Entries of anybody, to make a forged log longer than the true one. */
function moreHolds(): Piece[] {
  const teller = logTeller({ seed: 9 });
  return [teller.placeHold(), teller.placeHold()];
}
