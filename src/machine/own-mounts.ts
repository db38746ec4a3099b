/**
 * Whether a program that hands a command in sees the places for what is temporary that this process sees: one that was
 * started by a job from elsewhere has them for itself (swarmexec), and what the command reads in there is nowhere else.
 */
import { type Dirent, readdirSync, readlinkSync, statSync } from 'node:fs';
import { isNoAnswer } from '../core/no-answer.ts';
import { ownPlaces } from '../core/own-places.ts';

/**
 * Directories of sockets, which jobs see too, what is of ours besides, and what compilers hand to their own parts: a make
 * that came from elsewhere compiles here all the time, and could send none of its compiles out else.
 */
const passedOver = /^(?:\.buildswarm-|buildswarm-\d+$|cc\w{6}\.(?:s|o|res|ld|le|cdtor\.[co])$)/;

export type OwnMounts =
  /** They are the same; or it cannot be seen from here, as in a container. */
  | 'shared'
  | {
      /** A name in one of its own places. */
      readonly holds: string | undefined;
    };

/** Of this process: it is in no other as long as it lives. */
let ownNamespace: string | undefined;

/** @throws errors for want of something, such as descriptors */
export function ownMountsOf(pid: number): OwnMounts {
  try {
    ownNamespace ??= readlinkSync('/proc/self/ns/mnt');
    if (readlinkSync(`/proc/${pid}/ns/mnt`) === ownNamespace) return 'shared';
    // Another namespace may show the same ones: of a service, say, for which a part of the system is read-only.
    const own = ownPlaces.filter((place) => identityOf(`/proc/${pid}/root${place}`) !== identityOf(place));
    if (own.length === 0) return 'shared';
    for (const place of own) {
      const entry = entriesIn(`/proc/${pid}/root${place}`).find(isRead);
      if (entry !== undefined) return { holds: `${place}/${entry.name}` };
    }
    return { holds: undefined };
  } catch (error) {
    if (isNoAnswer(error)) throw error;
    return 'shared'; // it has ended, or is of another user or namespace
  }
}

/** A pipe is read once, by whom it is for, as that of make's job server. */
function isRead(entry: Dirent): boolean {
  return !entry.isFIFO() && !entry.isSocket() && !passedOver.test(entry.name);
}

function identityOf(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found && `${found.dev} ${found.ino}`;
}

function entriesIn(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
