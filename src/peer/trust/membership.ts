/**
 * MembershipAnswer as the peer uses it: writes this peer's file on each share that it comes to know, asks for others', and
 * believes an answer for a while only, so that removing a file revokes.
 */

import { BoundedMap } from '../../core/bounded-map.ts';
import { absent, type Fact } from '../../core/fact.ts';
import { getOrMake } from '../../core/get-or-make.ts';
import type { PeerName } from '../../core/schedule/contract.ts';
import { memberPath, shareDirectory } from '../../core/share-layout.ts';
import type { Disk } from '../../share/disk.ts';
import { readFacts } from '../../share/facts.ts';
import {
  checkMember,
  type Member,
  memberLifeMs,
  removeMemberFile,
  sweepMembers,
  writeMemberFile,
} from '../../share/members.ts';
import type { Mount } from '../../share/mounts.ts';
import type { Share } from '../../share/shares.ts';
import { toText } from '../../wire/bytes.ts';

/** `unsure`: the file system did not answer, so nothing is shown either way. */
export type MembershipAnswer =
  | { readonly ok: true }
  | { readonly ok: false; readonly why: string; readonly unsure?: boolean };

/**
 * What a connected peer has proven so far, on any share. A `stranger` has proven nothing: nothing that it names is looked
 * at, run or kept. The proof of a `lapsed` peer is old: it is looked for again before the next job.
 */
export type Standing = 'member' | 'lapsed' | 'stranger';

/** How long attributes are believed where the mount does not say. */
const cacheS = 60;
/** A good answer holds for this time. */
const believedMs = 30_000;
/** A bad answer holds for this time only: the other end may be writing its file just now. */
const doubtedMs = 50;
/** Files of a day's age are swept, so a living peer renews its own well before. */
const renewMs = 4 * 3600 * 1000;
/** How often a peer looks whether its own files are still there. */
const lookAfterMs = 10_000;
/** Shares on which one peer is looked for, at most. */
const maxRoots = 64;

interface Known {
  readonly answer: Promise<MembershipAnswer>;
  untilMs: number;
  /** The newest answer that came. */
  verdict: MembershipAnswer | undefined;
}

export interface MembershipInit {
  readonly disk: Disk;
  readonly now: () => number;
  readonly self: () => Member;
  /** The public key that noise has proven for a connected peer, base64. */
  readonly keyOf: (peer: PeerName) => string | undefined;
  /** This peer has become a member of one more share. */
  readonly onJoined: (root: string) => void;
  readonly log: (message: string, facts: Record<string, unknown>) => void;
}

export class Membership {
  readonly #init: MembershipInit;
  /** By peer, then by root of the share. */
  readonly #known = new Map<PeerName, Map<string, Known>>();
  readonly #joined = new Map<string, Promise<MembershipAnswer>>();
  /** When this peer's file was written, by the wall clock, which counts the time in which a machine sleeps. */
  readonly #writtenMs = new Map<string, number>();
  readonly #facts = new Map<string, Fact>();
  readonly #mounts = new Map<string, Mount>();
  readonly #renewal: NodeJS.Timeout;
  readonly #lookingAfter: NodeJS.Timeout;
  /** Shares that were left, since this peer's file was removed there. */
  readonly #left = new Set<string>();

