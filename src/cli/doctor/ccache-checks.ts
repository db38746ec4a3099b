/** Settings of ccache by which the swarm gets nothing to do, or ccache nothing to keep. */
import { execFileSync } from 'node:child_process';
import { basename } from 'node:path';
import { isBelow } from '../../core/paths.ts';
import type { Finding } from '../../wire/cli-messages.ts';
import { fault, well } from './check.ts';
import { behindMasquerade, programs, real, type WrapperPlace } from './wrapper-checks.ts';

const timeoutMs = 5_000;

/** @param shares - roots of the shares that the user works in. */
export function ccacheFindings(place: WrapperPlace, shares: readonly string[]): Finding[] {
  const [ccache] = programs('ccache', place.directories);
  if (ccache === undefined) return [];
  let text: string;
  try {
    text = execFileSync(ccache, ['--show-config'], {
      encoding: 'utf8',
      timeout: timeoutMs,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return []; // an old one that does not know it, or a broken one: nothing was seen
  }
  return judgeCcache(parseCcacheConfig(text), place, shares);
}

/** @param text - lines such as `(default) cache_dir = /home/a/.cache/ccache`. */
export function parseCcacheConfig(text: string): Map<string, string> {
  return new Map(
    text.split('\n').flatMap((line) => {
      const [, key = '', value = ''] = /^\([^)]*\) (\w+) = ?(.*)$/.exec(line) ?? [];
      return key === '' ? [] : [[key, value] as const];
    }),
  );
}

export function judgeCcache(
  config: ReadonlyMap<string, string>,
  place: WrapperPlace,
  shares: readonly string[],
): Finding[] {
  const findings: Finding[] = [];
  const prefix = config.get('prefix_command') ?? '';
  const isPrefix = prefix.split(' ').some((word) => basename(word) === 'swarmrun');
  const behind = behindMasquerade(place);
  const directory = config.get('cache_dir') ?? '';
  const isShared = shares.some((root) => isBelow(root, directory));
  if (behind !== undefined && basename(real(behind)) === 'ccache' && !isShared)
    findings.push(
      fault(
        'ccache',
        `swarmrun stands before ccache (${behind}), whose cache ${directory} is in no share: no job can leave this machine`,
        'turn them round: set CCACHE_PREFIX=swarmrun, and use the links of ccache only; or put the cache into the share',
      ),
    );
  if (isPrefix && config.get('run_second_cpp') === 'false')
    findings.push(
      fault(
        'ccache',
        'run_second_cpp is false: ccache hands preprocessed text of its own directory to the compiler, which stays here',
        'ccache --set-config=run_second_cpp=true',
      ),
    );
  if (isPrefix && config.get('disable') === 'true')
    findings.push(
      fault(
        'ccache',
        'it is disabled, and its prefix with it: nothing goes to the swarm',
        'unset CCACHE_DISABLE',
      ),
    );
  return findings.length === 0
    ? [well('ccache', isPrefix ? 'runs swarmrun for what it does not have' : 'nothing stands in the way')]
    : findings;
}
