/** Tells people where a job is that has not ended, and what it waits for. Pure. */
import type { JobId, PeerName } from '../../core/schedule/contract.ts';
import type { DispatcherState } from '../../core/schedule/dispatcher.ts';
import type { JobStage } from '../../core/schedule/states.ts';

/** Phrases for jobs that are at a worker, made from its name. */
const remotePhrases: Readonly<Partial<Record<JobStage, (name: string) => string>>> = {
  offered: (name) => `is offered to ${name}`,
  accepted: (name) => `waits in the queue of ${name}`,
  started: (name) => `runs on ${name}, or its result is being checked`,
  fenced: (name) => `waits until nothing of it can run any more on ${name}, which was lost`,
};

/** @returns a phrase such as `waits for a free slot`. */
export function whereabouts(
  dispatcher: DispatcherState,
  job: JobId,
  nameOf: (peer: PeerName) => string,
): string {
  const record = dispatcher.jobs.get(job);
  if (record === undefined) return 'its command line is being read';
  const { stage, placement, demand } = record;
  const remote = remotePhrases[stage];
  if (placement !== undefined && remote !== undefined) return remote(nameOf(placement.peer));
  if (stage === 'inline') return 'runs here';
  if (stage === 'waiting') return 'waits for a slot of this machine';
  return demand.remoteOnly
    ? 'waits for a slot of another machine, as --remote asks'
    : 'waits for a free slot';
}
