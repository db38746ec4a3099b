/** How much of a time something on this machine waited for a processor: what is late then is not at fault. */
import { readFileSync } from 'node:fs';
import { patience } from './until.ts';

/** Starts to look; the function that it returns tells by how much a bound may be stretched for the time until then. */
export function startPressure(): () => number {
  const startedUs = stalledUs();
  const started = performance.now();
  return () => {
    const nowUs = stalledUs();
    // The kernel does not tell: as if somebody had waited all the time.
    if (startedUs === undefined || nowUs === undefined) return patience;
    const part = (nowUs - startedUs) / 1_000 / Math.max(1, performance.now() - started);
    return 1 + (patience - 1) * Math.min(1, part);
  };
}

function stalledUs(): number | undefined {
  try {
    return Number(/^some .*total=(\d+)/mu.exec(readFileSync('/proc/pressure/cpu', 'latin1'))?.[1]);
  } catch {
    return undefined;
  }
}
