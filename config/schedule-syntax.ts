/**
 * Layer 1: from text to a YAML document in which everything is what it looks like. Anchors, merge
 * keys, tags and directives are refused: a reader of the file must see each value where it acts.
 */

import { type Document, LineCounter, parseDocument, visit } from 'yaml';
import type { ScheduleFinding, ScheduleFindingCode } from './schedule-finding.ts';

const LARGEST_CHARACTERS = 1024 * 1024;

export interface SyntaxResult {
  readonly document?: Document;
  readonly lines: LineCounter;
  readonly findings: readonly ScheduleFinding[];
}

/** Reads the text; `document` is absent when the text is not fit to be looked into at all. */
export function readSyntax(text: string): SyntaxResult {
  const lines = new LineCounter();
  const unfit = unfitText(text);
  if (unfit !== undefined) return { lines, findings: [unfit] };
  const document = parseDocument(text, {
    lineCounter: lines,
    version: '1.2',
    schema: 'core',
    merge: false,
    stringKeys: true,
    uniqueKeys: true,
    strict: true,
    prettyErrors: false,
    // Not 'silent': the parser then also forgets that a second document is an error.
    logLevel: 'error',
  });
  const at = (offset: number, code: ScheduleFindingCode, message: string): ScheduleFinding => ({
    ...lines.linePos(offset),
    severity: 'error',
    code,
    path: '',
    message,
  });
  const findings = document.errors.map((error) => at(error.pos[0], ...explain(error)));
  findings.push(...refusedFeatures(document).map(([offset, what]) => at(offset, ...what)));
  if (findings.length === 0 && document.contents === null) {
    findings.push(whole('FILE_EMPTY', 'The file holds no schedule.'));
  }
  return { document, lines, findings };
}

type Explanation = [ScheduleFindingCode, string];

function explain(error: { code: string; message: string }): Explanation {
  if (error.code === 'DUPLICATE_KEY') {
    return ['KEY_DOUBLED', 'This key stands twice in the same mapping. Keep one.'];
  }
  if (error.code === 'MULTIPLE_DOCS') {
    return ['YAML_FEATURE_REFUSED', 'A second document begins here. A file holds one schedule.'];
  }
  return ['YAML_MALFORMED', `${error.message}.`];
}

function refusedFeatures(document: Document): [number, Explanation][] {
  const found: [number, Explanation][] = [];
  const refuse = (offset: number | undefined, what: string) =>
    found.push([offset ?? 0, ['YAML_FEATURE_REFUSED', `${what} Write the value out.`]]);
  if (document.directives?.yaml.explicit === true)
    refuse(0, 'A %YAML directive changes how values read.');
  visit(document, {
    Alias: (_key, node) =>
      void refuse(node.range?.[0], 'An alias (*) hides what is written elsewhere.'),
    Value: (_key, node) => {
      if (node.anchor !== undefined) refuse(node.range?.[0], 'An anchor (&) has no place here.');
      if (node.tag !== undefined) refuse(node.range?.[0], 'A tag (!) changes how a value reads.');
    },
    Pair: (_key, pair) => {
      const key = pair.key as { value?: unknown; range?: [number, number, number] } | null;
      if (key?.value === '<<') refuse(key.range?.[0], 'A merge key (<<) hides what it brings.');
      if (key?.value === '__proto__') {
        found.push([key.range?.[0] ?? 0, ['KEY_UNKNOWN', 'unknown key "__proto__".']]);
      }
    },
  });
  return found;
}

function unfitText(text: string): ScheduleFinding | undefined {
  if (text.length > LARGEST_CHARACTERS) {
    return whole('FILE_TOO_LARGE', 'The file is larger than 1 MiB. A schedule is a few pages.');
  }
  const foreign = /(?![\t\n\r])[\p{Cc}\uFFFD]/u.exec(text);
  if (foreign !== null) {
    const before = text.slice(0, foreign.index).split('\n');
    const place = { line: before.length, col: (before.at(-1)?.length ?? 0) + 1 };
    return {
      ...whole('FILE_NOT_UTF8', 'This is not UTF-8 text. Save the file as UTF-8.'),
      ...place,
    };
  }
  if (text.trim() === '') return whole('FILE_EMPTY', 'The file holds no schedule.');
  return isTooDeep(text)
    ? whole('FILE_TOO_DEEP', 'The file nests deeper than any schedule does.')
    : undefined;
}

/**
 * True when brackets, indentation or chained list marks promise more than 50 levels. Asked before
 * the parser sees the text: some thousand levels exhaust the memory of the process, uncatchably.
 */
function isTooDeep(text: string): boolean {
  let depth = 0;
  for (const character of text) {
    if (character === '[' || character === '{') depth += 1;
    else if (character === ']' || character === '}') depth = Math.max(0, depth - 1);
    if (depth > 50) return true;
  }
  return /^ {200}|^\s*(?:[-?:][ \t]+){20}/m.test(text);
}

function whole(code: ScheduleFindingCode, message: string): ScheduleFinding {
  return { line: 1, col: 1, severity: 'error', code, path: '', message };
}
