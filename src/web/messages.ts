/** What `buildswarm web` tells its page, by server-sent events: the name of an event, and what its data is. */
import type { Build, Finding, Status } from '../wire/cli-messages.ts';

/** One start of a job on one machine. */
export interface Run {
  /** Tells it from all others. */
  readonly key: string;
  /** Of this machine's jobs; undefined: of another machine. */
  readonly job?: number;
  /** Id of the peer that asked for it. */
  readonly submitter: string;
  /** The file that the job writes, or its command. */
  readonly title: string;
  readonly cwd: string;
  /** Shortened. */
  readonly command: string;
  readonly kind: RunKind;
  /** Id of the peer that runs it; of a run here that of this peer. */
  readonly peer: string;
  /** ms since 1970. */
  readonly fromMs: number;
  /** Undefined while it runs. */
  readonly toMs?: number;
  /** `lost`: another start of the job followed. */
  readonly outcome: 'running' | 'elsewhere' | 'here' | 'failed' | 'lost';
  /** How it ended. */
  readonly ending: string;
  /** Codes of reasons. */
  readonly reasons: readonly string[];
  /** From its handing in until this start. */
  readonly waitedMs: number;
}

/** By what a job writes. */
export const runKinds = ['compile', 'link', 'archive', 'other'] as const;
export type RunKind = (typeof runKinds)[number];

/** Figures of one moment. */
export interface Sample {
  readonly atMs: number;
  /** Jobs of this machine that ended in the second before. */
  readonly jobsPerSecond: number;
  /** Of all peers that work for this one, whoever asked for what runs there. */
  readonly slotsUsed: number;
  readonly slots: number;
  readonly queued: number;
}

/** The swarm of one moment. */
export interface Moment {
  readonly status: Status;
  readonly build: Build;
  /** Jobs of others that this machine has taken, by the name of their submitter. */
  readonly hosted: readonly { readonly submitter: string; readonly jobs: number }[];
  /** How many jobs of this machine run, as a multiple of what its own slots could, since the build began. */
  readonly gain: number | undefined;
  /** `make -j`. */
  readonly advisedJobs: number;
  readonly sample: Sample;
}

/** Events by their names. */
export interface PageEvents {
  /** What was said before is of no account: a new connection, or the peer was started again. */
  readonly reset: { readonly samples: readonly Sample[] };
  readonly moment: Moment;
  /** Runs that are new or have changed. */
  readonly runs: readonly Run[];
  readonly doctor: { readonly atMs: number; readonly findings: readonly Finding[] };
  /** The peer does not answer. */
  readonly silent: { readonly why: string };
}
