/**
 * Finds peers where no multicast reaches them: every member of a share has its addresses in its member file. Also joins
 * the share that the user's home directory, or the directory in which the peer was started, lies in.
 */
import type { PeerName } from '../../core/schedule/contract.ts';
import type { Disk } from '../../share/disk.ts';
import { listMembers } from '../../share/members.ts';
import type { Shares } from '../../share/shares.ts';
import type { Membership } from './membership.ts';

/** The files are few and small. */
const readEveryMs = 15_000;
/** Peers dialled from one share at a time. */
const maxDialled = 300;

export interface AddressBookInit {
  readonly disk: Disk;
  readonly shares: Shares;
  readonly members: Membership;
  readonly connected: () => readonly PeerName[];
  readonly connectTo: (peer: PeerName, addresses: readonly string[]) => void;
  readonly log: (message: string, facts: Record<string, unknown>) => void;
}

export class AddressBook {
  readonly #init: AddressBookInit;
  #timer: NodeJS.Timeout | undefined;
  readonly #own: PeerName;

  constructor(own: PeerName, init: AddressBookInit) {
    this.#own = own;
    this.#init = init;
  }

  /** Joins the shares of these directories, and reads the member files from now on. */
  start(directories: readonly string[]): void {
    this.#timer = setInterval(() => this.read(), readEveryMs);
    this.#joinSharesOf(directories).catch((error: unknown) =>
      this.#init.log('no share could be joined at the start', { error: String(error) }),
    );
  }

  /** Reads the member files of all shares that this peer has joined, and connects to the peers that are not connected yet. */
  read(): void {
    for (const { root } of this.#init.members.joined) {
      this.#readOne(root).catch((error: unknown) =>
        this.#init.log('the member files could not be read', { root, error: String(error) }),
      );
    }
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #joinSharesOf(directories: readonly string[]): Promise<void> {
    for (const directory of new Set(directories)) {
      const found = await this.#init.shares.find(directory);
      if (found.ok) await this.#init.members.join(found.share);
    }
    this.read();
  }

  async #readOne(root: string): Promise<void> {
    const listed = await listMembers(this.#init.disk, root, [this.#own, ...this.#init.connected()]);
    if (!listed.ok) return;
    for (const { peerId, addresses } of listed.members.slice(0, maxDialled))
      this.#init.connectTo(peerId, addresses);
  }
}
