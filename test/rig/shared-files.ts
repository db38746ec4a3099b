/** Files of tests that several processes of node's test runner run between them. */
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe } from 'node:test';
import { pathToFileURL } from 'node:url';
import { checkout } from './child.ts';

/**
 * Runs those of the files named in `folder`/files that no other process has begun, one after the other. Each is a suite:
 * its hooks are for its own tests, and a report says in which file a test stands.
 */
export async function runSharedFiles(folder: string): Promise<void> {
  const files = readFileSync(join(folder, 'files'), 'utf8').split('\n').slice(0, -1);
  for (const [index, file] of files.entries()) {
    if (!isFirst(join(folder, `${index}.begun`))) continue;
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
