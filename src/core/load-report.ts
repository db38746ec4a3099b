/** What a peer says about itself: gossiped, and carried by every reply of a worker. */
export interface LoadReport {
  /** PeerId as libp2p prints it. */
  readonly id: string;
  /** Start time of the peer in ms since the epoch: tells two lives of one identity apart; higher wins. */
  readonly incarnation: number;
  /** Rises with every report of this incarnation; higher is newer. */
  readonly sequence: number;
  readonly name: string;
  readonly version: string;
  /** Multiaddrs without the /p2p/ part, at most 16. */
  readonly addresses: readonly string[];
  readonly slots: number;
  /** Jobs running on that machine's slots, whoever asked for them, its own inline ones too. */
  readonly running: number;
  /** Accepted and not started. */
  readonly queued: number;
  /** CPU use by other people's processes, in cores (0..cores). */
  readonly load: number;
  readonly memoryFreeBytes: number;
  /** Relative speed of one slot; 1 is the reference. */
  readonly speed: number;
  readonly state: 'ready' | 'refusing';
  /** It can run jobs in the files of their submitter; absent in reports of older versions. */
  readonly served?: boolean | undefined;
  /** Why it refuses, codes of the reason table; empty when ready. */
  readonly reasons: readonly string[];
}
