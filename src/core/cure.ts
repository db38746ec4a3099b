/** What people can do about a reason, in a sentence; of reasons that need nothing there is none. */
import type { Reason } from './reason.ts';

export const cures: Readonly<Partial<Record<Reason, string>>> = {
  'outside-share':
    'make other machines known to this one with `buildswarm invite HOST`, or work below a share, which `buildswarm share DIR` makes; if they are known, build in a directory of yours on a disk or in /tmp (not in /dev/shm or /run) and write there alone; see `buildswarm status`, and `buildswarm doctor` there',
  surroundings: 'nothing; or start a peer where the command is started',
  descriptor: 'close descriptors above 2 before the command is started',
  native: 'name the CPU, as -march=x86-64-v3',
  'no-peers':
    'start a peer elsewhere; where multicast is blocked, name one with --peer; see `buildswarm doctor`',
  'no-fitting-peer': 'see the refusals below, and `buildswarm status`',
  'retries-used-up': 'see why the attempts ended, below',
  stopping: 'start the peer again with `buildswarm start`',
  memory: 'give that machine fewer slots with --slots',
  toolchain: 'install the same packages on both machines; `buildswarm status` says what differs',
  untraced: 'install gcc or clang there and run `npm run build`',
  share: 'mount the share there, at the same path',
  'not-member':
    'make it known to this machine with `buildswarm invite HOST`; where both share a tree, start it as the same user there',
  'stale-view':
    'if it comes often, compare mount options (nocto, actimeo) and clocks of both machines; see `buildswarm doctor`',
  leaving: 'start that peer again with `buildswarm start` when it has ended',
  'owner-active':
    'wait, or end what else runs on that machine; if it was started with `--slots 0`, give it slots',
  version: 'install the same version of buildswarm everywhere',
  'oom-killed': 'give that machine fewer slots with --slots',
  'no-space-remote': 'make room on that machine, mostly in its /tmp or ~/.cache',
  'spawn-failed':
    'look which directory or program is missing there, or which hard limit (ulimit -H) is lower',
  'output-unseen': 'look at the file server, and at the mount options of both machines',
};
