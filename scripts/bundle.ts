/**
 * Puts `buildswarm` and all that it loads into few files below `dist/bundle`, with the licenses of what is in them.
 * Loading the files of a peer one by one, hundreds of them libp2p's, cost more CPU than all else that it does at its
 * start. The peer stays a part of its own, which the other commands do not load.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url));
const target = join(root, 'dist/bundle');

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: { main: 'src/cli/main.ts', 'disk-thread': 'src/share/disk-thread.ts' },
  outdir: target,
  bundle: true,
  splitting: true,
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  sourcemap: true,
  sourcesContent: false,
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
  // For packages that are no ES modules and ask for Node's own.
  banner: {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  },
});
// After the new ones are there, since a peer of an earlier build may run.
const made = new Set(Object.keys(metafile.outputs).map((file) => basename(file)));
for (const name of readdirSync(target)) if (!made.has(name)) rmSync(join(target, name));
const folders = new Set(
  Object.keys(metafile.inputs).flatMap(
    (input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0] ?? [],
  ),
);
writeFileSync(join(target, 'LICENSES.txt'), [...folders].toSorted().map(licenseOf).join('\n\n'));

/** What a package says of its license; many have it in their package.json only. */
function licenseOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as {
    readonly [field in 'name' | 'version' | 'license']: string;
  };
  const texts = readdirSync(join(root, folder))
    .filter((file) => /^licen[cs]e/i.test(file))
    .map((file) => readFileSync(join(root, folder, file), 'utf8'));
  return [`${name} ${version}: ${license}`, ...texts].join('\n\n');
}
