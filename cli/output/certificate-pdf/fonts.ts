/** The fonts of the PDF, and what becomes of text that they cannot write. */

/** Every reader of PDF has these, so nothing is embedded. They know the characters of Windows-1252. */
export const FONTS = {
  plain: 'Helvetica',
  bold: 'Helvetica-Bold',
  title: 'Times-Roman',
  mono: 'Courier',
} as const;

export type FontName = keyof typeof FONTS;

const BEYOND_LATIN_1 = '€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ';
const LATIN_1 = /[\u0020-\u005b\u005d-\u007e\u00a1-\u00ac\u00ae-\u00ff]/;

/**
 * The text as the fonts can write it, without loss: every other character, and the backslash, becomes
 * `\u{142}`, its code point in hexadecimal. Written as they are, such characters would come out as others
 * or not at all; nothing is transliterated, because a name is evidence.
 */
export function printable(text: string): string {
  return Array.from(text, (character) =>
    LATIN_1.test(character) || BEYOND_LATIN_1.includes(character)
      ? character
      : `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  ).join('');
}
