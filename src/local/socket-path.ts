/** Whether the directory of the local socket may be trusted. The wrappers have the same rules. */
import { lstatSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { SwarmError } from '../core/swarm-error.ts';

/** Whether nobody else can have put a socket into this directory. */
export function isPrivateDirectory(directory: string, uid: number): boolean {
  try {
    const stat = lstatSync(directory);
    return stat.isDirectory() && stat.uid === uid && (stat.mode & 0o777) === 0o700;
  } catch {
    return false; // not there
  }
}

/**
 * Makes the socket's directory, or checks the one that is there: a directory (no link), owned by `uid`, mode 0700.
 *
 * @throws SwarmError `E_SOCKET_DIRECTORY` if it is another's or open to others: who can write there could take
 *   the place of the peer and be handed every command line.
 */
export function prepareSocketDirectory(path: string, uid: number): string {
  const directory = dirname(path);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new SwarmError(
      'E_SOCKET_DIRECTORY',
      `The directory ${directory} for the local socket cannot be made; set BUILDSWARM_SOCKET to a path that you can write.`,
      { cause },
    );
  }
  const stat = lstatSync(directory);
  const wrong = !stat.isDirectory()
    ? 'is not a directory'
    : stat.uid !== uid
      ? `belongs to user ${stat.uid}, not to you (${uid})`
      : (stat.mode & 0o777) !== 0o700
        ? `has mode ${(stat.mode & 0o777).toString(8)}, it must be 700`
        : undefined;
  if (wrong !== undefined) {
    throw new SwarmError(
      'E_SOCKET_DIRECTORY',
      `The directory ${directory} ${wrong}; remove it or mend it (chmod 700), or set BUILDSWARM_SOCKET to another path.`,
    );
  }
  return directory;
}
