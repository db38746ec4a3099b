/** The licenses of the packages that are put into a bundle, which must go with it. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** @param inputs - files of the bundle, below `root`. */
export function writeLicenses(root: string, target: string, inputs: readonly string[]): void {
  const folders = new Set(
    inputs.flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0] ?? []),
  );
  const texts = [...folders].toSorted().map((folder) => licenseOf(join(root, folder)));
  writeFileSync(join(target, 'LICENSES.txt'), texts.join('\n\n'));
}

/** What a package says of its license; many have it in their package.json only. */
function licenseOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    readonly [field in 'name' | 'version' | 'license']: string;
  };
  const texts = readdirSync(folder)
    .filter((file) => /^licen[cs]e/i.test(file))
    .map((file) => readFileSync(join(folder, file), 'utf8'));
  return [`${name} ${version}: ${license}`, ...texts].join('\n\n');
}
