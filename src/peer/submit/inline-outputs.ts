/**
 * Notes what commands wrote that ran on this machine by decision of its peer. Opaque commands that run elsewhere are told
 * of it, as of what other machines wrote.
 */
import { isBelow, resolvePath } from '../../core/paths.ts';
import type { Disk } from '../../share/disk.ts';
import { readFacts } from '../../share/facts.ts';
import { scanBelow } from '../../share/scan.ts';
import { shareClockMs } from '../../share/share-clock.ts';
import type { Walked } from '../../share/walk-answer.ts';
import type { ByteString } from '../../wire/bytes.ts';
import { scanOf } from './job-tree.ts';
import type { Submission } from './submission.ts';
import type { Tracking } from './tracking.ts';

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
    const { written } = this.#init.tracking.share(root);
    const where = scanOf(submission.reading, submission.request, root);
    const noting = this.#written(submission, root, where)
      .then(({ changed, cut }) => {
        written.note(changed, true);
        if (cut !== undefined) written.noteBelow(where);
      })
      .catch(() => written.noteBelow(where)) // the file system does not answer
      .finally(() => this.#pending.delete(noting));
    this.#pending.add(noting);
  }

  /** All that ended before this call has been noted. */
  async settled(): Promise<void> {
    await Promise.all(this.#pending);
  }

  async #written(
    { reading, request, handedInMs }: Submission,
    root: ByteString,
    where: readonly ByteString[],
  ): Promise<Walked> {
    const { disk, now } = this.#init;
    if (reading.kind === 'other') {
      const clockMs = await shareClockMs(disk, root);
      // After it: where it came late, what the command changed first would seem to be older than the command.
      return await scanBelow(disk, where, clockMs - (now() - handedInMs));
    }
    const paths = reading.outputs
      .map(({ path }) => resolvePath(request.job.cwd, path))
      .filter((path) => isBelow(root, path));
    const facts = await readFacts(disk, paths);
    const changed = paths.flatMap((path, index) => {
      const fact = facts[index];
      return fact === undefined ? [] : [{ path, fact }];
    });
    return { changed };
  }
}
