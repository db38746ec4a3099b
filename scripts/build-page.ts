/** Bundles the page of `buildswarm web` into `dist/src/web/page`, with the licenses of what is in it. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { writeLicenses } from './licenses.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const source = join(root, 'src/web/page');
const target = join(root, 'dist/src/web/page');

const { metafile } = await build({
  entryPoints: { page: join(source, 'main.tsx') },
  outdir: target,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',
  metafile: true,
  absWorkingDir: root,
});
for (const file of ['index.html', 'icon.svg']) copyFileSync(join(source, file), join(target, file));
writeLicenses(root, target, Object.keys(metafile.inputs));
