/**
 * Reads a schedule file. Five layers, every problem of the first four at once: syntax, shape,
 * meaning, reality (the live database: whoever connects to it adds its findings with `locate`), and
 * the tests in the file.
 */

import { createHash } from 'node:crypto';
import type { RetentionSchedule } from '../domain/schedule.ts';
import { buildSchedule } from './schedule-build.ts';
import {
  formatFinding,
  type Problem,
  type ScheduleFinding,
  type SchedulePath,
} from './schedule-finding.ts';
import { problemsOf } from './schedule-issues.ts';
import { type Locate, makeLocate } from './schedule-locate.ts';
import { meaningProblems } from './schedule-meaning.ts';
import { readable } from './schedule-readable.ts';
import { scheduleShape } from './schedule-shape.ts';
import { readSyntax } from './schedule-syntax.ts';
import { testProblems } from './schedule-tests.ts';

export { formatFinding, type Locate, type ScheduleFinding };

export interface ParsedSchedule {
  /** Present exactly when no finding is an error. */
  readonly schedule?: RetentionSchedule;
  /** Errors and warnings in the order of the text. */
  readonly findings: readonly ScheduleFinding[];
  readonly locate: Locate;
}

/**
 * Parses and checks the text of a schedule file, all problems at once. Never throws for what the
 * text says. Values of `connection` are never repeated in a message.
 */
export function parseSchedule(text: string, fileName: string): ParsedSchedule {
  const { document, lines, findings } = readSyntax(text);
  if (document === undefined || findings.length > 0) {
    return { findings: inOrder(findings), locate: () => ({ line: 1, col: 1 }) };
  }
  const locate = makeLocate(document, lines);
  const placeOf = (path: SchedulePath) => {
    const { line, col } = locate(path, 'key');
    return `${fileName}:${line}:${col}`;
  };
  const value: unknown = document.toJS();
  const shape = scheduleShape.safeParse(value);
  const problems = shape.success ? [] : problemsOf(shape.error.issues, value);
  problems.push(...meaningProblems(readable(value), placeOf));
  if (shape.success && !problems.some(isError)) {
    const schedule = buildSchedule(shape.data);
    problems.push(...testProblems(schedule));
    const placedProblems = inOrder(problems.map((one) => placed(one, locate)));
    if (!problems.some(isError)) return { schedule, findings: placedProblems, locate };
    return { findings: placedProblems, locate };
  }
  return { findings: inOrder(problems.map((one) => placed(one, locate))), locate };
}

/** SHA-256 of the text, hexadecimal: the identity of a schedule version. */
export function scheduleSha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}

function placed(problem: Problem, locate: Locate): ScheduleFinding {
  const { path, at, severity, code, message } = problem;
  // The message names the unknown key; the path names the mapping that does not know it.
  const shown = code === 'KEY_UNKNOWN' ? path.slice(0, -1) : path;
  return { ...locate(path, at), severity, code, path: shown.join('.'), message };
}

function isError(problem: Problem): boolean {
  return problem.severity === 'error';
}

function inOrder(findings: readonly ScheduleFinding[]): ScheduleFinding[] {
  return [...findings].sort((a, b) => a.line - b.line || a.col - b.col);
}
