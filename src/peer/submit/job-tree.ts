/**
 * What one command needs of the shared tree, worked out from its reading: what is read, searched and written, under
 * which names, and what must be the same on the worker. Pure.
 */
import type { Reading } from '../../core/command/contract.ts';
import { isTraced } from '../../core/command/proofs.ts';
import { isBelow, isSystemPath, parentOf, resolvePath } from '../../core/paths.ts';
import type { ViewJob } from '../../core/view/contract.ts';
import type { WrapperRequest } from '../../local/wrapper-connection.ts';
import type { ByteString } from '../../wire/bytes.ts';
import { maxScanned } from '../../wire/limits.ts';

/** An output with the name under which an attempt writes it. */
export interface HiddenName {
  readonly path: ByteString;
  readonly hidden: ByteString;
  readonly role: 'object' | 'dependencies';
}

/** How one attempt is run. */
export interface AttemptPlan {
  readonly argv: readonly ByteString[];
  /** Renamed by the submitter in this order; empty: the command writes the real names itself. */
  readonly renames: readonly HiddenName[];
  /** All that is written and known, under the names in which it is written. */
  readonly outputs: readonly ByteString[];
}

/**
 * How an attempt is run: under hidden names where that changes no byte.
 *
 * @param tag - of the attempt, unique in the swarm.
 */
export function planAttempt(reading: Reading, request: WrapperRequest, tag: string): AttemptPlan {
  const { cwd } = request.job;
  const absolute = (path: ByteString): ByteString => resolvePath(cwd, path);
  const renames = (reading.rename?.outputsFor(tag) ?? []).map(
    ({ path, hidden }): HiddenName => ({
      path: absolute(path),
      hidden: absolute(hidden),
      role: roleOf(reading, path),
    }),
  );
  return {
    argv: reading.rename?.argvFor(tag) ?? [...request.argv],
    renames,
    outputs:
      renames.length > 0
        ? renames.map(({ hidden }) => hidden)
        : reading.outputs.map(({ path }) => absolute(path)),
  };
}

const sourceName = /\.(?:c|cc|cp|cpp|cxx|c\+\+|C|CPP|m|mm|M|S)$/;

/** The job as its view sees it. */
export function viewJobOf(
  reading: Reading,
  request: { readonly argv: WrapperRequest['argv']; readonly job: Pick<WrapperRequest['job'], 'cwd'> },
  root: ByteString,
  written: readonly ByteString[],
): ViewJob {
  const { cwd } = request.job;
  const inShare = (path: ByteString): boolean => isBelow(root, resolvePath(cwd, path));
  const outputs = reading.outputs.map(({ path }) => path).filter(inShare);
  const inputs = reading.inputs.filter(inShare);
  const programs = reading.programs.filter((path) => path.includes('/') && inShare(path));
  const traced = isTraced(reading);
  // Compiling and linking in one, too; objects include nothing.
  const including = inputs.filter((path) => reading.kind === 'compile' || sourceName.test(path));
  const sourceDirs = traced ? [...new Set(including.map((path) => parentOf(resolvePath(cwd, path))))] : [];
  const ownIncludeDirs = reading.includeDirs.filter(inShare).map((path) => resolvePath(cwd, path));
  // Without a directory of its own in common, what others search is of other projects.
  const alike = ownIncludeDirs.length > 0 ? [ownIncludeDirs.join('\x01')] : [];
  return {
    cwd,
    inputs,
    programs,
    // A quoted header is looked for beside its source first, below that directory too.
    includeDirs: [...reading.includeDirs, ...sourceDirs],
    // Opaque commands may look wherever this build has written.
    otherDirs: [...reading.otherDirs.filter(inShare), ...(traced ? [] : written)],
    renamedOutputs: reading.rename === undefined ? [] : outputs,
    inPlaceOutputs: reading.rename === undefined ? outputs : [],
    key: `${cwd}\x01${outputs[0] ?? ''}\x01${reading.programs.join('\x01')}\x01${outputs.length === 0 ? request.argv.join('\x01') : ''}`,
    kinships: sourceDirs.length > 0 ? [...sourceDirs, ...alike] : [],
    byStat: reading.toolIndex > 0 || !traced,
    reports: traced,
  };
}

/**
 * Programs, and of opaque commands other files of the system that are named; they must be the same on the worker before
 * it runs. What a traced command read is compared after.
 */
export function systemNames(reading: Reading, cwd: ByteString, root: ByteString): ByteString[] {
  const named = reading.inputs
    .map((path) => resolvePath(cwd, path))
    // A share may lie below a directory of the system, such as /opt.
    .filter((path) => isSystemPath(path) && !isBelow(root, path));
  return [...new Set([...reading.programs, ...(isTraced(reading) ? [] : named)])];
}

/** Where an opaque command may have written; of very many directories, anywhere. */
export function scanOf(reading: Reading, request: WrapperRequest, root: ByteString): ByteString[] {
  if (reading.kind !== 'other') return [];
  const { cwd } = request.job;
  const named = reading.inputs.map((path) => resolvePath(cwd, path)).filter((path) => isBelow(root, path));
  const directories = [...new Set([cwd, ...named.map(parentOf)])];
  return directories.length > maxScanned ? [root] : directories;
}

function roleOf(reading: Reading, path: ByteString): HiddenName['role'] {
  return reading.outputs.some((output) => output.path === path && output.role === 'dependencies')
    ? 'dependencies'
    : 'object';
}
