/**
 * Whether a program that hands a command in sees the places for what is temporary that this process sees: one that was
 * started by a job from elsewhere has them for itself (swarmexec), and what the command reads in there is nowhere else.
 */
import { readdirSync, readlinkSync } from 'node:fs';
import { ownPlaces } from '../core/own-places.ts';
import { isNoAnswer } from './no-answer.ts';

/** Directories of sockets, which jobs see too, and what is of ours besides. */
const ours = /^(?:\.buildswarm-|buildswarm-\d+$)/;

export type OwnMounts =
  /** They are the same; or it cannot be seen from here, as in a container. */
  | 'shared'
  | {
      /** A name in one of its own places. */
      readonly holds: string | undefined;
    };

/** @throws errors for want of something, such as descriptors */
export function ownMountsOf(pid: number): OwnMounts {
  try {
    if (readlinkSync(`/proc/${pid}/ns/mnt`) === readlinkSync('/proc/self/ns/mnt')) return 'shared';
    for (const place of ownPlaces) {
      const name = namesIn(`/proc/${pid}/root${place}`).find((each) => !ours.test(each));
      if (name !== undefined) return { holds: `${place}/${name}` };
    }
    return { holds: undefined };
  } catch (error) {
    if (isNoAnswer(error)) throw error;
    return 'shared'; // it has ended, or is of another user or namespace
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
