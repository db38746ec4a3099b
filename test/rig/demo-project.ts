/** A real C++ code base (LevelDB) for end-to-end tests, and what its builds made. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { check, checkout } from './child.ts';

/** Puts the sources into a folder. The first time needs the npm registry. */
export async function fetchDemoProject(folder: string): Promise<void> {
  await check([path.join(checkout, 'scripts/demo-project/fetch'), folder], { timeoutMs: 120_000 });
}

/** SHA-256 of every object file below a folder, by path. */
export async function hashObjects(folder: string): Promise<Map<string, string>> {
  const hashes = new Map<string, string>();
  for (const entry of await readdir(folder, { recursive: true })) {
    if (!entry.endsWith('.o')) continue;
    const bytes = await readFile(path.join(folder, entry));
    hashes.set(entry, createHash('sha256').update(bytes).digest('hex'));
  }
  return hashes;
}
