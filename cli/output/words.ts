/** Numbers and nouns for people. */

/** `61,204`. */
export function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** The noun for one or many: `tenancy`, `tenancies`. */
export function noun(singular: string, value: number): string {
  if (value === 1) return singular;
  if (/[^aeiou]y$/.test(singular)) return `${singular.slice(0, -1)}ies`;
  return /(s|x|z|ch|sh)$/.test(singular) ? `${singular}es` : `${singular}s`;
}

/** `1 tenancy`, `4,911 contracts`. */
export function counted(value: number, singular: string): string {
  return `${count(value)} ${noun(singular, value)}`;
}

/** What the rows of a table are called: `"public"."rent_line"` and `public.rent_line` are rent lines. */
export function rowNoun(table: string): string {
  const name = table.includes('"') ? table.split('"').at(-2) : table.split('.').at(-1);
  return (name ?? table).replaceAll('_', ' ').toLowerCase();
}

/** `a, b and c`. */
export function listed(items: readonly string[]): string {
  return items.length < 2
    ? (items[0] ?? '')
    : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}

/** `800 ms`, `9 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
}
