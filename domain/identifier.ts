/**
 * Names of tables and columns as a schedule writes them. Nothing here reaches SQL: every name is
 * matched with the catalogue before it is quoted.
 */

/** PostgreSQL cuts longer names off, silently: two names would become one. */
const LONGEST_NAME_BYTES = 63;

/**
 * Splits `table.column` or `schema.table.column` at its dots. A part with a dot, or with blanks at
 * its ends, stands in double quotes, a quote inside doubled, as in SQL; the case of every letter
 * counts, with and without quotes. Undefined when the text does not read that way.
 */
export function splitQualified(text: string): string[] | undefined {
  const parts: string[] = [];
  const pattern = /(?:"((?:[^"]|"")*)"|([^".]+))(\.|$)/y;
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text);
    if (match === null) return undefined;
    const part = match[1]?.replaceAll('""', '"') ?? match[2] ?? '';
    if (!isName(part) || (match[2] !== undefined && part !== part.trim())) return undefined;
    parts.push(part);
  }
  return text.endsWith('.') ? undefined : parts;
}

/** The text that `splitQualified` reads back as these parts. */
export function joinQualified(parts: readonly string[]): string {
  return parts
    .map((part) => (/[".]|^\s|\s$/.test(part) ? `"${part.replaceAll('"', '""')}"` : part))
    .join('.');
}

/** True for what PostgreSQL can keep as a name: 1 to 63 bytes of UTF-8, no control characters. */
export function isName(text: string): boolean {
  return text !== '' && !/\p{Cc}/u.test(text) && utf8Length(text) <= LONGEST_NAME_BYTES;
}

function utf8Length(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x1_0000 ? 3 : 4;
  }
  return bytes;
}
