/** The files of the page, as the build has made them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SwarmError } from '../../core/swarm-error.ts';
import { packageRoot } from '../../machine/package-root.ts';

export interface PageFile {
  readonly type: string;
  readonly bytes: Buffer;
}

const types = {
  'index.html': 'text/html; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
  'page.css': 'text/css; charset=utf-8',
  'icon.svg': 'image/svg+xml',
} as const;

/** By their names in URLs: that of the page itself is empty. */
export function readPageFiles(): Map<string, PageFile> {
  const folder = join(packageRoot, 'dist/src/web/page');
  try {
    return new Map(
      Object.entries(types).map(([name, type]) => [
        name === 'index.html' ? '' : name,
        { type, bytes: readFileSync(join(folder, name)) },
      ]),
    );
  } catch (cause) {
    throw new SwarmError('E_NO_PAGE', `The page is not in ${folder}; make it with \`npm run build\`.`, {
      cause,
    });
  }
}
