/**
 * How a recognised compile is made to write under hidden names without a byte of its outputs changing. Proven by the
 * compilers themselves in test/e2e/rename-bytes.ts.
 */

import { baseName } from '../paths.ts';
import { hiddenPath } from '../share-layout.ts';
import type { RenamePlan } from './contract.ts';
import type { DriverOutputs } from './driver-outputs.ts';
import { isNowhere } from './driver-outputs.ts';
import type { DriverFacts, FileWord } from './read-driver.ts';
import { stemOf } from './read-driver.ts';

/** A file name may have 255 bytes; what is left for `.buildswarm-TAG-` must do for any tag. */
const maxNameBytes = 150;

export type RenameDecision = { readonly plan: RenamePlan } | { readonly inPlaceBecause: string };

/**
 * Plans the renaming, or says which argument forbids it.
 *
 * @param toolIndex - where the driver stands in argv; arguments are inserted behind it.
 */
export function planRename(
  argv: readonly string[],
  toolIndex: number,
  facts: DriverFacts,
  written: DriverOutputs,
): RenameDecision {
  const obstacle = findObstacle(facts, written);
  if (obstacle !== undefined) return { inPlaceBecause: obstacle };
  const object = written.main as string;
  const { dependencyFile } = written;
  const out = facts.outs[0];
  const dependencySlot = facts.dependencyFiles[0];

  // What the driver would have given as the target by itself; said aloud, because it would now be the hidden name.
  const targets: string[] = [];
  const ownTarget = facts.dependencies === 'driver' || facts.family === 'clang';
  if (facts.dependencies !== 'none' && !facts.hasTarget && ownTarget)
    targets.push('-MQ', out?.value ?? `${stemOf(facts.sources[0]?.path ?? '')}.o`);

  const argvFor = (tag: string): string[] => {
    const changed = [...argv];
    const inserted = [...targets];
    if (out) put(changed, out, hiddenPath(object, tag));
    else inserted.push('-o', hiddenPath(object, tag));
    if (dependencyFile !== undefined) {
      if (dependencySlot) put(changed, dependencySlot, hiddenPath(dependencyFile, tag));
      else inserted.push('-MF', hiddenPath(dependencyFile, tag));
    }
    changed.splice(toolIndex + 1, 0, ...inserted);
    return changed;
  };
  const names = dependencyFile === undefined ? [object] : [object, dependencyFile];
  const outputsFor = (tag: string) => names.map((path) => ({ path, hidden: hiddenPath(path, tag) }));
  return { plan: { argvFor, outputsFor } };
}

function put(argv: string[], fileWord: FileWord, value: string): void {
  argv[fileWord.index] = fileWord.head + value + fileWord.tail;
}

/** The first thing that stands against renaming, named for people. */
function findObstacle(facts: DriverFacts, written: DriverOutputs): string | undefined {
  const { outs, dependencyFiles, sources, linker } = facts;
  if (facts.inPlace.length > 0) return facts.inPlace[0];
  if (sources.some(({ header }) => header)) return 'a precompiled header';
  if (facts.mode === 'link') return 'it links';
  if (facts.mode === 'syntax') return '-fsyntax-only';
  if (sources.length !== 1) return sources.length === 0 ? 'no source' : 'several sources';
  if (linker.inputs.length > 0) return linker.inputs[0];
  if (outs.length > 1) return 'several -o';
  if (dependencyFiles.length > 1) return 'several -MF';
  if (dependencyFiles.length > 0 && facts.dependencies === 'none') return '-MF without -MD';
  if (facts.dependencies === 'preprocessor' && facts.family === 'cc') return '-Wp,-MD of gcc or clang';
  if ([...outs, ...dependencyFiles].some((fileWord) => fileWord.index < 0))
    return 'outputs named in a response file';
  if (written.main === undefined) return `-o ${outs[0]?.value ?? ''}`;
  const named =
    written.dependencyFile === undefined ? [written.main] : [written.main, written.dependencyFile];
  const unfit = named.find((path) => !fit(path));
  if (unfit !== undefined) return unfit;
  if (named[0] === named[1]) return 'the dependency file is the object';
  const dependencies = dependencyFiles[0]?.value;
  if (dependencies === '-') return '-MF -';
  if (facts.dependencies === 'preprocessor' && dependencies?.includes(',')) return dependencies;
  if (facts.dependencies !== 'none' && written.dependencyFile === undefined && !isNowhere(dependencies ?? ''))
    return 'a dependency file without a name';
  return undefined;
}

/** True for a name that can carry the prefix and does not look like something else. */
function fit(path: string): boolean {
  const base = baseName(path);
  return (
    base !== '' && base !== '.' && base !== '..' && base.length <= maxNameBytes && !path.startsWith('/dev/')
  );
}
