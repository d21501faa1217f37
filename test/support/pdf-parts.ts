/** What stands in a PDF that pdfkit wrote with embedded fonts, read without any PDF library. */
import { inflateSync } from 'node:zlib';

export interface PdfParts {
  /** The file as Latin-1: dictionaries are readable in it. */
  readonly raw: string;
  /** The drawing operators of each page, in order. */
  readonly pages: readonly string[];
  /** The words of each page as a reader copies them out, one blank between lines. */
  readonly texts: readonly string[];
  /** The words of all pages. */
  readonly text: string;
  /** The bytes of embedded files, by media type. */
  readonly embedded: ReadonlyMap<string, Buffer>;
  /** PostScript names of the fonts whose glyphs are in the file. */
  readonly fonts: readonly string[];
}

interface PdfObject {
  readonly dictionary: string;
  /** Of its stream, inflated; empty without one. */
  readonly bytes: Buffer;
}

type Objects = ReadonlyMap<string, PdfObject>;
/** By the code of a glyph, four hexadecimal digits. */
type Glyphs = ReadonlyMap<string, string>;

const OBJECT = /\n(\d+) 0 obj\n/g;
const OPERATORS = /\/(F\d+) [\d.]+ Tf|\[((?:<[0-9a-f]*> ?-?[\d.]* ?)+)\] TJ/g;

export function pdfParts(pdf: Buffer): PdfParts {
  const raw = pdf.toString('latin1');
  const objects = objectsOf(pdf, raw);
  const all = [...objects.values()];
  const glyphs = glyphsByFont(objects);
  const pages = all
    .filter(({ dictionary }) => /\/Type \/Page\n/.test(dictionary))
    .map(({ dictionary }) => referred(objects, dictionary, 'Contents').bytes.toString('latin1'));
  const embedded = all.flatMap(({ dictionary, bytes }) => {
    const type = /\/Type \/EmbeddedFile[\s\S]*?\/Subtype \/(\S+)/.exec(dictionary)?.[1];
    return type === undefined ? [] : [[unescapeName(type), bytes] as const];
  });
  const fonts = all.flatMap(({ dictionary }) =>
    dictionary.includes('/FontFile2 ')
      ? (/\/FontName \/\w+\+(\S+)/.exec(dictionary)?.[1] ?? [])
      : [],
  );
  const texts = pages.map((page) => textOf(page, glyphs));
  return { raw, pages, texts, text: texts.join(' '), embedded: new Map(embedded), fonts };
}

/** Whether every operator that paints stands in content that is tagged or marked as decoration. */
export function isAllMarked(page: string): boolean {
  let depth = 0;
  return page.split('\n').every((line) => {
    if (/B[DM]C$/.test(line)) depth += 1;
    if (line === 'EMC') depth -= 1;
    return depth > 0 || !/(?:TJ|\b[SfFB]\*?)$/.test(line);
  });
}

function objectsOf(pdf: Buffer, raw: string): Objects {
  const objects = new Map<string, PdfObject>();
  const search = new RegExp(OBJECT);
  for (let found = search.exec(raw); found !== null; found = search.exec(raw)) {
    const rest = /\nendobj|\nstream\n/g;
    rest.lastIndex = search.lastIndex;
    const end = rest.exec(raw);
    const dictionary = raw.slice(search.lastIndex, end?.index);
    const isStream = end?.[0] === '\nstream\n';
    const length = isStream ? Number(/\/Length (\d+)/.exec(dictionary)?.[1]) : 0;
    const stream = pdf.subarray(rest.lastIndex, rest.lastIndex + length);
    const bytes = dictionary.includes('/FlateDecode') ? inflateSync(stream) : stream;
    objects.set(found[1] ?? '', { dictionary, bytes });
    search.lastIndex = rest.lastIndex + length;
  }
  return objects;
}

function referred(objects: Objects, dictionary: string, name: string): PdfObject {
  const number = new RegExp(`/${name} (\\d+) 0 R`).exec(dictionary)?.[1] ?? '';
  return objects.get(number) ?? { dictionary: '', bytes: Buffer.alloc(0) };
}

/** By the name of the font in the content of pages, which is the same in all of them. */
function glyphsByFont(objects: Objects): ReadonlyMap<string, Glyphs> {
  const fonts = [...objects.values()].flatMap(({ dictionary }) => [
    ...dictionary.matchAll(/\/(F\d+) (\d+) 0 R/g),
  ]);
  return new Map(
    fonts.map(([, name = '', number = '']) => {
      const { bytes } = referred(objects, objects.get(number)?.dictionary ?? '', 'ToUnicode');
      return [name, toUnicode(bytes.toString('latin1'))];
    }),
  );
}

/** A CMap as pdfkit writes it: ranges of codes, each with the text of every code in UTF-16. */
function toUnicode(cmap: string): Glyphs {
  const glyphs = new Map<string, string>();
  for (const [, first = '', list = ''] of cmap.matchAll(/<(\w{4})> <\w{4}> \[(.*?)\]/g)) {
    for (const [i, [, units = '']] of [...list.matchAll(/<([\w ]*)>/g)].entries()) {
      const code = (Number.parseInt(first, 16) + i).toString(16).padStart(4, '0');
      const text = units.split(' ').map((unit) => String.fromCharCode(Number.parseInt(unit, 16)));
      glyphs.set(code, text.join(''));
    }
  }
  return glyphs;
}

/** Kerning splits words: pieces of one array belong together. */
function textOf(page: string, fonts: ReadonlyMap<string, Glyphs>): string {
  let glyphs: Glyphs = new Map();
  const lines: string[] = [];
  for (const [, font, shown] of page.matchAll(OPERATORS)) {
    if (font !== undefined) glyphs = fonts.get(font) ?? new Map();
    if (shown === undefined) continue;
    const codes = [...shown.matchAll(/<([0-9a-f]*)>/g)].flatMap(
      ([, hex = '']) => hex.match(/.{4}/g) ?? [],
    );
    lines.push(codes.map((code) => glyphs.get(code) ?? '').join(''));
  }
  // A line that was broken ends with its blank.
  return lines.join(' ').replace(/ +/g, ' ');
}

function unescapeName(name: string): string {
  return name.replace(/#([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
