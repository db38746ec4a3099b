import type { Ending } from '../../core/schedule/contract.ts';

/** How a command ended, as `exited 1`. */
export function describeEnding(ending: Ending): string {
  return ending.kind === 'exited' ? `exited ${ending.status}` : `signal ${ending.signal}`;
}
