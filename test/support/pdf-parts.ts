/** What stands in a PDF that pdfkit wrote with standard fonts, read without any PDF library. */
import { inflateSync } from 'node:zlib';

export interface PdfParts {
  /** The file as Latin-1: dictionaries are readable in it. */
  readonly raw: string;
  /** The drawing operators of each page, in order. */
  readonly pages: readonly string[];
  /** The words of each page, one blank between lines. */
  readonly texts: readonly string[];
  /** The words of all pages. */
  readonly text: string;
  /** The bytes of embedded files, by media type. */
  readonly embedded: ReadonlyMap<string, Buffer>;
}

const STREAM = /\n(<<[\s\S]*?>>)\nstream\n/g;
const SHOWN = /\[((?:<[0-9a-f]*> ?-?[\d.]* ?)+)\] TJ/g;

export function pdfParts(pdf: Buffer): PdfParts {
  const raw = pdf.toString('latin1');
  const pages: string[] = [];
  const embedded = new Map<string, Buffer>();
  for (const match of raw.matchAll(STREAM)) {
    const dictionary = match[1] ?? '';
    const from = match.index + match[0].length;
    const length = Number(/\/Length (\d+)/.exec(dictionary)?.[1]);
    const stream = pdf.subarray(from, from + length);
    const bytes = dictionary.includes('/FlateDecode') ? inflateSync(stream) : stream;
    const type = /\/Type \/EmbeddedFile[\s\S]*?\/Subtype \/(\S+)/.exec(dictionary)?.[1];
    if (type !== undefined) embedded.set(unescapeName(type), bytes);
    else if (!dictionary.includes('/Subtype')) pages.push(bytes.toString('latin1'));
  }
  const texts = pages.map((page) => [...page.matchAll(SHOWN)].map(shownText).join(' '));
  return { raw, pages, texts, text: texts.join(' '), embedded };
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

/** Kerning splits words: pieces of one array belong together. */
function shownText(match: RegExpMatchArray): string {
  const pieces = (match[1] ?? '').matchAll(/<([0-9a-f]*)>/g);
  return [...pieces].map(([, hex = '']) => windows1252(Buffer.from(hex, 'hex'))).join('');
}

function windows1252(bytes: Buffer): string {
  return new TextDecoder('windows-1252').decode(bytes);
}

function unescapeName(name: string): string {
  return name.replace(/#([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
