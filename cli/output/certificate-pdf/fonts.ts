/** The fonts of the PDF, and what becomes of text that they cannot write. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { characterMap } from './character-map.ts';

const require = createRequire(import.meta.url);

/** What is used of them is embedded, so that a reader needs none of its own. */
const FILES = {
  plain: require.resolve('dejavu-fonts-ttf/ttf/DejaVuSansCondensed.ttf'),
  bold: require.resolve('dejavu-fonts-ttf/ttf/DejaVuSansCondensed-Bold.ttf'),
  title: require.resolve('dejavu-fonts-ttf/ttf/DejaVuSerif.ttf'),
  mono: require.resolve('dejavu-fonts-ttf/ttf/DejaVuSansMono.ttf'),
} as const;

export type FontName = keyof typeof FILES;
export const FONT_NAMES = ['plain', 'bold', 'title', 'mono'] as const satisfies readonly FontName[];

export interface Font {
  readonly bytes: Buffer;
  /** Whether it has a glyph for this code point. */
  readonly has: (codePoint: number) => boolean;
}

const fonts = new Map<FontName, Font>();

/** Scripts that run from left to right, letter after letter. A mark that stands on another letter is none. */
const PLAIN_LETTER =
  /(?=[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{Script=Common}])[^\p{M}\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u0590-\u08ff\\]/u;

/** Each file is read once. */
export function font(name: FontName): Font {
  const known = fonts.get(name);
  if (known !== undefined) return known;
  const bytes = readFileSync(FILES[name]);
  const read = { bytes, has: characterMap(bytes) };
  fonts.set(name, read);
  return read;
}

/**
 * The text as this font can write it, without loss: letters, digits and signs of Latin, Greek and Cyrillic stay
 * as they are. Every other character, and the backslash, becomes `\u{5d0}`, its code point in hexadecimal;
 * written as they are, such characters would come out in another order or shape, or not at all. Nothing is
 * transliterated, because a name is evidence.
 */
export function printable(text: string, name: FontName): string {
  const { has } = font(name);
  return Array.from(text, (character) => {
    const codePoint = character.codePointAt(0) ?? 0;
    const isPrinted = character === ' ' || (PLAIN_LETTER.test(character) && has(codePoint));
    return isPrinted ? character : `\\u{${codePoint.toString(16)}}`;
  }).join('');
}
