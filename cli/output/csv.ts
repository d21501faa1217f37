/** CSV for spreadsheets: RFC 4180, and no cell that a spreadsheet would run. */

/** Lines end in CRLF; cells with a comma, quote or line end are quoted. */
export function csv(rows: readonly (readonly (string | number)[])[]): string {
  return rows.map((cells) => `${cells.map((value) => cell(value)).join(',')}\r\n`).join('');
}

function cell(value: string | number): string {
  const text = typeof value === 'number' ? String(value) : harmless(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** OWASP, CSV injection: text that begins like a formula gets an apostrophe in front. */
function harmless(text: string): string {
  return /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
}
