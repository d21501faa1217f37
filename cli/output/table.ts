/** Tables of plain text. Widths are counted in code points. */

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

const GAP = '  ';

/** Title line and rows, indented by two; no line ends in blanks. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const lines = [columns.map(({ title }) => title), ...rows];
  const widths = columns.map((_, index) =>
    Math.max(...lines.map((cells) => widthOf(cells[index] ?? ''))),
  );
  return lines.map((cells) =>
    `${GAP}${columns
      .map(({ align }, index) => padded(cells[index] ?? '', widths[index] ?? 0, align ?? 'left'))
      .join(GAP)}`.trimEnd(),
  );
}

/** `  label   value` lines, values aligned. */
export function pairs(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([label]) => widthOf(label)));
  return rows.map(([label, value]) => `  ${padded(label, width, 'left')}  ${value}`.trimEnd());
}

function padded(text: string, width: number, align: 'left' | 'right'): string {
  const blanks = ' '.repeat(Math.max(0, width - widthOf(text)));
  return align === 'right' ? blanks + text : text + blanks;
}

function widthOf(text: string): number {
  return [...text].length;
}
