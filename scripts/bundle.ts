/**
 * Puts `buildswarm` and all that it loads into few files below `dist/bundle`, with the licenses of what is in them.
 * Loading the files of a peer one by one, hundreds of them libp2p's, cost more CPU than all else that it does at its
 * start. The peer stays a part of its own, which the other commands do not load.
 */
import { readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleFiles } from './bundle-files.ts';
import { writeLicenses } from './licenses.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const target = join(root, 'dist/bundle');

const metafile = await bundleFiles(
  root,
  { main: 'src/cli/main.ts', 'disk-thread': 'src/share/disk-thread.ts' },
  target,
);
// After the new ones are there, since a peer of an earlier build may run.
const made = new Set(Object.keys(metafile.outputs).map((file) => basename(file)));
for (const name of readdirSync(target)) if (!made.has(name)) rmSync(join(target, name));
writeLicenses(root, target, Object.keys(metafile.inputs));
