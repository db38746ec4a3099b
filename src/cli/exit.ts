/** Exit statuses of `buildswarm`, and how an error becomes one. */
import { SwarmError } from '../core/swarm-error.ts';
import { visibleText } from '../core/visible.ts';

export const exitStatus = { ok: 0, failure: 1, usage: 2, noPeer: 69 } as const;

/** Prints what went wrong in a sentence, and sets the exit status. */
export function fail(error: unknown): void {
  if (!(error instanceof SwarmError)) throw error;
  process.stderr.write(`buildswarm: ${visibleText(error.message)}\n`);
  process.exitCode =
    error.code === 'E_NO_PEER'
      ? exitStatus.noPeer
      : error.code === 'E_SETTING'
        ? exitStatus.usage
        : exitStatus.failure;
}

/** A commander action whose SwarmErrors are told as sentences. */
export function action<A extends unknown[]>(
  run: (...args: A) => Promise<void>,
): (...args: A) => Promise<void> {
  return async (...args) => {
    try {
      await run(...args);
    } catch (error) {
      fail(error);
    }
  };
}
