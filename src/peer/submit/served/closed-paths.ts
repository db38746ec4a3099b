/** Which paths of this machine are never served, besides what never is anywhere: by their real paths, as swarmtree looks. */
import { realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type ByteString, fromText } from '../../../wire/bytes.ts';
import type { Settings } from '../../settings.ts';

/** The sockets of the peer, what it keeps of others, the keys of this machine, and what the user has set. */
export async function closedPaths(settings: Settings): Promise<ByteString[]> {
  const { socketPath, cacheDirectory, pairingDirectory, neverServed } = settings;
  // Mostly a link to /run, which programs look through for sockets of the system: to show the link shows nothing.
  const all = ['/var/run', dirname(socketPath), cacheDirectory, pairingDirectory, ...neverServed];
  return await Promise.all(all.map(async (path) => fromText(path.startsWith('/') ? await real(path) : path)));
}

/** Without links; of what is not there yet, as far as it is there. */
async function real(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    // Not there, or not to be entered: it lies where the directory above does.
    const above = dirname(path);
    return above === path ? path : join(await real(above), basename(path));
  }
}
