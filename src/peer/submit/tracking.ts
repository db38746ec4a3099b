/**
 * What the submitter's side keeps from one job to the next: of each share its view and the paths that jobs wrote there,
 * of each worker how it mounts the shares and what it has told of names outside the shares.
 */
import { getOrMake } from '../../core/get-or-make.ts';
import type { PeerName } from '../../core/schedule/contract.ts';
import type { OutsideName } from '../../core/view/trace.ts';
import { OutsideCheck } from '../../machine/outside-log.ts';
import type { ByteString } from '../../wire/bytes.ts';
import { WorkerMounts } from '../trust/worker-mounts.ts';
import { ShareView, type ShareViewInit } from './share-view.ts';
import { WrittenPaths } from './written-paths.ts';

export interface TrackedShare {
  readonly view: ShareView;
  readonly written: WrittenPaths;
}

export type TrackingInit = Omit<ShareViewInit, 'root'>;

export class Tracking {
  readonly mounts: WorkerMounts;
  readonly #init: TrackingInit;
  readonly #shares = new Map<ByteString, TrackedShare>();
  readonly #outside = new Map<PeerName, OutsideCheck>();

  constructor(init: TrackingInit) {
    this.mounts = new WorkerMounts(init.now);
    this.#init = init;
  }

  share(root: ByteString): TrackedShare {
    return getOrMake(this.#shares, root, () => ({
      view: new ShareView({ ...this.#init, root }),
      written: new WrittenPaths(root),
    }));
  }

  outside(worker: PeerName): OutsideCheck {
    return getOrMake(this.#outside, worker, () => new OutsideCheck());
  }

  /** What shows that an answer about a name outside the shares still holds on this machine. @throws DiskError */
  async stampsOf(names: readonly OutsideName[]): Promise<readonly string[]> {
    const { stamped } = await this.#init.disk.ask({ fresh: [], behind: [], plain: [], stamped: names });
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

  async close(): Promise<void> {
    await Promise.all([...this.#shares.values()].map(({ view }) => view.close()));
  }
}
