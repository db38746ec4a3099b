/**
 * The rules of the swarm that simulations hold, by their numbers, and for each a fault in the scheduling that breaks it: so
 * that every check is seen to be able to fail.
 */
import type { DispatcherAction, DispatcherEvent, WorkerEvent } from '../../src/core/schedule/contract.ts';
import type { DispatcherState } from '../../src/core/schedule/dispatcher.ts';
import type { AttemptRecord } from '../../src/peer/submit/attempt-record.ts';

/** What is done between a scheduler and its shells, and to the shells. */
export interface Tampering {
  readonly dispatch?: (event: DispatcherEvent) => DispatcherEvent | undefined;
  readonly work?: (event: WorkerEvent) => WorkerEvent | undefined;
  /** In the order in which they are carried out. */
  readonly carry?: (action: DispatcherAction) => DispatcherAction[];
  /** What it remembers, after each step. */
  readonly forget?: (state: DispatcherState) => void;
  /** Gossip is not listened to. */
  readonly deaf?: boolean;
  /** Streams of jobs do not end with their connection. */
  readonly streamsOutlive?: boolean;
  /** While an attempt is settled. */
  readonly settle?: (record: AttemptRecord) => void;
}

/** Sees to it that the rules hold. */
export interface Judge {
  readonly nowMs: number;
  demand(condition: boolean, invariant: InvariantName, text: () => string): void;
}

export interface Invariant {
  readonly says: string;
  /** `stale-cache.ts` holds its own, which it breaks by rules of views. */
  readonly playedBy: 'faults' | 'idle-slots' | 'stale-cache';
  readonly brokenBy?: Tampering;
}

const without =
  <Event extends { readonly type: string }>(...types: Event['type'][]) =>
  (event: Event): Event | undefined =>
    types.includes(event.type) ? undefined : event;

export const invariants = {
  I1: {
    says: 'only the newest attempt of a job is committed, by its submitter',
    playedBy: 'faults',
    brokenBy: {
      carry: (action) => (action.type === 'abandon' ? [] : [action]),
    },
  },
  I4: {
    says: 'what a believed job read was, when it read it, what its submitter had at or after the hand-in',
    playedBy: 'stale-cache',
  },
  I5: {
    says: 'each job ends exactly once',
    playedBy: 'faults',
    brokenBy: { settle: ({ submission }) => submission.finish({ kind: 'exited', status: 0 }) },
  },
  I7: {
    says: 'attempts rise, and no more than three of them start on other machines',
    playedBy: 'faults',
    brokenBy: {
      dispatch: (event) => {
        if (event.type !== 'ended') return event;
        const { job, attempt } = event;
        return { type: 'failed', job, attempt, reason: 'oom-killed', confirmed: true };
      },
      forget: ({ jobs }) => {
        for (const job of jobs.values()) {
          job.failures = 0;
          job.avoid = undefined;
        }
      },
    },
  },
  I8: {
    says: 'what writes in place never runs twice, unless the first has ended for certain or its lease is over',
    playedBy: 'faults',
    brokenBy: {
      dispatch: (event) =>
        event.type === 'peer-down' || event.type === 'failed' ? { ...event, graceMs: 0 } : event,
    },
  },
  I9: {
    says: 'no machine runs more than it has slots, and all are free in the end',
    playedBy: 'faults',
    brokenBy: { work: without('inline') },
  },
  I10: {
    says: 'what a submitter counts at a peer is what it has there',
    playedBy: 'faults',
    brokenBy: {
      forget: ({ peers }) => {
        for (const peer of peers.values()) peer.mine.clear();
      },
    },
  },
  I11: {
    says: 'nothing of a job lives half a second after its wrapper died, nor 12 s after its submitter did',
    playedBy: 'faults',
    brokenBy: { work: without('peer-down'), streamsOutlive: true },
  },
  I13: {
    says: 'this machine never runs more of its own jobs than it has slots, even if all peers vanish',
    playedBy: 'faults',
    brokenBy: {
      dispatch: (event) => (event.type === 'own' ? { ...event, freeSlots: event.freeSlots + 4 } : event),
    },
  },
  I14: {
    says: 'once faults have stopped every job ends within twice its run time and a bound',
    playedBy: 'faults',
    brokenBy: { dispatch: without('returned') },
  },
  I15: {
    says: 'once faults have stopped all see each other, with figures that are true',
    playedBy: 'faults',
    brokenBy: { deaf: true },
  },
  I24: {
    says: 'nothing is kept of what is over',
    playedBy: 'faults',
    brokenBy: { dispatch: without('released') },
  },
  I28: { says: 'the same seed gives the same course of events', playedBy: 'faults' },
  I29: {
    says: 'no job runs at home or waits while a worker that fits has had a free slot for a second',
    playedBy: 'idle-slots',
    brokenBy: { dispatch: without('report') },
  },
} as const satisfies Readonly<Record<string, Invariant>>;

export type InvariantName = keyof typeof invariants;
