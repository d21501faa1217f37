/** What a certificate is written with: headings, rows, tables, lists, a figure. */
import {
  decoration,
  hairline,
  heightOf,
  INK,
  lineWidth,
  need,
  type Pen,
  type StyleName,
  tag,
  write,
} from './pen.ts';

export type Row = readonly [string, string];

export interface Column {
  readonly title: string;
  /** Points. */
  readonly width: number;
  readonly align?: 'left' | 'right';
}

export interface Figure {
  /** Points. */
  readonly side: number;
  /** What it shows, in words. */
  readonly alt: string;
  /** Squares in units of the drawing, which is `units` wide and high. */
  readonly units: number;
  readonly squares: readonly { readonly x: number; readonly y: number; readonly width: number }[];
  readonly beside: readonly (readonly [StyleName, string])[];
}

const LABEL_WIDTH = 108;
const ROW_GAP = 4.6;
const CELL_GAP = 8;
const BULLET_WIDTH = 12;
const FIGURE_GAP = 20;
const FIGURE_ABOVE = 6;
/** Hashes, ids and roots: read character by character. */
const DIGEST =
  /^(?:sha256:[0-9a-f]{64}|[A-Za-z0-9+/]{43}=|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/** One text over the whole width, and `after` points below it. */
export function block(pen: Pen, type: string, style: StyleName, text: string, after: number): void {
  const { doc } = pen;
  const width = lineWidth(pen);
  need(pen, heightOf(pen, style, text, width));
  tag(pen, pen.section, type, () =>
    write(pen, style, text, { x: doc.page.margins.left, y: doc.y, width }),
  );
  doc.y += after;
}

/** The line above the title, and a hairline under it. */
export function kicker(pen: Pen, text: string): void {
  block(pen, 'P', 'kicker', text, 5);
  hairline(pen, pen.doc.y);
  pen.doc.y += 22;
}

export function section(pen: Pen, title: string, about: string | undefined): void {
  const { doc } = pen;
  need(pen, 90);
  doc.y += 13;
  pen.section = tag(pen, pen.root, 'Sect');
  block(pen, 'H2', 'heading', title, about === undefined ? 4 : 1);
  if (about !== undefined) block(pen, 'P', 'note', about, 4);
  hairline(pen, doc.y);
  doc.y += 6;
}

/** Labels on the left, what there is to say on the right. */
export function labelled(pen: Pen, rows: readonly Row[]): void {
  const { doc } = pen;
  const left = doc.page.margins.left;
  const width = lineWidth(pen) - LABEL_WIDTH;
  const table = tag(pen, pen.section, 'Table');
  for (const [label, value] of rows) {
    const style = DIGEST.test(value) ? 'digest' : 'body';
    const height = heightOf(pen, style, value, width);
    need(pen, height);
    const { y } = doc;
    const row = tag(pen, table, 'TR');
    const cell = { x: left, y, width: LABEL_WIDTH - CELL_GAP };
    tag(pen, row, 'TH', () => write(pen, 'label', label, cell), { scope: 'Row' });
    tag(pen, row, 'TD', () => write(pen, style, value, { x: left + LABEL_WIDTH, y, width }));
    // The digits of the monospaced font are lower than those of the labels.
    doc.y = Math.max(doc.y, y + heightOf(pen, 'label', label, cell.width)) + ROW_GAP;
  }
}

export function tabular(
  pen: Pen,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): void {
  pen.doc.y += ROW_GAP;
  const table = tag(pen, pen.section, 'Table');
  line(
    pen,
    table,
    columns,
    columns.map(({ title }) => title),
    'TH',
  );
  hairline(pen, pen.doc.y - 2);
  pen.doc.y += 3;
  for (const row of rows) line(pen, table, columns, row, 'TD');
}

export function bulleted(pen: Pen, items: readonly string[]): void {
  const { doc } = pen;
  const left = doc.page.margins.left;
  const width = lineWidth(pen) - BULLET_WIDTH;
  const list = tag(pen, pen.section, 'L');
  for (const item of items) {
    need(pen, heightOf(pen, 'body', item, width));
    const { y } = doc;
    const entry = tag(pen, list, 'LI');
    tag(pen, entry, 'Lbl', () => write(pen, 'body', '•', { x: left, y, width: BULLET_WIDTH }));
    tag(pen, entry, 'LBody', () => write(pen, 'body', item, { x: left + BULLET_WIDTH, y, width }));
    doc.y += ROW_GAP;
  }
}

/** A drawing with white around it, and text beside it. */
export function illustrated(pen: Pen, { side, alt, units, squares, beside }: Figure): void {
  const { doc } = pen;
  need(pen, side + FIGURE_GAP);
  doc.y += FIGURE_ABOVE;
  const { y } = doc;
  const left = doc.page.margins.left;
  const unit = side / units;
  tag(
    pen,
    pen.section,
    'Figure',
    () => {
      for (const square of squares) {
        doc.rect(left + square.x * unit, y + square.y * unit, square.width * unit, unit);
      }
      doc.fill(INK);
    },
    { alt },
  );
  const x = left + side + FIGURE_GAP;
  const width = lineWidth(pen) - side - FIGURE_GAP;
  doc.y = y;
  for (const [style, text] of beside) {
    tag(pen, pen.section, 'P', () => write(pen, style, text, { x, y: doc.y, width }));
    doc.y += 4;
  }
  doc.y = Math.max(doc.y, y + side);
}

/** At the foot of every page. */
export function foot(pen: Pen, text: string): void {
  const { doc } = pen;
  const { start, count } = doc.bufferedPageRange();
  for (let page = start; page < start + count; page += 1) {
    doc.switchToPage(page);
    const { margins, height } = doc.page;
    const y = height - margins.bottom + 22;
    const width = lineWidth(pen);
    // Text below the margin would otherwise go to a new page.
    margins.bottom = 0;
    decoration(
      pen,
      () => {
        write(pen, 'note', text, { x: margins.left, y, width });
        const number = `Page ${page + 1} of ${count}`;
        write(pen, 'note', number, { x: margins.left, y, width, align: 'right' });
      },
      'Pagination',
    );
  }
}

function line(
  pen: Pen,
  table: ReturnType<typeof tag>,
  columns: readonly Column[],
  cells: readonly string[],
  type: 'TH' | 'TD',
): void {
  const { doc } = pen;
  const style = type === 'TH' ? 'label' : 'body';
  const widths = columns.map(({ width }) => width - CELL_GAP);
  const heights = cells.map((cell, i) => heightOf(pen, style, cell, widths[i] ?? 0));
  const height = Math.max(...heights);
  need(pen, height);
  const { y } = doc;
  const row = tag(pen, table, 'TR');
  let x = doc.page.margins.left;
  for (const [i, { width, align }] of columns.entries()) {
    const place = { x, y, width: widths[i] ?? 0, align };
    const options = type === 'TH' ? ({ scope: 'Column' } as const) : {};
    tag(pen, row, type, () => write(pen, style, cells[i] ?? '', place), options);
    x += width;
  }
  doc.y = y + height + ROW_GAP;
}
