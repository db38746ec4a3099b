/** What peers say to each other. */
import type { LoadReport } from '../../../src/core/load-report.ts';
import type { JobChannel } from '../../../src/swarm/libp2p/channel.ts';

/** What is not about the connection itself, nor on the stream of a job. */
export type Content =
  | { readonly type: 'gossip'; readonly reports: readonly LoadReport[] }
  | { readonly type: 'want'; readonly jobs: number }
  | { readonly type: 'free'; readonly report: LoadReport };

export type Message =
  | Content
  /** A stream for a job begins, with its end for the worker. */
  | { readonly type: 'open'; readonly end: JobStream }
  /** Something comes over such a stream. */
  | { readonly type: 'stream'; readonly deliver: () => void }
  | { readonly type: 'beat' | 'beat-ack'; readonly sentAtMs: number }
  | { readonly type: 'closed' };

/** One end of a job's stream. */
export interface JobStream extends JobChannel {
  /** Its connection is gone, as far as this end knows. */
  cut(): void;
  onOver: () => void;
}
