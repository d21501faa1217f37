/** Repeatable chance for campaigns: the same seed, the same decisions. */
export interface Chance {
  /** From 0 up to, and not including, `below`. */
  readonly integer: (below: number) => number;
  readonly oneOf: <T>(choices: readonly [T, ...T[]]) => T;
}

/** mulberry32: 32 bits of state, good enough to choose moments and keys. */
export function seeded(seed: number): Chance {
  let state = seed >>> 0;
  const unit = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const integer = (below: number): number => Math.floor(unit() * below);
  return { integer, oneOf: (choices) => choices[integer(choices.length)] ?? choices[0] };
}