  constructor(init: MembershipInit) {
    this.#init = init;
    this.#renewal = setInterval(() => {
      for (const root of this.#joined.keys()) this.#joined.set(root, this.#renew(root));
    }, renewMs).unref();
    let isLooking = false;
    this.#lookingAfter = setInterval(() => {
      // A share that hangs is looked at by one look only.
      if (isLooking) return;
      isLooking = true;
      void this.#lookAfterOwn().finally(() => {
        isLooking = false;
      });
    }, lookAfterMs).unref();
  }

  /** Sentences: shares that this peer does not use any more, and what to do. */
  get faults(): string[] {
    return [...this.#left].map(
      (root) =>
        `the member file of this peer on the share ${toText(root)} was removed, so its jobs run here; if .buildswarm was made anew, start each peer again`,
    );
  }

  /** The shares on which this peer has its file, and how this machine mounts them. */
  get joined(): { root: string; cacheMaxMs: number; timesOnly: boolean; member: Fact }[] {
    return [...this.#mounts].map(([root, mount]) => ({
      root,
      cacheMaxMs: mount.isNetwork
        ? 1_000 * Math.max(mount.acdirmaxS || cacheS, mount.acregmaxS || cacheS)
        : 0,
      timesOnly: mount.nfsVersion?.startsWith('3') === true,
      member: this.#facts.get(root) ?? absent,
    }));
  }

  /** Writes this peer's file on a share, once. */
  join(share: Share): Promise<MembershipAnswer> {
    const { root } = share;
    return getOrMake(this.#joined, root, () => {
      const joined = this.#write(root);
      void joined.then((answer) => {
        // A share that was not writable a moment ago may be so later.
        if (answer.ok) {
          this.#mounts.set(root, share.mount);
          this.#init.onJoined(root);
        } else this.#joined.delete(root);
      });
      return joined;
    });
  }

  /** Whether this peer is a member of a share that it was asked to join. */
  joinedTo(root: string): Promise<MembershipAnswer> {
    return (
      this.#joined.get(root) ??
      Promise.resolve({ ok: false, why: 'this peer could not write its own member file' })
    );
  }

  /** Whether this peer has written its file there; only what lies in such a share is looked at for others. */
  hasJoined(root: string): boolean {
    return this.#mounts.has(root);
  }

  /** Is that peer a member of this share, as this machine sees it? */
  check(root: string, peer: PeerName): Promise<MembershipAnswer> {
    const nowMs = this.#init.now();
    const roots = getOrMake(this.#known, peer, () => new BoundedMap(maxRoots));
    const before = roots.get(root);
    if (before !== undefined && before.untilMs > nowMs) return before.answer;
    const known: Known = {
      answer: this.#look(root, peer),
      untilMs: nowMs + believedMs,
      verdict: before?.verdict,
    };
    roots.set(root, known);
    void known.answer.then((verdict) => {
      if (!verdict.ok) known.untilMs = this.#init.now() + doubtedMs;
      if (verdict.ok || verdict.unsure !== true || known.verdict === undefined) known.verdict = verdict;
    });
    return known.answer;
  }

  /** What a peer has proven; does not look. */
  standing(peer: PeerName): Standing {
    let standing: Standing = 'stranger';
    for (const { verdict, untilMs } of this.#known.get(peer)?.values() ?? []) {
      if (verdict?.ok !== true) continue;
      if (untilMs > this.#init.now()) return 'member';
      standing = 'lapsed';
    }
    return standing;
  }

  /** Looks again where a peer has been a member. @returns whether it still is, anywhere. */
  async proveAgain(peer: PeerName): Promise<boolean> {
    for (const [root, { verdict }] of this.#known.get(peer) ?? []) {
      if (verdict?.ok === true && (await this.check(root, peer)).ok) return true;
    }
    return false;
  }

  /** Whether a peer is known to be a member of a share; does not look. */
  isMember(root: string, peer: PeerName): boolean {
    return this.#known.get(peer)?.get(root)?.verdict?.ok === true;
  }

  /** Forgets what is known of a peer that is gone. */
  forget(peer: PeerName): void {
    this.#known.delete(peer);
  }

  /** Says, for people, why a peer that is a member of none of the shares is not used; empty for a member. */
  refusals(peer: PeerName): string[] {
    const verdicts = [...(this.#known.get(peer)?.values() ?? [])].map(({ verdict }) => verdict);
    if (verdicts.some((verdict) => verdict?.ok === true)) return [];
    const reasons = verdicts.flatMap((verdict) => (verdict?.ok === false ? [verdict.why] : []));
    return reasons.length > 0 || this.#mounts.size === 0
      ? reasons.slice(0, 2)
      : ['not-member: no share of this peer holds its member file'];
  }

  /** Removes this peer's files; at its stop. */
  async leave(): Promise<void> {
    clearInterval(this.#renewal);
    clearInterval(this.#lookingAfter);
    const { peerId } = this.#init.self();
    await Promise.allSettled(
      [...this.#joined.keys()].map((root) => removeMemberFile(this.#init.disk, root, peerId)),
    );
  }

  async #write(root: string): Promise<MembershipAnswer> {
    try {
      const self = this.#init.self();
      const written = await writeMemberFile(this.#init.disk, root, self);
      if (!written.ok) return written;
      this.#writtenMs.set(root, Date.now());
      const [fact = absent] = await readFacts(this.#init.disk, [memberPath(root, self.peerId)], {
        fresh: true,
      });
      this.#facts.set(root, fact);
      await sweepMembers(this.#init.disk, root, { alive: [self.peerId] });
      return { ok: true };
    } catch (error) {
      this.#init.log('the member file could not be written', { root, error: String(error) });
      return { ok: false, why: String(error) };
    }
  }

  /** Writes the file anew, unless somebody has removed it: that revoked this peer on that share. */
  async #renew(root: string): Promise<MembershipAnswer> {
    const ageMs = Date.now() - (this.#writtenMs.get(root) ?? 0);
    // Older ones are swept by others, so a machine that slept for days may find its own gone.
    if (ageMs < memberLifeMs) {
      if (await this.#isRemoved(root)) return this.#leaveShare(root);
    }
    return await this.#write(root);
  }

  /** True if the share is seen, and this peer's file is not there: where nothing at all is seen, the share may come back. */
  async #isRemoved(root: string): Promise<boolean> {
    const paths = [shareDirectory(root), memberPath(root, this.#init.self().peerId)];
    const [share, own] = await readFacts(this.#init.disk, paths, { fresh: true }).catch(() => []);
    return share?.kind === 'directory' && own?.kind === 'absent';
  }

  #leaveShare(root: string): MembershipAnswer {
    this.#mounts.delete(root);
    this.#left.add(root);
    this.#init.log('the member file was removed, so this share is left', { root });
    return {
      ok: false,
      why: 'the member file of this peer was removed; start the peer again to use the share',
    };
  }

  /** Leaves the shares on which this peer's file was removed. Never rejects. */
  async #lookAfterOwn(): Promise<void> {
    for (const root of this.#mounts.keys()) {
      // Older ones are swept by others; the renewal writes it again.
      const ageMs = Date.now() - (this.#writtenMs.get(root) ?? 0);
      if (ageMs >= memberLifeMs || !(await this.#isRemoved(root))) continue;
      if (this.#mounts.has(root)) this.#joined.set(root, Promise.resolve(this.#leaveShare(root)));
    }
  }

  async #look(root: string, peer: PeerName): Promise<MembershipAnswer> {
    const publicKey = this.#init.keyOf(peer);
    if (publicKey === undefined) return { ok: false, why: `there is no connection to ${peer}` };
    try {
      return await checkMember(this.#init.disk, root, { peerId: peer, publicKey });
    } catch (error) {
      return { ok: false, why: String(error), unsure: true };
    }
  }
}
