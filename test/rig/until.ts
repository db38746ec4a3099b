import { setTimeout as sleep } from 'node:timers/promises';

/** Deadlines are meant for a machine that has nothing else to do; one that has may need so many times as long. */
export const patience = 5;

/**
 * Waits until `condition` gives something truthy and returns that.
 *
 * @param condition - looked at every few ms; what it throws is taken as "not yet" and told at the deadline.
 * @param deadlineMs - longest wait from now, on a machine that has nothing else to do.
 * @param what - completes "timed out waiting until …".
 * @throws Error naming `what` and the last failure, if the deadline passes.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  deadlineMs: number,
  what: string,
): Promise<Exclude<T, false | null | undefined | 0 | ''>> {
  const start = performance.now();
  let failure: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value) return value as Exclude<T, false | null | undefined | 0 | ''>;
      failure = undefined;
    } catch (error) {
      failure = error;
    }
    if (performance.now() - start > patience * deadlineMs) {
      throw new Error(`timed out after ${patience * deadlineMs} ms waiting until ${what}`, {
        cause: failure,
      });
    }
    await sleep(10);
  }
}
