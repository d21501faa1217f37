/** The project's Markdown as data: files, links, headings and the commands that it names. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ELSEWHERE = new Set(['node_modules', '.git', '.retain', 'dist', 'coverage']);

/** Path from the root, and text, of every Markdown file. */
export interface Page {
  readonly path: string;
  readonly text: string;
}

export function pages(folder: string = ROOT): Page[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry): Page[] => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return ELSEWHERE.has(entry.name) ? [] : pages(path);
    if (!entry.name.endsWith('.md')) return [];
    return [{ path: relative(ROOT, path), text: readFileSync(path, 'utf8') }];
  });
}

/** Links of a page that lead nowhere within the project: no such file, or no such heading in it. */
export function brokenLinks({ path, text }: Page): string[] {
  const links = [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '');
  return links.filter((link) => !/^(https?|mailto):/.test(link) && !leadsSomewhere(path, link));
}

function leadsSomewhere(from: string, link: string): boolean {
  const [file = '', anchor] = link.split('#');
  const target = file === '' ? join(ROOT, from) : resolve(ROOT, dirname(from), file);
  if (relative(ROOT, target).startsWith('..') || !existsSync(target)) return false;
  if (anchor === undefined) return true;
  return statSync(target).isFile() && anchors(readFileSync(target, 'utf8')).includes(anchor);
}

/** Anchors of the headings, as GitHub makes them. */
function anchors(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map((match) =>
    (match[1] ?? '')
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function withoutCode(text: string): string {
  return text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '');
}

/** Lines of code blocks (continuations joined, comments dropped) and code spans. */
function codeLines(text: string): string[] {
  const blocks = [...text.matchAll(/^ *```.*\n([\s\S]*?)^ *```/gm)].map((match) => match[1] ?? '');
  const spans = [...text.replace(/^ *```[\s\S]*?^ *```/gm, '').matchAll(/`([^`\n]+)`/g)];
  return [
    ...blocks.flatMap((block) => block.replaceAll(/\\\n\s*/g, ' ').split('\n')),
    ...spans.map((match) => match[1] ?? ''),
  ].map((line) => line.replace(/\s#.*$/, '').trim());
}

/** `npm run X`, `npm test` and `npm start` that are no scripts of package.json. */
export function unknownScripts(text: string, scripts: Readonly<Record<string, string>>): string[] {
  const named = [...text.matchAll(/\bnpm (?:run ([a-z][a-z:]*)|(test|start)\b)/g)];
  return named.map((match) => match[1] ?? match[2] ?? '').filter((name) => !(name in scripts));
}

/** Commands of `retain` that the tree does not know, or options that a command does not take. */
export function unknownCommands(text: string, program: Command): string[] {
  const calls = codeLines(text).flatMap((line) => {
    const match = /^(?:npx )?retain ([a-z].*)$/.exec(line);
    return match?.[1] === undefined ? [] : [match[1]];
  });
  return calls.filter((call) => !isKnown(call, program));
}

function isKnown(call: string, program: Command): boolean {
  const words = call.replaceAll(/"[^"]*"/g, 'TEXT').split(/\s+/);
  let command = program;
  for (const word of words) {
    const next = command.commands.find((child) => child.name() === word);
    if (next === undefined) break;
    command = next;
  }
  const takesWords = command.commands.length === 0 || words.length === depth(command);
  const startsRight = command !== program && (takesWords || words[depth(command)]?.startsWith('-'));
  const options = words.filter((word) => word.startsWith('--')).map((word) => word.split('=')[0]);
  return (
    startsRight === true &&
    options.every((option) => command.options.some(({ long }) => long === option))
  );
}

function depth(command: Command): number {
  return command.parent === null ? 0 : 1 + depth(command.parent);
}
