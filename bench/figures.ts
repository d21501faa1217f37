/** Medians, and the plain table they are told in. */

/** One line of the result. `ratio` is against the raw statement of the same benchmark. */
export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly ratio?: number;
  /** `>= 0.8`, and whether it was reached. */
  readonly target?: { readonly text: string; readonly met: boolean };
  /** Smallest and largest of the runs behind the median. */
  readonly range?: readonly [number, number];
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Linear between the two nearest; `NaN` for no values. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

/** A figure at least, or at most, as large as its target. */
export function target(
  value: number,
  sign: '>=' | '<=',
  limit: number,
): NonNullable<Figure['target']> {
  return { text: `${sign} ${limit}`, met: sign === '>=' ? value >= limit : value <= limit };
}

const SINGLE_ASKS = 30;

/** Single questions, one after the other; the median counts. */
export async function timesOf(
  what: string,
  limitMs: number | undefined,
  ask: (nth: number) => Promise<unknown>,
): Promise<Figure> {
  const times: number[] = [];
  for (let nth = 1; nth <= SINGLE_ASKS; nth += 1) {
    const startedAt = performance.now();
    await ask(nth * 37);
    times.push(performance.now() - startedAt);
  }
  const value = median(times);
  return {
    what,
    value,
    unit: 'ms',
    range: [Math.min(...times), Math.max(...times)],
    ...(limitMs !== undefined && { target: target(value, '<=', limitMs) }),
  };
}

export function table(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => [
    figure.what,
    `${number(figure.value)} ${figure.unit}`,
    figure.range ? `${number(figure.range[0])} - ${number(figure.range[1])}` : '',
    figure.ratio === undefined ? '' : figure.ratio.toFixed(2),
    figure.target ? `${figure.target.text} ${figure.target.met ? 'met' : 'MISSED'}` : '',
  ]);
  const all = [['what', 'median', 'smallest - largest', 'ratio', 'target'], ...rows];
  const widths = [0, 1, 2, 3, 4].map((at) => Math.max(...all.map((row) => (row[at] ?? '').length)));
  return all
    .map((row) =>
      row
        .map((cell, at) =>
          at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function number(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString('en-GB', {
    maximumFractionDigits: digits,
    minimumFractionDigits: digits,
  });
}
