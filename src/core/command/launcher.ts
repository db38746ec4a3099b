/** Launchers in front of compilers: the files that they keep for themselves are not what a compile depends on. */
import { baseName } from '../paths.ts';

/**
 * Directories in which ccache keeps its cache and its temporary files: what it finds there is what an equal compile made.
 *
 * @param program - the first word of the command.
 */
export function ownDirectories(program: string, env: ReadonlyMap<string, string>): string[] {
  if (baseName(program) !== 'ccache') return [];
  const home = env.get('HOME') ?? '';
  const cache = env.get('XDG_CACHE_HOME') ?? (home === '' ? '' : `${home}/.cache`);
  return [
    env.get('CCACHE_DIR') ?? '',
    env.get('CCACHE_TEMPDIR') ?? '',
    env.has('XDG_RUNTIME_DIR') ? `${env.get('XDG_RUNTIME_DIR')}/ccache-tmp` : '',
    cache === '' ? '' : `${cache}/ccache`,
    home === '' ? '' : `${home}/.ccache`,
  ].filter((directory) => directory.startsWith('/'));
}
