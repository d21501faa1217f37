/** Colour: never the only carrier of a meaning, and only where somebody sees it. */

export interface Paint {
  readonly red: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly green: (text: string) => string;
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
}

/** https://no-color.org and https://force-color.org: the second wins. */
export function wantsColour(
  variable: (name: string) => string | undefined,
  isTerminal: boolean,
): boolean {
  const forced = variable('FORCE_COLOR');
  if (forced !== undefined && forced !== '') return forced !== '0' && forced !== 'false';
  if ((variable('NO_COLOR') ?? '') !== '' || variable('TERM') === 'dumb') return false;
  return isTerminal;
}

export function makePaint(colour: boolean): Paint {
  const code = (open: number, close: number) => (text: string) =>
    colour ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  return {
    red: code(31, 39),
    yellow: code(33, 39),
    green: code(32, 39),
    bold: code(1, 22),
    dim: code(2, 22),
  };
}
