/** The clock of the file system that a share is on, which ages of files are judged by, beside the clock of this process. */
import { shareDirectory } from '../core/share-layout.ts';
import type { Disk } from './disk.ts';

/** A look at the clock that takes no longer is as good as any. */
const quickLookMs = 2;
const maxLooks = 4;
/** What is known no worse makes no difference to how coarse the times of files are. */
const goodMs = 2;
/** A comparison that went badly, as beside much else, is made again after this time, then after twice that, and so on. */
const firstDoubtMs = 1_000;

/** How far the clock of a share is ahead of the local one, and by how much that may be wrong, either way. */
export interface ClockLead {
  readonly aheadMs: number;
  readonly uncertaintyMs: number;
}

/** Now, by the clock of the file system that the share is on. */
export function shareClockMs(disk: Pick<Disk, 'run'>, root: string): Promise<number> {
  const tag = `${process.pid}-${Math.trunc(performance.now() * 1000)}`;
  return disk.run('clockOf', { directory: shareDirectory(root), tag });
}

/** Compares the two: a look is held up when everything else begins too, so the quickest of a few tells most. */
export async function compareClocks(
  disk: Pick<Disk, 'run'>,
  root: string,
  now: () => number,
): Promise<ClockLead> {
  let best: ClockLead = { aheadMs: 0, uncertaintyMs: Number.POSITIVE_INFINITY };
  for (let looks = 0; looks < maxLooks && best.uncertaintyMs > quickLookMs / 2; looks += 1) {
    const beforeMs = now();
    const shareMs = await shareClockMs(disk, root);
    const afterMs = now();
    const uncertaintyMs = (afterMs - beforeMs) / 2;
    if (uncertaintyMs < best.uncertaintyMs)
      best = { aheadMs: shareMs - (beforeMs + afterMs) / 2, uncertaintyMs };
  }
  return best;
}

export interface ShareClockInit {
  readonly disk: Pick<Disk, 'run'>;
  readonly root: string;
  readonly now: () => number;
  /** Clocks drift: it is compared again after this time. */
  readonly believedMs: number;
}

/** The clock of one share as it is known: the best comparison of late. */
export class ShareClock {
  readonly #init: ShareClockInit;
  #best: ClockLead | undefined;
  #bestAtMs = 0;
  #comparedMs = 0;
  #untilMs = Number.NEGATIVE_INFINITY;
  #doubtMs = firstDoubtMs;
  #comparing: Promise<ClockLead> | undefined;

  constructor(init: ShareClockInit) {
    this.#init = init;
  }

  /** What is known, another object after each comparison that is better or tells of something else. @throws DiskError */
  async lead(): Promise<ClockLead> {
    if (this.#best !== undefined && this.#init.now() < this.#untilMs) return this.#best;
    this.#comparing ??= this.#compare().finally(() => {
      this.#comparing = undefined;
    });
    return await this.#comparing;
  }

  /** It was seen to have been set: it is compared anew, if it was not just now. */
  doubt(): void {
    this.#bestAtMs = Number.NEGATIVE_INFINITY;
    this.#untilMs = Math.min(this.#untilMs, this.#comparedMs + firstDoubtMs);
  }

  async #compare(): Promise<ClockLead> {
    const { disk, root, now, believedMs } = this.#init;
    const lead = await compareClocks(disk, root, now);
    const atMs = now();
    this.#comparedMs = atMs;
    const isGood = lead.uncertaintyMs <= goodMs;
    this.#untilMs = atMs + (isGood ? believedMs : this.#doubtMs);
    this.#doubtMs = isGood ? firstDoubtMs : Math.min(2 * this.#doubtMs, believedMs);
    const best = this.#best;
    if (best !== undefined && atMs - this.#bestAtMs < believedMs && isBetter(best, lead)) return best;
    this.#best = lead;
    this.#bestAtMs = atMs;
    return lead;
  }
}

/** Whether one that was made before tells more than a new one does, and nothing else: else the clock was set between them. */
function isBetter(before: ClockLead, lead: ClockLead): boolean {
  const mostMs = before.uncertaintyMs + lead.uncertaintyMs;
  return before.uncertaintyMs <= lead.uncertaintyMs && Math.abs(before.aheadMs - lead.aheadMs) <= mostMs;
}
