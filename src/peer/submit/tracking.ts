/**
 * What the submitter's side keeps from one job to the next: of each share its view and the paths that jobs wrote there,
 * of each worker how it mounts the shares and what it has told of names outside the shares.
 */
import { getOrMake } from '../../core/get-or-make.ts';
import type { PeerName } from '../../core/schedule/contract.ts';
import type { ViewRules } from '../../core/view/rules.ts';
import type { OutsideName } from '../../core/view/trace.ts';
import { OutsideCheck } from '../../machine/outside-log.ts';
import type { Disk } from '../../share/disk.ts';
import type { ByteString } from '../../wire/bytes.ts';
import { WorkerMounts } from '../trust/worker-mounts.ts';
import { ShareView } from './share-view.ts';
import { WrittenPaths } from './written-paths.ts';

export interface TrackedShare {
  readonly view: ShareView;
  readonly written: WrittenPaths;
}

export class Tracking {
  readonly mounts: WorkerMounts;
  readonly #disk: Disk;
  readonly #now: () => number;
  readonly #rules: ViewRules;
  readonly #shares = new Map<ByteString, TrackedShare>();
  readonly #outside = new Map<PeerName, OutsideCheck>();

  /** @param rules - what views take for proof. */
  constructor(disk: Disk, now: () => number, rules: ViewRules) {
    this.mounts = new WorkerMounts(now);
    this.#disk = disk;
    this.#now = now;
    this.#rules = rules;
  }

  share(root: ByteString): TrackedShare {
    return getOrMake(this.#shares, root, () => ({
      view: new ShareView(root, this.#disk, this.#now, this.#rules),
      written: new WrittenPaths(root),
    }));
  }

  outside(worker: PeerName): OutsideCheck {
    return getOrMake(this.#outside, worker, () => new OutsideCheck());
  }

  /** What shows that an answer about a name outside the shares still holds on this machine. @throws DiskError */
  async stampsOf(names: readonly OutsideName[]): Promise<readonly string[]> {
    const { stamped } = await this.#disk.ask({ fresh: [], behind: [], plain: [], stamped: names });
    return stamped;
  }

  forgetWorker(worker: PeerName): void {
    for (const { view, written } of this.#shares.values()) {
      view.forgetWorker(worker);
      written.forget(worker);
    }
    this.#outside.delete(worker);
    this.mounts.forget(worker);
  }
}
