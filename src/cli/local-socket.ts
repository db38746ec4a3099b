/** The local socket of the user who calls. */
import { lstatSync } from 'node:fs';
import { dirname } from 'node:path';
import { SwarmError } from '../core/swarm-error.ts';
import { isPrivateDirectory } from '../local/socket-path.ts';
import { socketPath, socketPaths } from '../wire/socket-path.ts';

/**
 * The first that is there, of those at which a peer of this user may be; else where one that is started now would listen.
 *
 * @throws SwarmError as listeningSocket
 */
export function localSocket(): string {
  const own = listeningSocket();
  return presentSockets()[0] ?? own;
}

/** Where a peer that is started now listens. @throws SwarmError `E_SETTING` if `BUILDSWARM_SOCKET` is no absolute path. */
export function listeningSocket(): string {
  const path = socketPath(process.env, userId());
  if (path.startsWith('/')) return path;
  throw new SwarmError('E_SETTING', `BUILDSWARM_SOCKET: the socket path "${path}" is not absolute.`);
}

/** Those that nobody else can have put there; what a peer that was killed has left is among them. */
export function presentSockets(): string[] {
  return socketPaths(process.env, userId()).filter((path) => isThere(path));
}

function userId(): number {
  return process.getuid?.() ?? 0;
}

function isThere(path: string): boolean {
  if (!isPrivateDirectory(dirname(path), userId())) return false;
  return lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true;
}
