/** Numbers of files on the wire: as the first and the last of each run of them. */
import * as v from 'valibot';
import { maxRead, maxReadRuns } from './limits.ts';
import { count, listOf } from './schema.ts';

/** As read from the wire: the numbers themselves. */
export const runsSchema = v.pipe(
  listOf(v.tuple([count, count]), maxReadRuns),
  v.check((runs) => numbersIn(runs) <= maxRead, 'names more files than a job reads'),
  v.transform((runs: [number, number][]) => numbersOf(runs)),
);

type Runs = readonly (readonly [first: number, last: number])[];

/** Infinite if a run ends before it begins. */
function numbersIn(runs: Runs): number {
  return runs.reduce(
    (sum, [first, last]) => sum + (last < first ? Number.POSITIVE_INFINITY : last - first + 1),
    0,
  );
}

function numbersOf(runs: Runs): number[] {
  const numbers: number[] = [];
  for (const [first, last] of runs) {
    for (let number = first; number <= last; number += 1) numbers.push(number);
  }
  return numbers;
}

/** Rising numbers as runs: those that a job reads were mostly numbered together. */
export function runsOf(numbers: readonly number[]): Runs {
  const runs: [number, number][] = [];
  for (const number of numbers) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else runs.push([number, number]);
  }
  return runs;
}
