/**
 * The one closed table of reason codes: why a job was not simply run remotely at the first try.
 * Every decision that is not the plain one carries one of these codes; `status` counts them and
 * `why` prints the sentence. A decision that fits none of them needs a new row here first.
 */
export const reasons = {
  // by rule of the command line: runs inline
  query: 'the command only asks the tool about itself',
  preprocess: 'preprocessing to stdout, or dependencies only: cheaper here than anywhere',
  'stdin-input': 'the command reads its source from standard input',
  probe: 'a probe of a configure step (conftest, CMake try-compile, meson-private)',
  'outside-share': 'the directory or a named path is not in a share; see `buildswarm share`',
  interactive: 'the command is attached to a terminal and may be interactive',
  descriptor: 'the command was given open descriptors above 2, which only this machine has',
  native: '-march=native and no peer with the same CPU',
  'no-command': 'the command line is empty or its program is not to be found',
  'too-large': 'the command line or environment is beyond what a peer accepts',
  asked: '`buildswarm run --local` or FORCE_INLINE asked for it',
  nested: 'started by a job that holds a slot already, and no other slot was free',
  // by state of the swarm: runs inline
  'no-peers': 'no other peer is known',
  'no-fitting-peer': 'every known peer refused for a reason that waiting does not cure',
  'own-slot': 'all remote slots were taken and a slot of this machine was free',
  unprovable: 'it could not be proven that another machine would read what is here, so it ran here',
  'retries-used-up': 'three remote attempts were lost or refused',
  'failed-remotely': 'the command failed on another machine; it ran again here and that result counts',
  stopping: 'the peer on this machine is stopping',
  // refusals by a worker
  busy: 'all slots and the prefetch queue of the worker are taken',
  memory: 'the worker has not the free memory that jobs of this kind need',
  toolchain: "the worker's compiler or system headers differ",
  share: 'the worker does not see this share at this path',
  'not-member': 'no member file of that peer is on the share',
  'stale-view': 'the worker could not be made to see the files as they are here',
  leaving: 'the worker is stopping',
  'owner-active': 'the owner of the worker needs the machine',
  version: 'the worker speaks another version of the protocol',
  // ends of an attempt that lead to another one
  'lost-peer': 'the connection to the worker was lost or it fell silent',
  'oom-killed': 'the command was killed on the worker for want of memory',
  'no-space-remote': 'a disk of the worker is full',
  'spawn-failed': 'the worker could not start the command',
  'view-grew': 'the command searched directories that had not been refreshed on the worker',
  'output-unseen': 'an output of the worker did not become visible here in time',
  recalled: 'called back from a queue because a slot fell free elsewhere',
  cancelled: 'the caller went away or was interrupted',
  // how outputs are written
  'in-place': 'the outputs cannot be renamed without changing a byte, so they are written in place',
} as const;

/** A code of the closed table. */
export type Reason = keyof typeof reasons;

/** What a worker may answer to an offer that it does not take. */
export const refusalCodes = [
  'busy',
  'memory',
  'toolchain',
  'share',
  'not-member',
  'stale-view',
  'outside-share',
  'leaving',
  'owner-active',
  'version',
  'native',
] as const satisfies readonly Reason[];
export type RefusalCode = (typeof refusalCodes)[number];

/** The closed table of attempts' ends that are tried again elsewhere (DESIGN 6.3b). */
export const retryCodes = [
  'lost-peer',
  'stale-view',
  'oom-killed',
  'no-space-remote',
  'spawn-failed',
  'view-grew',
  'output-unseen',
] as const satisfies readonly Reason[];
export type RetryCode = (typeof retryCodes)[number];
