/** Where this package lies. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The nearest folder above that has a `package.json`: this module is run from `dist/src` and from `dist/bundle`. */
export const packageRoot: string = findPackage(dirname(fileURLToPath(import.meta.url)));

function findPackage(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder;
  if (folder === dirname(folder)) throw new Error(`internal: no package.json above ${import.meta.url}`);
  return findPackage(dirname(folder));
}
