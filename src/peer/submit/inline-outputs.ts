/**
 * Notes what commands wrote that ran on this machine by decision of its peer. Opaque commands that run elsewhere are told
 * of it, as of what other machines wrote.
 */
import { isBelow, resolvePath } from '../../core/paths.ts';
import type { Disk } from '../../share/disk.ts';
import { readFacts } from '../../share/facts.ts';
import { shareClockMs } from '../../share/share-clock.ts';
import type { ByteString } from '../../wire/bytes.ts';
import type { Seen } from '../../wire/values.ts';
import { scanOf } from './job-tree.ts';
import type { Submission } from './submission.ts';
import type { Tracking } from './tracking.ts';

/** Looks below the directories of an opaque command. */
const maxScanned = 20_000;
/** A file system's times are this coarse. */
const tickMs = 20;

export interface InlineOutputsInit {
  readonly disk: Disk;
  readonly tracking: Tracking;
  readonly now: () => number;
}

export class InlineOutputs {
  readonly #init: InlineOutputsInit;
  readonly #pending = new Set<Promise<void>>();

  constructor(init: InlineOutputsInit) {
    this.#init = init;
  }

  /** A command has ended here. */
  note(submission: Submission): void {
    const { share: root } = submission;
    // What only asks, or is a probe, writes nothing that anybody else looks for.
    if (root === undefined || submission.demand.unslotted) return;
    const noting = this.#written(submission, root)
      .then((seen) => void this.#init.tracking.share(root).written.note(seen, true))
      .catch(() => undefined) // the file system does not answer: what is not known is not told
      .finally(() => this.#pending.delete(noting));
    this.#pending.add(noting);
  }

  /** All that ended before this call has been noted. */
  async settled(): Promise<void> {
    await Promise.all(this.#pending);
  }

  async #written({ reading, request, handedInMs }: Submission, root: ByteString): Promise<readonly Seen[]> {
    const { disk, now } = this.#init;
    if (reading.kind === 'other') {
      const elapsedMs = now() - handedInMs;
      const sinceMs = (await shareClockMs(disk, root)) - elapsedMs - tickMs;
      const directories = scanOf(reading, request, root);
      return await disk.run('changedBelow', { directories, sinceMs, limit: maxScanned });
    }
    const paths = reading.outputs
      .map(({ path }) => resolvePath(request.job.cwd, path))
      .filter((path) => isBelow(root, path));
    const facts = await readFacts(disk, paths);
    return paths.flatMap((path, index) => {
      const fact = facts[index];
      return fact === undefined ? [] : [{ path, fact }];
    });
  }
}
