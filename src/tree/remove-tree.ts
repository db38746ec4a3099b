/** Removes what jobs and their overlays leave, directories without rights among it, which only root could list. */
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';

const programTimeoutMs = 30_000;
const retrying = { recursive: true, force: true, maxRetries: 5, retryDelay: 100 } as const;

/** A directory of this user, with all below; nothing if it is not there. @throws errors of the file system */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, retrying);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!['EACCES', 'EPERM', 'ENAMETOOLONG'].includes(code)) throw error;
    // Their owner may give them rights: an overlay's work directory has none, nor has what a job has closed to itself.
    await run('chmod', '-R', 'u+rwx', '--', path);
    // What is too deep to be named as a whole is reached step by step.
    await run('rm', '-rf', '--', path);
    await rm(path, retrying);
  }
}

/** What it could not do is told by what is tried next. */
async function run(program: string, ...words: readonly string[]): Promise<void> {
  await promisify(execFile)(program, words, { timeout: programTimeoutMs }).catch(() => undefined);
}
