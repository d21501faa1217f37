/** Finds the place in the text that a path of keys belongs to. */

import {
  type Document,
  isMap,
  isScalar,
  isSeq,
  type LineCounter,
  type Node,
  type Pair,
} from 'yaml';
import type { SchedulePath } from './schedule-finding.ts';

export interface Place {
  readonly line: number;
  readonly col: number;
}

/**
 * Answers with the place of a path: its value, or the key in front of it (`'key'`, and always when
 * the value is blank). A path that is not in the file is answered with the key of the deepest
 * mapping that is, the top of the file at last.
 */
export type Locate = (path: SchedulePath, at?: 'value' | 'key') => Place;

export function makeLocate(document: Document, lines: LineCounter): Locate {
  const place = (offset: number | undefined): Place => lines.linePos(offset ?? 0);
  return (path, at = 'value') => {
    let node: unknown = document.contents;
    let keyOffset = startOf(node);
    for (const segment of path) {
      const step = childOf(node, segment);
      if (step === undefined) return place(keyOffset);
      keyOffset = step.keyOffset ?? keyOffset;
      node = step.value;
    }
    return place(at === 'key' || isBlank(node) ? keyOffset : (startOf(node) ?? keyOffset));
  };
}

function childOf(
  node: unknown,
  segment: string | number,
): { keyOffset: number | undefined; value: unknown } | undefined {
  if (isMap(node)) {
    const pair = node.items.find((item) => keyText(item) === String(segment));
    return pair === undefined ? undefined : { keyOffset: startOf(pair.key), value: pair.value };
  }
  if (isSeq(node) && typeof segment === 'number' && segment < node.items.length) {
    const value = node.items[segment];
    return { keyOffset: startOf(value), value };
  }
  return undefined;
}

function keyText(pair: Pair): string | undefined {
  return isScalar(pair.key) ? String(pair.key.value) : undefined;
}

function isBlank(node: unknown): boolean {
  return node === null || (isScalar(node) && node.value === null && node.source === '');
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
