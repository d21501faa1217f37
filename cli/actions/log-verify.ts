import { stateFolder } from '../../config/env.ts';
import { RetentionError } from '../../domain/errors.ts';
import type { Policy } from '../../ledger/policy.ts';
import { parsePolicy } from '../../ledger/policy-file.ts';
import type { OlderCheckpoint } from '../../ledger/verify/head-check.ts';
import type { LogSource } from '../../ledger/verify/log-source.ts';
import { type VerifyReport, verifyLog } from '../../ledger/verify/verify-log.ts';
import { wholeNumber } from '../arguments.ts';
import { type KeptCheckpoints, keptCheckpoints } from '../kept-checkpoints.ts';
import { folderSource, urlSource } from '../log-source.ts';
import type { VerifyOptions } from '../options.ts';
import { barLines, stepTimer } from '../output/progress.ts';
import { verifyLines, verifySummary } from '../output/verify.ts';
import { readUpTo } from '../read-file.ts';
import type { Shell } from '../shell.ts';

/** Policies and checkpoints are a few lines; anything longer is another file. */
const TEXT_BYTES_MAX = 1_048_576;
const DRAW_EVERY_MS = 200;
const SCHEMA_VERSION = 1;
const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;
const TIME = /^([1-9]\d{0,5})([smhd])$/;

/** Needs neither a database nor an environment, unless asked to compare with them: whoever has the files can run it. */
export async function verify(shell: Shell, options: VerifyOptions): Promise<number> {
  const source = sourceOf(options);
  if (options.database === true && options.sample !== undefined) {
    throw new RetentionError(
      'USAGE',
      'A sample says nothing of the entries that were not chosen, and cannot judge the databases: leave out --sample or --database.',
    );
  }
  const policy = parsePolicy(fileNamed('--policy', options.policy));
  const since = options.since === undefined ? undefined : fileNamed('--since', options.since);
  const maxAgeSeconds = options.maxAge === undefined ? undefined : secondsOf(options.maxAge);
  const sample = options.sample === undefined ? undefined : wholeNumber('--sample', options.sample);
  const kept = keptCheckpoints(stateFolder(shell.terminal.environment));
  const now = Math.floor(Date.now() / 1_000);
  const compared: string[] = [];
  const older = async (origin: string): Promise<OlderCheckpoint[]> => {
    const all = olderOf(since, readKept(shell, kept, origin), options);
    compared.push(...all.map(({ label }) => label));
    return all;
  };
  const bar = progressBar(shell);
  const report = await verifyLog(source, policy, {
    ...{ now, older, onProgress: bar.show },
    ...(options.origin !== undefined && { origin: options.origin }),
    ...(maxAgeSeconds !== undefined && { maxAgeSeconds }),
    ...(sample !== undefined && { sample }),
    onFinding: (finding) => {
      if (shell.json) shell.print(JSON.stringify({ finding }));
    },
  });
  bar.end();
  const path = options.save ? keep(shell, kept, report) : undefined;
  const round = { now, compared, kept: path, otherLogs: otherLogs(policy, report, options) };
  if (shell.json) {
    const summary = verifySummary(report, round);
    shell.print(JSON.stringify({ schemaVersion: SCHEMA_VERSION, ...summary }));
  } else {
    shell.print(...verifyLines(report, round, shell.paint));
  }
  if (options.database !== true) return report.exitCode;
  const database = await import('./log-verify-database.ts');
  if (report.verdict !== 'verified' || report.head === undefined) {
    database.printNotCompared(shell);
    return report.exitCode;
  }
  const { head, replays } = report;
  return (await database.compareWithDatabase(shell, { source, head, replays })) || report.exitCode;
}

/** Nobody can tell from the files which of them was meant. */
function otherLogs(policy: Policy, { head }: VerifyReport, { origin }: VerifyOptions): string[] {
  if (head === undefined || origin !== undefined) return [];
  const names = new Set(policy.logs.map(({ verifier }) => verifier.name));
  names.delete(head.origin);
  return [...names];
}

function sourceOf({ dir, url }: VerifyOptions): LogSource {
  if (dir !== undefined && url === undefined) return folderSource(dir);
  if (url !== undefined && dir === undefined) return urlSource(url);
  throw new RetentionError('USAGE', 'Say where the log is: either --dir FOLDER or --url ADDRESS.');
}

function fileNamed(option: string, file: string): Buffer {
  const bytes = readText(file);
  if (bytes === undefined || bytes.length > TEXT_BYTES_MAX) {
    throw new RetentionError('USAGE', `${option} names no file that can be read as one.`);
  }
  return bytes;
}

function readText(file: string): Buffer | undefined {
  try {
    return readUpTo(file, TEXT_BYTES_MAX + 1);
  } catch {
    return undefined;
  }
}

function secondsOf(text: string): number {
  const [, digits = '', unit = ''] = TIME.exec(text) ?? [];
  const seconds = Object.entries(SECONDS).find(([name]) => name === unit)?.[1];
  if (seconds !== undefined) return Number(digits) * seconds;
  throw new RetentionError('USAGE', '--max-age takes a number and s, m, h or d, such as 2h.');
}

function olderOf(
  since: Buffer | undefined,
  kept: Buffer | undefined,
  options: VerifyOptions,
): OlderCheckpoint[] {
  return [
    ...(since === undefined
      ? []
      : [{ label: `the checkpoint ${options.since ?? ''}`, note: since }]),
    ...(kept === undefined ? [] : [{ label: 'the checkpoint kept here', note: kept }]),
  ];
}

function readKept(shell: Shell, kept: KeptCheckpoints, origin: string): Buffer | undefined {
  try {
    return kept.read(origin);
  } catch {
    // A rollback would go unnoticed if this read as "none was kept".
    shell.note('The checkpoint kept here cannot be read.');
    return Buffer.alloc(0);
  }
}

/** Only what was verified whole: whatever is kept decides what counts as a rollback from now on. */
function keep(
  shell: Shell,
  kept: KeptCheckpoints,
  { verdict, head }: VerifyReport,
): string | undefined {
  if (verdict !== 'verified' || head === undefined) return undefined;
  try {
    return kept.keep(head.origin, head.note);
  } catch {
    shell.note(
      'The checkpoint could not be kept: the next verification trusts on first use again.',
    );
    return undefined;
  }
}

/** On a terminal one line that is drawn again and again, and taken away at the end. */
function progressBar({ json, terminal: { stderr } }: Shell): {
  readonly show: (entries: number, size: number) => void;
  readonly end: () => void;
} {
  const visible = !json && stderr.isTTY === true;
  const timer = stepTimer();
  let drawnAt = Number.NEGATIVE_INFINITY;
  let drawn = false;
  const clear = '\r\u001b[0K';
  return {
    show(entries, size) {
      const now = performance.now();
      const step = {
        title: 'entries',
        planned: size,
        destroyed: entries,
        finished: entries === size,
      };
      if (!visible || now - drawnAt < DRAW_EVERY_MS) return;
      // The timer must have seen the beginning to tell a pace.
      if (!drawn) timer([{ ...step, destroyed: 0, finished: false }], now);
      const [line = ''] = barLines([step], timer([step], now), now);
      stderr.write(`${clear}${line}`);
      [drawnAt, drawn] = [now, true];
    },
    end() {
      if (drawn) stderr.write(clear);
    },
  };
}
