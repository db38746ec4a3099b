/**
 * Opens anew, before a job that may look there, all that lies below directories in which its submitter does not know what
 * changed. That may take long, so it is done once, however many jobs wait for it, and goes on when one was refused.
 */
import { BoundedMap } from '../../core/bounded-map.ts';
import { getOrMake } from '../../core/get-or-make.ts';
import type { PeerName } from '../../core/schedule/contract.ts';
import type { Disk } from '../../share/disk.ts';
import { openAnewBelow } from '../../share/scan.ts';
import type { ByteString } from '../../wire/bytes.ts';
import type { Offer } from '../../wire/job-messages.ts';

/** How long one walk may take, and how long a job waits for it. */
const walkTimeoutMs = 60_000;
const waitMs = 3_000;
/** Submitters of which is remembered what was opened for them: for one that is forgotten it is done again. */
const maxPeers = 256;

interface Opening {
  /** The submitter's number of the newest that it opens. */
  readonly upTo: number;
  /** Why it could not; undefined: it is done. */
  readonly done: Promise<string | undefined>;
}

export class OpenedAnew {
  readonly #disk: Disk;
  readonly #openings = new BoundedMap<PeerName, Map<ByteString, Opening>>(maxPeers);

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** @returns why what the offer names is not opened anew yet; undefined: it is. */
  async check(peer: PeerName, { share, reopenBelow }: Offer): Promise<string | undefined> {
    if (reopenBelow === undefined) return undefined;
    const openings = getOrMake(this.#openings, peer, () => new Map<ByteString, Opening>());
    const { upTo, directories } = reopenBelow;
    let opening = openings.get(share);
    // What an earlier offer had been taken with was opened before that.
    if (opening === undefined || opening.upTo < upTo) {
      opening = { upTo, done: openAnewBelow(this.#disk, directories, walkTimeoutMs) };
      openings.set(share, opening);
      this.#forgetIfFailed(openings, share, opening);
    }
    const late = `${directories.length} directories are not looked at anew yet`;
    let timer: NodeJS.Timeout | undefined;
    const wait = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve(late), waitMs);
    });
    return await Promise.race([opening.done, wait]).finally(() => clearTimeout(timer));
  }

  #forgetIfFailed(openings: Map<ByteString, Opening>, share: ByteString, opening: Opening): void {
    opening.done
      .then((why) => {
        if (why !== undefined && openings.get(share) === opening) openings.delete(share);
      })
      .catch(() => undefined); // it never rejects
  }
}
