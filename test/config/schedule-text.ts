import {
  type Document,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type YAMLMap,
} from 'yaml';

export type Path = (string | number)[];

export interface Key {
  readonly path: Path;
  readonly line: number;
}

/** Every key of every mapping in the text, in order, with its line; doubled ones twice. */
export function keysOf(text: string): Key[] {
  const { document, lineAt } = read(text);
  const walk = (node: unknown, path: Path): Key[] => {
    if (isSeq(node)) return node.items.flatMap((item, index) => walk(item, [...path, index]));
    if (!isMap(node)) return [];
    return node.items.flatMap((pair) => {
      const inner = [...path, isScalar(pair.key) ? String(pair.key.value) : '?'];
      return [{ path: inner, line: lineAt(pair.key) }, ...walk(pair.value, inner)];
    });
  };
  return walk(document.contents, []);
}

/** The line of a key, of a list item, or of the first key of the file for the empty path. */
export function lineOf(text: string, path: Path): number {
  const { document, lineAt } = read(text);
  const found = keysOf(text).find((key) => samePath(key.path, path));
  return found?.line ?? lineAt(path.length === 0 ? document.contents : document.getIn(path, true));
}

/** Lines on which a word stands. */
export function linesWith(text: string, word: string): number[] {
  const pattern = new RegExp(`(?<![\\w.])${word}(?!\\w)`);
  return text.split('\n').flatMap((line, index) => (pattern.test(line) ? [index + 1] : []));
}

/** The text with the mapping that holds `path` changed at the position of its last key. */
export function edited(
  text: string,
  path: Path,
  change: (map: YAMLMap, index: number, document: Document) => void,
): string {
  const document = parseDocument(text);
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1));
  if (!isMap(parent)) throw new Error(`no mapping holds ${path.join('.')}`);
  const index = parent.items.findIndex(
    (pair) => isScalar(pair.key) && pair.key.value === path.at(-1),
  );
  change(parent, index, document);
  return document.toString({ lineWidth: 0 });
}

export function samePath(a: Path, b: Path): boolean {
  return a.length === b.length && a.every((part, index) => part === b[index]);
}

/** True when the path fits one of the patterns, in which `*` stands for any one key. */
export function fits(path: Path, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => {
    const parts = pattern.split('.');
    const fit = (part: string, index: number) => part === '*' || part === String(path[index]);
    return parts.length === path.length && parts.every(fit);
  });
}

function read(text: string): { document: Document; lineAt: (node: unknown) => number } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: false });
  const lineAt = (node: unknown) => lines.linePos((isNode(node) ? node.range?.[0] : 0) ?? 0).line;
  return { document, lineAt };
}
