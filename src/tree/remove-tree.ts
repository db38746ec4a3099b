/** Removes what jobs and their overlays leave, directories without rights among it, which only root could list. */
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';

const chmodTimeoutMs = 30_000;
const retrying = { recursive: true, force: true, maxRetries: 5, retryDelay: 100 } as const;

/** A directory of this user, with all below; nothing if it is not there. @throws errors of the file system */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, retrying);
  } catch (error) {
    if (!['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    // Their owner may give them rights: an overlay's work directory has none, nor has what a job has closed to itself.
    await promisify(execFile)('chmod', ['-R', 'u+rwx', '--', path], { timeout: chmodTimeoutMs }).catch(
      () => undefined, // what is still in the way is told by the second try
    );
    await rm(path, retrying);
  }
}
