/** How much tests by chance play through: every run as many as it has time for, all of them with `BUILDSWARM_TESTS=full`. */
export const isFull = process.env['BUILDSWARM_TESTS'] === 'full';

/** A number of runs or rounds. */
export function roundsOf(rounds: { readonly brief: number; readonly full: number }): number {
  return isFull ? rounds.full : rounds.brief;
}
