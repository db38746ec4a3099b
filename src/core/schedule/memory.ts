/** How much memory jobs of a kind need, learnt from the peaks that workers report. */
import { BoundedMap } from '../bounded-map.ts';

/** Least recently used kinds beyond this are forgotten. */
const maxKinds = 1_024;
/** A peak counts less with every job that needed less: after some fifty it is half forgotten. */
const decay = 0.985;

export interface MemoryLedger {
  readonly peaks: Map<string, number>;
}

export function createMemoryLedger(): MemoryLedger {
  return { peaks: new BoundedMap(maxKinds) };
}

/** Expected peak of the next job of this kind, bytes; 0 if none was seen yet. */
export function expectedMemory(ledger: MemoryLedger, kind: string): number {
  return Math.round(ledger.peaks.get(kind) ?? 0);
}

export function learnMemory(ledger: MemoryLedger, kind: string, peakBytes: number): void {
  const before = ledger.peaks.get(kind) ?? 0;
  ledger.peaks.set(kind, Math.max(peakBytes, before * decay));
}
