/** The state of a seeded generator (mulberry32): core has no randomness of its own, so a seed replays a whole run. */
export interface RandomState {
  seed: number;
}

export function createRandom(seed: number): RandomState {
  return { seed: seed | 0 };
}

/** The next number in [0, 1); advances `state`. */
export function nextRandom(state: RandomState): number {
  state.seed = (state.seed + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state.seed ^ (state.seed >>> 15), 1 | state.seed);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}

/** An integer in [0, below). */
export function nextInteger(state: RandomState, below: number): number {
  return Math.floor(nextRandom(state) * below);
}
