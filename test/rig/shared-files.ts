/** Files of tests that several processes of node's test runner run between them. */
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe } from 'node:test';
import { pathToFileURL } from 'node:url';
import { checkout } from './child.ts';

/**
 * Runs files named in `folder`/files, one after the other: that of number `own`, and those after the first `processes` that
 * no other process has begun. None is without a file, which would count as a test. Each is a suite: its hooks are for its
 * own tests, and a report says in which file a test stands.
 */
export async function runSharedFiles(folder: string, own: number, processes: number): Promise<void> {
  const files = readFileSync(join(folder, 'files'), 'utf8').split('\n').slice(0, -1);
  for (const [index, file] of files.entries()) {
    const isMine = index < processes ? index === own : isFirst(join(folder, `${index}.begun`));
    if (isMine)
      await describe(relative(checkout, file), () => import(pathToFileURL(file).href) as Promise<never>);
  }
}

/** Makes a file; false if another process has. */
function isFirst(mark: string): boolean {
  try {
    closeSync(openSync(mark, 'wx'));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
