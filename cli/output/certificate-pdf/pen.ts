/** Text and structure at a place on the page: the ground that blocks are made of. */
import { type FontName, printable } from './fonts.ts';

export interface Pen {
  readonly doc: PDFKit.PDFDocument;
  readonly root: Element;
  /** Where the next block belongs in the structure. */
  section: Element;
  /** Some text had characters that the fonts lack. */
  escaped: boolean;
}

export type Element = PDFKit.PDFStructureElement;

interface Style {
  readonly font: FontName;
  /** Points. */
  readonly size: number;
  readonly colour: string;
}

export interface Place {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly align?: 'left' | 'right' | undefined;
}

/** `scope` says whose heading a cell of a table is. */
type ElementOptions = PDFKit.Mixins.StructureElementOptions & { readonly scope?: 'Row' | 'Column' };

export const INK = '#1c1c1c';
const SOFT = '#5c5c5c';
const HAIRLINE = '#c8c8c8';

const STYLES = {
  kicker: { font: 'bold', size: 10, colour: SOFT },
  title: { font: 'title', size: 28, colour: INK },
  lead: { font: 'plain', size: 11, colour: INK },
  heading: { font: 'bold', size: 11, colour: INK },
  body: { font: 'plain', size: 9, colour: INK },
  strong: { font: 'bold', size: 9, colour: INK },
  label: { font: 'plain', size: 9, colour: SOFT },
  digest: { font: 'mono', size: 7.6, colour: INK },
  note: { font: 'plain', size: 8, colour: SOFT },
} as const satisfies Record<string, Style>;

export type StyleName = keyof typeof STYLES;

/** Points between lines of one text. */
const LINE_GAP = 2;

/** An element of the structure below `parent`, with what `draw` writes as its content. */
export function tag(
  { doc }: Pen,
  parent: Element,
  type: string,
  draw?: () => void,
  options: ElementOptions = {},
): Element {
  const element = doc.struct(type, options);
  parent.add(element);
  if (draw) element.add(draw).end();
  return element;
}

/** Lines, page numbers and the like, which nobody needs to have read out. */
export function decoration(
  { doc }: Pen,
  draw: () => void,
  type: 'Layout' | 'Pagination' = 'Layout',
): void {
  doc.markContent('Artifact', { type });
  draw();
  doc.endMarkedContent();
}

export function hairline(pen: Pen, y: number): void {
  const { doc } = pen;
  const { left, right } = doc.page.margins;
  decoration(pen, () => {
    doc
      .moveTo(left, y)
      .lineTo(doc.page.width - right, y)
      .lineWidth(0.6)
      .stroke(HAIRLINE);
  });
}

export function write(pen: Pen, style: StyleName, text: string, place: Place): void {
  const { doc } = pen;
  const { font, size, colour } = STYLES[style];
  const written = printable(text, font);
  pen.escaped ||= written !== text;
  const { x, y, ...options } = place;
  doc.font(font).fontSize(size).fillColor(colour);
  doc.text(written, x, y, { ...options, lineGap: LINE_GAP });
}

/** Points that the text will take. */
export function heightOf({ doc }: Pen, style: StyleName, text: string, width: number): number {
  const { font, size } = STYLES[style];
  doc.font(font).fontSize(size);
  return doc.heightOfString(printable(text, font), { width, lineGap: LINE_GAP });
}

/** Goes to the next page unless so many points are left on this one. */
export function need({ doc }: Pen, height: number): void {
  if (doc.y + height > doc.page.height - doc.page.margins.bottom) doc.addPage();
}

/** Between the margins. */
export function lineWidth({ doc }: Pen): number {
  return doc.page.width - doc.page.margins.left - doc.page.margins.right;
}
