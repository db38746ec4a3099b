/** What peers say to each other. */
import type { LoadReport } from '../../../src/core/load-report.ts';
import type { RefusalCode, RetryCode } from '../../../src/core/reason.ts';
import type { SimJob } from '../sim-job.ts';

export type ToWorker =
  | { type: 'offer'; job: number; attempt: number; memoryBytes: number; sim: SimJob }
  | { type: 'recall' | 'cancel'; job: number; attempt: number }
  | { type: 'want'; jobs: number };

export type ToSubmitter =
  | { type: 'accepted' | 'returned'; job: number; attempt: number; report: LoadReport }
  | { type: 'started'; job: number; attempt: number }
  | { type: 'refused'; job: number; attempt: number; code: RefusalCode; report: LoadReport }
  | { type: 'result'; job: number; attempt: number; report: LoadReport; failed: RetryCode | undefined }
  | { type: 'free'; report: LoadReport };

/** What is not about the connection itself. */
export type Content = ToWorker | ToSubmitter | { type: 'gossip'; reports: LoadReport[] };

export type Message = Content | { type: 'beat' | 'beat-ack'; sentAtMs: number } | { type: 'closed' };
