/** How programs are put into few files, each with all that it loads. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { build, type Metafile } from 'esbuild';

/**
 * Whoever loads them meanwhile meets each whole: a file is replaced by a rename, and only if it is another now.
 *
 * @param root - absolute path of the checkout.
 * @param entryPoints - sources below it, by the names that their files get, without ending.
 * @param target - absolute path of the folder for them.
 */
export async function bundleFiles(
  root: string,
  entryPoints: Readonly<Record<string, string>>,
  target: string,
): Promise<Metafile> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: { ...entryPoints },
    outdir: target,
    bundle: true,
    splitting: true,
    platform: 'node',
    target: 'node20.19',
    format: 'esm',
    sourcemap: true,
    sourcesContent: false,
    legalComments: 'none',
    // Comments that are not Latin-1 make V8 keep two bytes for each character; names stay, for traces and profiles.
    minifyWhitespace: true,
    lineLimit: 160,
    metafile: true,
    write: false,
    logLevel: 'warning',
    // For packages that are no ES modules and ask for Node's own.
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
  });
  mkdirSync(target, { recursive: true });
  for (const { path, contents } of outputFiles) {
    if (existsSync(path) && readFileSync(path).equals(contents)) continue;
    const temporary = `${path}.${process.pid}`;
    writeFileSync(temporary, contents);
    renameSync(temporary, path);
  }
  return metafile;
}
