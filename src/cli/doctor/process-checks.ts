/** Checks of the peer's process and socket from outside, for when it does not answer. */
import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Finding } from '../../wire/cli-messages.ts';
import { fault } from './check.ts';

export interface PeerProcess {
  readonly pid: number;
  /** As /proc shows it: T is stopped by a signal, t by a debugger. */
  readonly state: string;
  readonly openDescriptors: number | undefined;
  readonly descriptorLimit: number | undefined;
}

/** Peers of this user on this machine, as far as they show in /proc. */
export function findPeers(uid: number): PeerProcess[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      if (lstatSync(`/proc/${name}`).uid !== uid) return [];
      const words = readFileSync(`/proc/${name}/cmdline`, 'latin1').split('\0');
      const at = words.findIndex((word) => /(?:^|\/)buildswarm$|\/cli\/main\.js$/.test(word));
      return at >= 0 && words[at + 1] === 'daemon' ? [readProcess(Number(name))] : [];
    } catch {
      return []; // it has ended
    }
  });
}

function readProcess(pid: number): PeerProcess {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const limits = readFileSync(`/proc/${pid}/limits`, 'latin1');
  const limit = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  return {
    pid,
    state: stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3),
    openDescriptors: readdirSync(`/proc/${pid}/fd`).length,
    descriptorLimit: limit === undefined ? undefined : Number(limit),
  };
}

/** By a signal, or by a debugger. */
export function isStopped({ state }: PeerProcess): boolean {
  return state === 'T' || state === 't';
}

/** What can be said of a peer that does not answer. @param error - what asking it came to. */
export function silentPeer(socket: string, peers: readonly PeerProcess[], error: string): Finding {
  const [peer] = peers;
  if (peer === undefined)
    return fault('peer', `none is running on this machine (${socket})`, socketCure(socket));
  const { pid, openDescriptors: open = 0, descriptorLimit: limit = Number.POSITIVE_INFINITY } = peer;
  if (isStopped(peer))
    return fault('peer', `process ${pid} is stopped by a signal`, `let it go on: kill -CONT ${pid}`);
  if (open > 0.9 * limit)
    return fault(
      'peer',
      `process ${pid} has ${open} files open, of the ${limit} that it may have`,
      `end it with kill ${pid}, raise the limit (ulimit -n 8192), and start it again`,
    );
  if (!exists(socket))
    return fault(
      'peer',
      `process ${pid} runs, but its socket ${socket} is not there`,
      `end it with kill ${pid} and start it again; BUILDSWARM_SOCKET or XDG_RUNTIME_DIR may differ from its own`,
    );
  return fault(
    'peer',
    `process ${pid} does not answer: ${error}`,
    `see its log; end it with kill ${pid} and start it again`,
  );
}

const ofProcess = [
  ['other mounts', 'ns/mnt'],
  ['another root directory', 'root/.'],
] as const;

/** A peer that answers, but with which commands from here have not all in common: these run here, see core/command/travel.ts. */
export function surroundings(peers: readonly PeerProcess[]): Finding[] {
  const [peer] = peers;
  // Of several it is not known which one answered.
  if (peer === undefined || peers.length > 1) return [];
  const other = ofProcess.find(([, name]) => {
    try {
      const [theirs, own] = [statSync(`/proc/${peer.pid}/${name}`), statSync(`/proc/self/${name}`)];
      return theirs.ino !== own.ino || theirs.dev !== own.dev;
    } catch {
      return false; // it may not be looked at, or has ended
    }
  });
  if (other === undefined) return [];
  return [
    fault(
      'surroundings',
      `process ${peer.pid}, the peer, has ${other[0]} than this shell: commands from here run here`,
      'start the peer where commands are started; as a service without PrivateTmp and the like',
    ),
  ];
}

function socketCure(socket: string): string {
  const directory = dirname(socket);
  const start = 'start one with `buildswarm start`';
  try {
    const stat = lstatSync(directory);
    const mode = stat.mode & 0o777;
    return mode === 0o700
      ? start
      : `chmod 700 ${directory}, which has mode ${mode.toString(8)}, then ${start}`;
  } catch {
    return start; // it is made then
  }
}

function exists(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
