/** Which characters a font file has glyphs for (OpenType 1.9, `cmap`). */
import { invariant } from '../../../domain/errors.ts';

const TABLES_AT = 12;
const TABLE_RECORD_BYTES = 16;
const ENCODINGS_AT = 4;
const ENCODING_BYTES = 8;
const WINDOWS = 3;
const ALL_OF_UNICODE = 10;
const SEGMENTED_COVERAGE = 12;
const GROUPS_AT = 16;
const GROUP_BYTES = 12;

/**
 * Answers for a code point whether the font has a glyph of its own for it. Throws `INVARIANT_BROKEN` for a
 * font without a table of format 12: the fonts are chosen here, and each has one.
 */
export function characterMap(font: Buffer): (codePoint: number) => boolean {
  const cmap = tableAt(font, 'cmap');
  const table = encodingAt(font, cmap);
  invariant(font.readUInt16BE(table) === SEGMENTED_COVERAGE, 'The font has no cmap of format 12.');
  const groups = Array.from({ length: font.readUInt32BE(table + 12) }, (_, i) => {
    const at = table + GROUPS_AT + i * GROUP_BYTES;
    return { first: font.readUInt32BE(at), last: font.readUInt32BE(at + 4) };
  });
  return (codePoint) => groups.some(({ first, last }) => first <= codePoint && codePoint <= last);
}

function tableAt(font: Buffer, tag: string): number {
  for (let i = 0; i < font.readUInt16BE(4); i += 1) {
    const at = TABLES_AT + i * TABLE_RECORD_BYTES;
    if (font.toString('latin1', at, at + 4) === tag) return font.readUInt32BE(at + 8);
  }
  invariant(false, `The font has no table ${tag}.`);
}

function encodingAt(font: Buffer, cmap: number): number {
  for (let i = 0; i < font.readUInt16BE(cmap + 2); i += 1) {
    const at = cmap + ENCODINGS_AT + i * ENCODING_BYTES;
    const isWhole =
      font.readUInt16BE(at) === WINDOWS && font.readUInt16BE(at + 2) === ALL_OF_UNICODE;
    if (isWhole) return cmap + font.readUInt32BE(at + 4);
  }
  invariant(false, 'The font has no cmap for all of Unicode.');
}
