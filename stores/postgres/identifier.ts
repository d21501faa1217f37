/**
 * Text of identifiers and literals. Identifiers reach SQL only after they were matched with the
 * catalogue; quoting is the second lock on that door, not the first.
 */

/** An identifier as PostgreSQL takes any name: in double quotes, inner quotes doubled. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A qualified name, both parts quoted. */
export function quoteQualified(schema: string, name: string): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}

/** A string literal for names of ours (record classes, kinds of subject); never for user values. */
export function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
