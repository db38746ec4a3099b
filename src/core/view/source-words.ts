/** Where a source will search, by its own words: enough for the first compile of all, before a run has told. */

/** A source that includes more is most likely generated. */
const maxIncludes = 256;

/**
 * Directories in which the headers that a source includes by a path with a directory will be looked for; `..` is left
 * in them. What is below a searched directory is expected anyhow, so these are mostly those that are not.
 *
 * @param directory - of the source.
 */
export function searchedByWords(text: string, directory: string, includeDirs: readonly string[]): string[] {
  const found = new Set<string>();
  let count = 0;
  for (const [, delimiter, name = ''] of text.matchAll(/^[ \t]*#[ \t]*include[ \t]*(["<])([^">\n]+)[">]/gm)) {
    const end = name.lastIndexOf('/');
    if (end < 0 || (count += 1) > maxIncludes) continue;
    const way = name.slice(0, end);
    if (way.startsWith('/')) found.add(way);
    else
      for (const from of delimiter === '"' ? [directory, ...includeDirs] : includeDirs)
        found.add(`${from}/${way}`);
  }
  return [...found];
}
