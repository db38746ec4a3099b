/**
 * What a worker checks before it runs a job for another peer, and looks at after: is that peer a member, is this the
 * same share, is the directory really below it, do I see the files as the submitter does?
 */
import { isBelow } from '../core/command/paths.ts';
import type { RefusalCode } from '../core/reason.ts';
import type { PeerName } from '../core/schedule/contract.ts';
import type { Disk } from '../share/disk.ts';
import { readFacts } from '../share/facts.ts';
import { refreshDirectories } from '../share/refresh.ts';
import { realPathsBelow, type Shares } from '../share/shares.ts';
import type { JobFacts, Offer } from '../wire/job-messages.ts';
import type { Members } from './members.ts';

export interface Refusal {
  readonly code: RefusalCode;
  readonly detail: string;
}

export class WorkPlace {
  readonly #disk: Disk;
  readonly #shares: Shares;
  readonly #members: Members;

  constructor(disk: Disk, shares: Shares, members: Members) {
    this.#disk = disk;
    this.#shares = shares;
    this.#members = members;
  }

  /** @returns why the job is refused, or undefined. */
  async prepare(peer: PeerName, offer: Offer): Promise<Refusal | undefined> {
    const found = await this.#shares.find(offer.share);
    if (!found.ok) return { code: 'share', detail: found.why };
    const { share } = found;
    if (share.root !== offer.share) return { code: 'share', detail: `${offer.share} is no share here` };
    const membership = await this.#members.check(share.root, peer);
    if (!membership.ok) return { code: 'not-member', detail: membership.why };
    await refreshDirectories(this.#disk, [share.root, offer.cwd]);
    const paths = [offer.cwd, ...offer.outputs];
    const places = await realPathsBelow(this.#disk, share, paths);
    const outside = places.find((place) => !place.ok);
    if (outside !== undefined && !outside.ok) return { code: 'share', detail: outside.why };
    return paths.every((path) => isBelow(share.root, path))
      ? undefined
      : { code: 'share', detail: 'a path of the job is not below the share' };
  }

  /** What the submitter needs to see before it believes the result. */
  async look(_peer: PeerName, offer: Offer): Promise<JobFacts> {
    const facts = await readFacts(this.#disk, offer.outputs, { fresh: true });
    return {
      outputs: offer.outputs.flatMap((path, index) => {
        const fact = facts[index];
        return fact === undefined ? [] : [{ path, fact }];
      }),
    };
  }
}
