/** What a restore makes of a log: one lie a test, of somebody who has all the keys. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { retain } from '../support/command-line.ts';
import { EARLY, HEX, inside, type Lie, lying, SOME_RUN, set } from '../support/lies.ts';
import { folderSink, headOf, policyFor, publish } from '../support/log-builder.ts';
import { type Change, EPOCH, type Teller, type ToldRun } from '../support/log-teller.ts';
import { replayed } from '../support/replayed.ts';
import { codes, PUBLISHED, verified } from '../support/verified.ts';

describe('a replay after a restore', () => {
  it('that fits gives up the runs that were open, and the log goes on', async () => {
    const report = await verified(replayed(undefined, (teller) => [teller.placeHold()]));
    expect(report).toMatchObject({ verdict: 'verified', exitCode: 0, findings: [] });
    expect(report.counts?.runs).toEqual({ opened: 2, closed: 1, abandoned: 1 });
  });

  it('may be followed by what a store had done and not told, and by what it tells once more', async () => {
    const late = (teller: Teller, given: ToldRun) => [
      teller.batch(given, { records: 3 }),
      teller.closeRun(given),
      teller.releaseHold(1),
      teller.epoch(EPOCH),
    ];
    const report = await verified(replayed(undefined, late));
    expect(report).toMatchObject({ exitCode: 0, findings: [] });
    expect(report.counts?.runs).toEqual({ opened: 2, closed: 2, abandoned: 0 });
  });

  it('may be followed by statements of another clock', async () => {
    const earlier = lying('hold.place', set({ at: EARLY }), 2);
    const pieces = replayed(undefined, (teller) => [teller.placeHold()], earlier);
    expect(codes(await verified(pieces))).toEqual([]);
  });

  it('takes no number out of use: what a source told and is not there stays missing', async () => {
    const skip: Lie = (body) => {
      const sources = Object.entries(body['sources'] as Record<string, number>);
      return { ...body, sources: Object.fromEntries(sources.map(([name, n]) => [name, n + 5])) };
    };
    const later: Change = (kind, body, nth) =>
      kind === 'hold.place' && nth === 2 ? { ...body, n: (body['n'] as number) + 5 } : body;
    expect(codes(await verified(replayed(skip)))).toEqual(['E_REPLAY']);
    const pieces = replayed(skip, (teller) => [teller.placeHold()], later);
    expect(codes(await verified(pieces))).toEqual(['E_REPLAY', 'E_SOURCE']);
  });

  it('is handed on with its place, when it is signed', async () => {
    const pieces = replayed();
    const { replays } = await verified(pieces);
    expect(replays.map(({ index, statement: { size_after: size } }) => [index, size])).toEqual([
      [headOf(pieces).size - 1, headOf(pieces).size - 1],
    ]);
  });

  it('leaves open which holds from before it are in force: no end of a key is blamed for them', async () => {
    const end = (teller: Teller) => [teller.epoch(EPOCH, 'destroy')];
    expect(codes(await verified(replayed(undefined, end)))).toEqual([]);
    const held = (teller: Teller) => [teller.placeHold(), teller.epoch(EPOCH, 'destroy')];
    expect(codes(await verified(replayed(undefined, held)))).toEqual(['E_EPOCH']);
  });

  it.each<[string, Lie]>([
    ['another size', (body) => ({ ...body, size_after: (body['size_after'] as number) - 1 })],
    ['a smaller size than before', set({ size_before: 1_000 })],
    ['another root', set({ root_after: HEX })],
    ['fewer statements of a source', set({ sources: { 'store:housing': 2, control: 1 } })],
    ['a source that told nothing', inside('sources', { 'store:elsewhere': 1 })],
    ['not every source', (body) => ({ ...body, sources: { control: 1 } })],
    [
      'more that a store still had than it ever told',
      set({ lost: { 'store:housing': { after: 99, batches: { count: 0, sha256: HEX } } } }),
    ],
    ['a run that is not open', set({ runs_abandoned: [SOME_RUN] })],
  ])('that names %s', async (what, lie) => {
    const open = what === 'a run that is not open' ? ['E_RUNOPEN'] : [];
    expect(codes(await verified(replayed(lie)))).toEqual(['E_REPLAY', ...open]);
  });

  it('that is badly signed excuses nothing and ends no run', async () => {
    const pieces = replayed(undefined, (teller) => [teller.placeHold()]);
    const at = pieces.findIndex(({ kind }) => kind === 'replay');
    const entry = Buffer.from(pieces[at]!.entry);
    entry[20]! ^= 1;
    const report = await verified(pieces.with(at, { ...pieces[at]!, entry }));
    expect(codes(report)).toEqual(['E_STATEMENTSIG', 'E_RUNOPEN']);
    expect(report.replays).toEqual([]);
  });

  it('that gives up a run twice', async () => {
    const twice: Lie = (body) => {
      const [run = ''] = body['runs_abandoned'] as string[];
      return { ...body, runs_abandoned: [run, run] };
    };
    expect(codes(await verified(replayed(twice)))).toEqual(['E_REPLAY']);
  });
});

it('the verdict says when there were restores, since only people know whether there were', async () => {
  const place = mkdtempSync(join(tmpdir(), 'retain-verify-'));
  const pieces = replayed();
  await publish(pieces, PUBLISHED, folderSink(place));
  writeFileSync(join(place, 'policy.txt'), policyFor(PUBLISHED));
  const files = ['--dir', place, '--policy', join(place, 'policy.txt'), '--no-save'];
  const { stdout } = await retain(['log', 'verify', ...files]);
  const index = headOf(pieces).size - 1;
  expect(stdout).toMatch(
    new RegExp(`\\n {2}restores +entry ${index} \\(2026-11-21T[\\d:.]+Z\\): ask whether`),
  );
  const json = await retain(['log', 'verify', ...files, '--json']);
  expect(JSON.parse(json.stdout)).toMatchObject({ restores: [index] });
  rmSync(place, { recursive: true });
});
