import { createHeap, nextDue, popDue, pushDue } from '../../src/core/heap.ts';

/** Slots that vanish at a moment, with what runs on them. */
export interface Death {
  readonly atMs: number;
  readonly slots: number;
}

/**
 * When the last job ends under a scheduler that sees every slot at every moment and needs no time: the next job of the
 * list goes to the next free slot.
 */
export function idealMakespanMs(lengthsMs: readonly number[], slots: number, death?: Death): number {
  const free = createHeap<{ readonly mortal: boolean }>();
  for (let slot = 0; slot < slots; slot += 1) pushDue(free, 0, { mortal: slot < (death?.slots ?? 0) });
  const list = [...lengthsMs].toReversed();
  let endMs = 0;
  for (let length = list.pop(); length !== undefined; length = list.pop()) {
    const atMs = nextDue(free);
    const slot = popDue(free, atMs);
    if (slot === undefined) throw new Error('no slot is left');
    if (slot.mortal && death !== undefined && atMs + length > death.atMs) {
      // Lost with its slot: it starts over behind the others.
      list.unshift(length);
      continue;
    }
    endMs = Math.max(endMs, atMs + length);
    pushDue(free, atMs + length, slot);
  }
  return endMs;
}
