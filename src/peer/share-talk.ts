/**
 * What peers tell one another of shares: a submitter says where it is a member; whoever finds its file there, through
 * its own mount, becomes a member too, and says how it mounts the share.
 */
import type { PeerName } from '../core/schedule/contract.ts';
import type { Shares } from '../share/shares.ts';
import type { Shares as SharesMessage } from '../wire/messages.ts';
import type { Members } from './members.ts';
import type { WorkerMounts } from './worker-mounts.ts';

export interface ShareTalkInit {
  readonly shares: Shares;
  readonly members: Members;
  readonly mounts: WorkerMounts;
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
    const payload = Buffer.from(JSON.stringify({ shares }), 'utf8');
    for (const peer of peers) this.#init.send(peer, payload);
  }

  /** A peer says on which shares it is; its file there is looked for, and nothing else below the path it names. */
  hear(peer: PeerName, shares: SharesMessage['shares']): void {
    for (const { root, ...mount } of shares) {
      if (!root.startsWith('/')) continue;
      this.#init.mounts.set(peer, root, mount);
      this.#join(peer, root).catch((error: unknown) =>
        this.#init.log('a share could not be looked at', { peer, root, error: String(error) }),
      );
    }
  }

  async #join(peer: PeerName, root: string): Promise<void> {
    const { shares, members, log } = this.#init;
    const found = await shares.find(root);
    if (!found.ok || found.share.root !== root) return;
    const membership = await members.check(root, peer);
    if (membership.ok) await members.join(found.share);
    else log('a peer is no member of a share', { peer, root, why: membership.why });
  }
}
