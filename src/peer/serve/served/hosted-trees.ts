/** The trees of other machines that are mounted here, and who may have one mounted. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { PeerName } from '../../../core/schedule/contract.ts';
import type { JobChannel } from '../../../swarm/libp2p/channel.ts';
import { FrameError } from '../../../wire/frame.ts';
import { memberFrameBytes } from '../../../wire/limits.ts';
import {
  encodeTreeOpened,
  parseTreeOpen,
  type TreeOpen,
  type TreeOpened,
} from '../../../wire/tree-stream-messages.ts';
import { HostedTree } from './hosted-tree.ts';

/** Of one submitter: a tree a project. */
const mostOfOne = 8;
const mostTrees = 64;

export interface HostedTreesInit {
  /** swarmfs, compiled. */
  readonly program: string;
  /** swarmjob, compiled. */
  readonly jobProgram: string;
  /** A directory of this peer alone. */
  readonly directory: string;
  /** Of contents, for each tree. */
  readonly cacheBytes: number;
  /** Why jobs of other machines' files cannot run here; undefined if they can. */
  readonly obstacle: () => string | undefined;
  readonly isTrusted: (peer: PeerName) => Promise<boolean>;
  readonly log: (message: string, facts: Record<string, unknown>) => void;
}

export class HostedTrees {
  readonly #init: HostedTreesInit;
  readonly #trees = new Map<string, HostedTree>();

  constructor(init: HostedTreesInit) {
    this.#init = init;
  }

  /** A peer has opened a stream to have its tree mounted. */
  open(peer: PeerName, channel: JobChannel): void {
    // Nothing that a stranger sends is read: it waits, at most one window.
    channel.pause();
    const turnAway = (): void => {
      const detail = 'it does not know this machine';
      channel.send('TREE_OPENED', encodeTreeOpened({ kind: 'refused', code: 'not-member', detail }));
      channel.close();
    };
    this.#init.isTrusted(peer).then((isTrusted) => {
      if (!isTrusted) return turnAway();
      channel.limit(memberFrameBytes);
      channel.resume();
    }, turnAway);
    channel.onFrame = ({ type, payload }) => {
      if (type !== 'TREE_OPEN') throw new FrameError(`a ${type} frame before the tree was opened`);
      const open = parseTreeOpen(payload);
      const refusal = this.#refusal(peer, open);
      if (refusal === undefined) return this.#mount(peer, channel, open);
      channel.send('TREE_OPENED', encodeTreeOpened(refusal));
      channel.close();
    };
  }

  /** @returns undefined if it is not mounted, or not any more. */
  find(peer: PeerName, tree: string): HostedTree | undefined {
    const found = this.#trees.get(keyOf(peer, tree));
    return found?.endIfRemoved() === true ? undefined : found;
  }

  close(): void {
    for (const tree of this.#trees.values()) tree.close('this peer is stopping');
  }

  #refusal(
    peer: PeerName,
    { tree, architecture }: TreeOpen,
  ): Extract<TreeOpened, { kind: 'refused' }> | undefined {
    const obstacle = this.#init.obstacle();
    if (obstacle !== undefined) return { kind: 'refused', code: 'no-namespace', detail: obstacle };
    if (architecture !== process.arch)
      return { kind: 'refused', code: 'toolchain', detail: `its processor is ${process.arch}` };
    const ofPeer = [...this.#trees.values()].filter((each) => each.peer === peer).length;
    if (ofPeer >= mostOfOne || this.#trees.size >= mostTrees || this.find(peer, tree) !== undefined)
      return { kind: 'refused', code: 'busy', detail: 'it has mounted too many trees' };
    return undefined;
  }

  #mount(peer: PeerName, channel: JobChannel, open: TreeOpen): void {
    const { program, jobProgram, directory, cacheBytes, log } = this.#init;
    const key = keyOf(peer, open.tree);
    const tree = new HostedTree({
      peer,
      channel,
      open,
      program,
      jobProgram,
      directory: join(directory, randomUUID()),
      cacheBytes,
      onOver: (over, why) => {
        if (this.#trees.get(key) === over) this.#trees.delete(key);
        log('a tree was unmounted', { peer, why });
      },
    });
    this.#trees.set(key, tree);
    tree.mount().then(
      () => log('a tree was mounted', { peer, tree: open.tree }),
      (error: unknown) => log('a tree could not be mounted', { peer, error: String(error) }),
    );
  }
}

function keyOf(peer: PeerName, tree: string): string {
  return `${peer} ${tree}`;
}
