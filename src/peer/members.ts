/**
 * Membership as the peer uses it: writes this peer's file on each share that it comes to know, asks for others', and
 * believes an answer for a while only, so that removing a file revokes.
 */

import { absent, type Fact } from '../core/fact.ts';
import type { PeerName } from '../core/schedule/contract.ts';
import type { Disk } from '../share/disk.ts';
import { readFacts } from '../share/facts.ts';
import {
  awaitMember,
  checkMember,
  type Member,
  removeMemberFile,
  sweepMembers,
  writeMemberFile,
} from '../share/members.ts';
import type { Mount } from '../share/mounts.ts';
import type { Share } from '../share/shares.ts';

/** Where the member file of a peer lies. */
export function memberPath(root: string, peer: PeerName): string {
  return `${root === '/' ? '' : root}/.buildswarm/peers/${peer}`;
}

export type Membership = { readonly ok: true } | { readonly ok: false; readonly why: string };

/** How long attributes are believed where the mount does not say. */
const cacheS = 60;
/** How long a good answer holds. */
const believedMs = 30_000;
/** A bad one: the other end may be just writing its file. */
const doubtedMs = 2_000;
/** How long the first question waits for a file that is on its way. */
const firstLookMs = 1_000;
/** Files of a day's age are swept, so a living peer renews its own well before. */
const renewMs = 4 * 3600 * 1000;

export interface MembersInit {
  readonly disk: Disk;
  readonly now: () => number;
  readonly self: () => Member;
  /** The public key that noise has proven for a connected peer, base64. */
  readonly keyOf: (peer: PeerName) => string | undefined;
  /** This peer has become a member of one more share. */
  readonly onJoined: (root: string) => void;
  readonly log: (message: string, facts: Record<string, unknown>) => void;
}

export class Members {
  readonly #init: MembersInit;
  readonly #answers = new Map<string, { readonly answer: Promise<Membership>; untilMs: number }>();
  readonly #joined = new Map<string, Promise<Membership>>();
  readonly #verdicts = new Map<string, Membership>();
  readonly #facts = new Map<string, Fact>();
  readonly #mounts = new Map<string, Mount>();
  readonly #renewal: NodeJS.Timeout;

  constructor(init: MembersInit) {
    this.#init = init;
    this.#renewal = setInterval(() => {
      for (const root of this.#joined.keys()) this.#joined.set(root, this.#write(root));
    }, renewMs).unref();
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
  join(share: Share): Promise<Membership> {
    const { root } = share;
    let joined = this.#joined.get(root);
    if (joined === undefined) {
      joined = this.#write(root);
      this.#joined.set(root, joined);
      void joined.then((answer) => {
        // A share that was not writable a moment ago may be so later.
        if (answer.ok) {
          this.#mounts.set(root, share.mount);
          this.#init.onJoined(root);
        } else this.#joined.delete(root);
      });
    }
    return joined;
  }

  /** Whether this peer is a member of a share that it was asked to join. */
  joinedTo(root: string): Promise<Membership> {
    return (
      this.#joined.get(root) ??
      Promise.resolve({ ok: false, why: 'this peer could not write its own member file' })
    );
  }

  /** Is that peer a member of this share, as this machine sees it? */
  check(root: string, peer: PeerName): Promise<Membership> {
    const key = `${peer} ${root}`;
    const nowMs = this.#init.now();
    const known = this.#answers.get(key);
    if (known !== undefined && known.untilMs > nowMs) return known.answer;
    const answer = this.#look(root, peer, known === undefined);
    const entry = { answer, untilMs: nowMs + believedMs };
    this.#answers.set(key, entry);
    if (this.#answers.size > 4096) this.#answers.delete(this.#answers.keys().next().value ?? '');
    void answer.then((verdict) => {
      if (!verdict.ok) entry.untilMs = this.#init.now() + doubtedMs;
      this.#verdicts.set(key, verdict);
    });
    return answer;
  }

  /** Forgets what is known of a peer that is gone. */
  forget(peer: PeerName): void {
    for (const key of this.#answers.keys()) {
      if (!key.startsWith(`${peer} `)) continue;
      this.#answers.delete(key);
      this.#verdicts.delete(key);
    }
  }

  /** Why a peer is not used, for people: the shares on which it was looked for and is no member. */
  refusals(peer: PeerName): string[] {
    return [...this.#verdicts].flatMap(([key, verdict]) =>
      key.startsWith(`${peer} `) && !verdict.ok ? [verdict.why] : [],
    );
  }

  /** Removes this peer's files; at its stop. */
  async leave(): Promise<void> {
    clearInterval(this.#renewal);
    const { peerId } = this.#init.self();
    await Promise.allSettled(
      [...this.#joined.keys()].map((root) => removeMemberFile(this.#init.disk, root, peerId)),
    );
  }

  async #write(root: string): Promise<Membership> {
    try {
      const self = this.#init.self();
      const written = await writeMemberFile(this.#init.disk, root, self);
      if (!written.ok) return written;
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

  async #look(root: string, peer: PeerName, first: boolean): Promise<Membership> {
    const publicKey = this.#init.keyOf(peer);
    if (publicKey === undefined) return { ok: false, why: `there is no connection to ${peer}` };
    try {
      const { disk } = this.#init;
      return first
        ? await awaitMember(disk, root, { peerId: peer, publicKey }, firstLookMs)
        : await checkMember(disk, root, { peerId: peer, publicKey });
    } catch (error) {
      return { ok: false, why: String(error) };
    }
  }
}
