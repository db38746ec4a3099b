/** The numbers in rising order: most often they are so already. */
export function rising(numbers: readonly number[]): readonly number[] {
  for (let at = 1; at < numbers.length; at += 1)
    if ((numbers[at] as number) < (numbers[at - 1] as number)) return numbers.toSorted((a, b) => a - b);
  return numbers;
}
