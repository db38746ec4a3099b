/**
 * The closed table of reason codes: why a job did not simply run on another machine at the first try.
 * Every such decision carries one of these codes; `status` counts them and `why` prints the sentence.
 * A decision that fits none of them needs a new row here first.
 */
export const reasons = {
  // by rule of the command line: runs inline
  query: 'the command only asks the tool about itself',
  preprocess: 'the command only preprocesses to stdout or lists dependencies: running it here is cheapest',
  ccache: 'ccache looks on this machine for what it has, and has the swarm compile what it lacks',
  'stdin-input': 'the command reads its source from standard input',
  probe: 'a probe of a configure step (conftest, CMake try-compile, meson-private)',
  'outside-share': 'the directory or a named path is outside every share; see `buildswarm share`',
  interactive: 'the command is attached to a terminal and may be interactive',
  descriptor: 'the command inherited open descriptors above 2, which exist only on this machine',
  surroundings:
    'the command was started with another group, personality, root directory or mounts than the peer',
  native: 'the command is for the CPU it runs on (-march=native), and the CPU of the worker differs',
  'no-command': 'the command line is empty, or its program cannot be found',
  asked: '`buildswarm run --local` or FORCE_INLINE asked for it',
  nested: 'a job that already holds a slot started it, and no other slot was free',
  // by state of the swarm: runs inline
  'no-peers': 'this machine knows no other peer',
  'no-fitting-peer': 'every known peer refused for a reason that waiting does not change',
  'own-slot': 'all remote slots were taken, and this machine had a free slot',
  unprovable: 'nothing proves that another machine would read the same files, so it ran here',
  'retries-used-up':
    'its attempts on other machines (three, or one on each that fits) came to nothing, so it ran here',
  conflict: 'a file that the command wrote changed here meanwhile, so it ran again here',
  unwritable: 'what the command wrote on another machine cannot be written here, so it ran again here',
  'tree-fault':
    'the command asked for what is not shown to workers, or wrote what none can bring home, so it ran here',
  'failed-remotely': 'the command failed on another machine; it ran again here, and that result counts',
  stopping: 'the peer on this machine is stopping',
  // refusals by a worker
  busy: 'all slots of the worker and its short queue are taken',
  memory: 'the worker does not have enough free memory for this kind of job',
  toolchain: 'the compiler or system headers of the worker differ from those here',
  untraced: 'the worker cannot trace what a command reads',
  'no-namespace': 'the worker cannot run commands in the files of this machine',
  'tree-gone': 'the worker does not have the files of this machine any more',
  share: 'the worker does not see this share at this path',
  'not-member': 'the share holds no member file of that peer, and it is not a machine that was made known',
  'stale-view': 'the worker did not see the files as they are here in time',
  leaving: 'the worker is stopping',
  'owner-active': 'the worker is busy with the work of its owner',
  version: 'the worker speaks another version of the protocol',
  // ends of an attempt that lead to another one
  'lost-peer': 'the worker fell silent, or the connection to it was lost',
  'oom-killed': 'the worker ran out of memory and the command was killed',
  'no-space-remote': 'a disk of the worker is full',
  'spawn-failed': 'the worker could not start the command',
  'view-grew': 'the command searched directories that the worker had not refreshed',
  'system-differs':
    'the system files of the worker differ, or nothing proves that they do not, so it was shown those of this machine',
  'output-unseen': 'an output of the worker did not appear here in time',
  recalled: 'it was still queued when a slot became free elsewhere, so it was moved',
  cancelled: 'the program that asked for it ended or was interrupted',
  // what a command left
  'left-outside':
    'the command left files outside the share on another machine that could not be brought here',
  'not-apart':
    'the worker gave the command no /tmp of its own, so what it left in the /tmp of the worker stays there',
  'scan-cut':
    'the command may have changed more than was found after it, so all that is there is opened anew before other scripts use it',
  'left-behind': 'the command left processes in the background, which live on where it ran',
} as const;

/** A code of the closed table. */
export type Reason = keyof typeof reasons;

export function isReason(text: string): text is Reason {
  return Object.hasOwn(reasons, text);
}

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
  'untraced',
  'native',
  'no-namespace',
  'tree-gone',
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
  'system-differs',
  'output-unseen',
] as const satisfies readonly Reason[];
export type RetryCode = (typeof retryCodes)[number];
