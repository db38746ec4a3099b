/** Launchers in front of compilers: the files that they keep for themselves are not what a compile depends on. */

/**
 * Directories in which ccache keeps its cache and its temporary files, by the base name of the program: what it finds there
 * is what an equal compile made.
 */
export function ownDirectories(env: ReadonlyMap<string, string>): { readonly ccache: readonly string[] } {
  const home = env.get('HOME') ?? '';
  const cache = env.get('XDG_CACHE_HOME') ?? (home === '' ? '' : `${home}/.cache`);
  const run = env.get('XDG_RUNTIME_DIR') ?? '';
  const directories = [
    env.get('CCACHE_DIR') ?? '',
    env.get('CCACHE_TEMPDIR') ?? '',
    run === '' ? '' : `${run}/ccache-tmp`,
    cache === '' ? '' : `${cache}/ccache`,
    home === '' ? '' : `${home}/.ccache`,
  ];
  return { ccache: directories.filter((directory) => directory.startsWith('/')) };
}
