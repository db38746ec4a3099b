/**
 * What peers tell one another of shares: a submitter says where it is a member; whoever finds its file there, through
 * its own mount, becomes a member too, and says how it mounts the share.
 */

import { absent, type Fact } from '../core/fact.ts';
import type { PeerName } from '../core/schedule/contract.ts';
import type { WorkerMount } from '../core/view/contract.ts';
import type { FactPair } from '../core/view/facts.ts';
import type { Disk } from '../share/disk.ts';
import { readFacts } from '../share/facts.ts';
import type { Shares } from '../share/shares.ts';
import { packFact } from '../wire/job-messages.ts';
import type { Shares as SharesMessage } from '../wire/messages.ts';
import { type Members, memberPath } from './members.ts';
import type { WorkerMounts } from './worker-mounts.ts';

export interface ShareTalkInit {
  readonly shares: Shares;
  readonly members: Members;
  readonly mounts: WorkerMounts;
  readonly disk: Disk;
  readonly onCompared: (root: string, pair: FactPair) => void;
  readonly send: (to: PeerName, payload: Uint8Array) => void;
  readonly log: (message: string, facts: Record<string, unknown>) => void;
}

export class ShareTalk {
  readonly #init: ShareTalkInit;

  constructor(init: ShareTalkInit) {
    this.#init = init;
  }

  /** Says to these peers on which shares this one is a member. */
  tell(peers: readonly PeerName[]): void {
    const shares = this.#init.members.joined;
    if (shares.length === 0) return;
    const packed = shares.map((share) => ({ ...share, member: packFact(share.member) }));
    const payload = Buffer.from(JSON.stringify({ shares: packed }), 'utf8');
    for (const peer of peers) this.#init.send(peer, payload);
  }

  /** A peer says on which shares it is; its file there is looked for, and nothing else below the path it names. */
  hear(peer: PeerName, shares: SharesMessage['shares']): void {
    for (const { root, member, ...mount } of shares) {
      if (!root.startsWith('/')) continue;
      this.#join(peer, root, mount, member).catch((error: unknown) =>
        this.#init.log('a share could not be looked at', { peer, root, error: String(error) }),
      );
    }
  }

  async #join(peer: PeerName, root: string, mount: WorkerMount, member: Fact): Promise<void> {
    const { shares, members, log } = this.#init;
    const found = await shares.find(root);
    if (!found.ok || found.share.root !== root) return;
    const membership = await members.check(root, peer);
    if (membership.ok) {
      await members.join(found.share);
      // Both look at one file that nobody changes: what they see alike can be compared from now on.
      const [mine = absent] = await readFacts(this.#init.disk, [memberPath(root, peer)], { fresh: true });
      this.#init.onCompared(root, { mine, theirs: member });
      this.#init.mounts.set(peer, root, mount);
    } else log('a peer is no member of a share', { peer, root, why: membership.why });
  }
}
