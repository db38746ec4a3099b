/**
 * What a worker checks before it runs a job for another peer: is that peer a member, is this the same share, does all
 * lie below it, are the programs the same, do I see the files as the submitter does?
 */
import { isBelow, resolvePath } from '../../core/paths.ts';
import type { PeerName } from '../../core/schedule/contract.ts';
import type { NamedFact } from '../../core/view/contract.ts';
import type { Sameness } from '../../machine/sameness.ts';
import type { Disk } from '../../share/disk.ts';
import { readFacts } from '../../share/facts.ts';
import { realPathsBelow, type Share, type Shares } from '../../share/shares.ts';
import { toText } from '../../wire/bytes.ts';
import type { Offer } from '../../wire/job-messages.ts';
import type { Membership } from '../trust/membership.ts';
import type { Refusal, WholeOffer } from './contract.ts';
import { OpenedAnew } from './opened-anew.ts';
import { checkPrograms } from './program-check.ts';
import type { ServedJobs } from './served/served-jobs.ts';
import { staleFiles } from './view-check.ts';

/** Directories that are refreshed, or files that are looked at anew, one after the other. */
const mostAtOnce = 4;

export interface AdmissionInit {
  readonly disk: Disk;
  readonly shares: Shares;
  readonly members: Pick<Membership, 'hasJoined' | 'check'>;
  readonly sameness: Sameness;
  readonly now: () => number;
  readonly served: Pick<ServedJobs, 'check'>;
  /** Why commands cannot be traced on this machine; undefined if they can. */
  readonly cannotTrace: string | undefined;
}

export class Admission {
  readonly #init: AdmissionInit;
  readonly #openedAnew: OpenedAnew;

  constructor(init: AdmissionInit) {
    this.#init = init;
    this.#openedAnew = new OpenedAnew(init.disk);
  }

  /** @returns why the job is refused, or undefined. */
  async check(peer: PeerName, whole: WholeOffer): Promise<Refusal | undefined> {
    const { disk, sameness, now, cannotTrace } = this.#init;
    const { offer } = whole;
    if (offer.served !== undefined) return await this.#init.served.check(peer, whole);
    if (offer.traced && cannotTrace !== undefined) return { code: 'untraced', detail: cannotTrace };
    const share = await this.#shareOf(peer, offer.share);
    if ('code' in share) return share;
    if (!namedBy(offer).every((path) => isPlainPathBelow(share.root, path)))
      return { code: 'outside-share', detail: 'a path of the job is not below the share' };
    const written = [offer.cwd, ...writtenBy(offer)];
    const { root } = share;
    const isSmall = isSeenAtOnce(offer);
    const sight = await disk.firstSight({
      root,
      paths: namedBy(offer),
      refresh: isSmall ? offer.view.refresh : [],
      files: isSmall ? offer.view.files.map(({ path }) => path) : [],
      written: isSmall ? written : [],
    });
    if (sight.out !== undefined)
      return { code: 'outside-share', detail: `${toText(sight.out)} leads out of the share through a link` };
    const differing = await checkPrograms({ disk, sameness }, share, whole);
    if (differing !== undefined) return differing;
    const { stale, isFirst } = await staleFiles(disk, now, offer, isSmall ? sight : undefined);
    if (stale.length > 0) return { code: 'stale-view', detail: namesOf(stale), stale };
    await readFacts(disk, offer.reopen, { fresh: true });
    const unopened = await this.#openedAnew.check(peer, offer);
    if (unopened !== undefined) return { code: 'stale-view', detail: unopened };
    // After the refresh, so that what is resolved is what the submitter sees.
    const resolved = isFirst ? sight.places : await realPathsBelow(disk, share, written);
    const outside = resolved.find((place) => !place.ok);
    if (outside?.ok === false) return { code: 'outside-share', detail: outside.why };
    return undefined;
  }

  async #shareOf(peer: PeerName, root: string): Promise<Share | Refusal> {
    const { members, shares } = this.#init;
    // Nothing there is looked at before this: a path alone can mount something.
    if (!members.hasJoined(root))
      return { code: 'share', detail: `this peer is not a member of the share ${toText(root)}` };
    const membership = await members.check(root, peer);
    if (!membership.ok) return { code: 'not-member', detail: membership.why };
    const found = await shares.find(root);
    if (!found.ok) return { code: 'share', detail: found.why };
    if (found.share.root !== root)
      return { code: 'share', detail: `${toText(root)} is not the root of a share here` };
    return found.share;
  }
}

/** Whether the submitter asks for so little of the share to be seen anew that one thread sees all of it as fast as several. */
function isSeenAtOnce({ view, reopen, reopenBelow }: Offer): boolean {
  const isLittle = view.refresh.length <= mostAtOnce && view.files.length <= mostAtOnce;
  return isLittle && reopen.length === 0 && reopenBelow === undefined;
}

/** What is looked at for the job. */
function namedBy({ view, scan, reopen, reopenBelow }: Offer): string[] {
  const below = reopenBelow?.directories ?? [];
  return [...view.refresh, ...view.files.map(({ path }) => path), ...reopen, ...below, ...scan];
}

/** Where the job writes, as far as the offer names it. */
function writtenBy({ outputs, scan }: Offer): string[] {
  return [...outputs, ...scan];
}

function isPlainPathBelow(root: string, path: string): boolean {
  return isBelow(root, path) && resolvePath('/', path) === path;
}

function namesOf(files: readonly NamedFact[]): string {
  return files
    .map(({ path }) => toText(path))
    .join(', ')
    .slice(0, 1_000);
}
