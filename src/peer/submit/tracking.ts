/**
 * What the submitter's side keeps from one job to the next: of each share its view and the paths that jobs wrote there,
 * of each worker how it mounts the shares and what it has told of names outside the shares.
 */
import { getOrMake } from '../../core/get-or-make.ts';
import type { PeerName } from '../../core/schedule/contract.ts';
import { OutsideCheck } from '../../machine/outside-log.ts';
import type { TrackedName } from '../../machine/outside-names.ts';
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

  /** Looks at names outside the share on this machine, and has what changes there told where that can be. @throws DiskError */
  async see(names: readonly TrackedName[], root: ByteString): Promise<void> {
    const holdings = await this.share(root).view.hold(names);
    const atMs = this.#init.now();
    const { stamped } = await this.#init.disk.ask({ fresh: [], behind: [], plain: [], stamped: names });
    // An answer that fails is told to who waits for it.
    for (const [at, name] of names.entries()) void name.see(stamped[at] ?? '', atMs, holdings[at]);
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
