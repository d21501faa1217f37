/** Where a command gets its schedule from: a file, or the one in force. */
import { readFile } from 'node:fs/promises';
import { formatFinding, type ScheduleFinding } from '../config/schedule-finding.ts';
import { RetentionError } from '../domain/errors.ts';
import type { RetentionSchedule } from '../domain/schedule.ts';
import { counted } from './output/words.ts';
import type { Shell } from './shell.ts';

/** The text of a schedule file; `USAGE` when it cannot be read. */
export async function scheduleText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const missing = (error as { code?: unknown }).code === 'ENOENT';
    throw new RetentionError(
      'USAGE',
      missing ? `There is no file ${file}.` : `The file ${file} cannot be read.`,
    );
  }
}

/** The schedule in a file, without its databases; findings are printed and refuse it. */
export async function scheduleFromFile(shell: Shell, file: string): Promise<RetentionSchedule> {
  const { parseSchedule } = await import('../config/schedule-file.ts');
  const { findings, schedule } = parseSchedule(await scheduleText(file), file);
  if (schedule) return schedule;
  shell.note(...findingLines(shell, file, findings));
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  throw new RetentionError('SCHEDULE_INVALID', `${file} has ${counted(errors, 'error')}.`, {
    errors,
  });
}

/** One line per finding, aligned: place, severity, code, what is wrong. */
export function findingLines(
  { paint }: Pick<Shell, 'paint'>,
  file: string,
  findings: readonly ScheduleFinding[],
): string[] {
  const places = findings.map(({ line, col }) => `${file}:${line}:${col}`);
  const width = Math.max(0, ...places.map((place) => place.length));
  return findings.map((finding, index) => {
    const place = places[index] ?? '';
    const colour = finding.severity === 'error' ? paint.red : paint.yellow;
    const rest = formatFinding(file, finding).slice(place.length);
    return place.padEnd(width) + rest.replace(finding.severity, (word) => colour(word));
  });
}
