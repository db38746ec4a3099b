/**
 * What one command needs of the shared tree, worked out from its reading: what is read, searched and written, under
 * which names, and what must be the same on the worker. Pure.
 */
import type { Reading } from '../../core/command/contract.ts';
import { isBelow, isSystemPath, parentOf, resolvePath } from '../../core/paths.ts';
import { hiddenPath } from '../../core/share-layout.ts';
import type { ViewJob } from '../../core/view/contract.ts';
import type { WrapperRequest } from '../../local/wrapper-connection.ts';
import type { ByteString } from '../../wire/bytes.ts';

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
  /** The dependency file that tells what was read, as the worker finds it. */
  readonly dependencies: ByteString | undefined;
  /** A dependency file that only buildswarm asked for; it is removed, not committed. */
  readonly extra: ByteString | undefined;
  /** All that is written and known, under the names in which it is written. */
  readonly outputs: readonly ByteString[];
}

/** Languages that go through the preprocessor, by the source's ending. */
const preprocessed = /\.(c|cc|cp|cxx|cpp|CPP|c\+\+|C|m|mm|M|S|sx)$/;

/**
 * How an attempt is run: under hidden names where that changes no byte, and with a dependency file.
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
  const argv = reading.rename?.argvFor(tag) ?? [...request.argv];
  const own =
    renames.find(({ role }) => role === 'dependencies')?.hidden ??
    (reading.dependencyFile && absolute(reading.dependencyFile));
  const base = {
    renames,
    outputs: renames.length > 0 ? renames.map(({ hidden }) => hidden) : realOutputs(reading, absolute),
  };
  if (own !== undefined && own !== '') return { ...base, argv, dependencies: own, extra: undefined };
  const object = reading.outputs[0]?.path;
  if (object === undefined || !mayAskForDependencies(reading, request)) {
    return { ...base, argv, dependencies: undefined, extra: undefined };
  }
  const extra = `${hiddenPath(absolute(object), tag)}.d`;
  const at = reading.toolIndex + 1;
  return {
    ...base,
    argv: [...argv.slice(0, at), '-MD', '-MF', extra, ...argv.slice(at)],
    dependencies: extra,
    extra,
  };
}

/** Options after which the compiler tells its arguments, on stderr or in what it writes. */
const showsArguments = /^(?:-v|--verbose|-Q|-time|-[fg]record-.*)$/;

/** True if asking the compiler for a dependency file of our own changes nothing else. */
export function mayAskForDependencies(reading: Reading, request: WrapperRequest): boolean {
  return (
    reading.kind === 'compile' &&
    reading.toolIndex === 0 &&
    reading.outputs.length === 1 &&
    reading.outputs[0]?.role === 'object' &&
    reading.inputs.filter((path) => preprocessed.test(path)).length === 1 &&
    !request.argv.some(
      (argument) => /^-(?:M|Wp,|Xpreprocessor$)/.test(argument) || showsArguments.test(argument),
    )
  );
}

/** The job as its view sees it. */
export function viewJobOf(
  reading: Reading,
  request: WrapperRequest,
  root: ByteString,
  written: readonly ByteString[],
): ViewJob {
  const { cwd } = request.job;
  const inShare = (path: ByteString): boolean => isBelow(root, resolvePath(cwd, path));
  const outputs = reading.outputs.map(({ path }) => path).filter(inShare);
  const programs = reading.programs.filter((path) => path.includes('/') && inShare(path));
  const understood = reading.kind === 'compile';
  return {
    cwd,
    inputs: reading.inputs.filter(inShare),
    programs,
    includeDirs: reading.includeDirs,
    // Opaque commands, and those that search for libraries, may look wherever this build has written.
    otherDirs: [...reading.otherDirs.filter(inShare), ...(understood ? [] : written)],
    renamedOutputs: reading.rename === undefined ? [] : outputs,
    inPlaceOutputs: reading.rename === undefined ? outputs : [],
    key: `${cwd}\x01${outputs[0] ?? ''}\x01${reading.programs.join('\x01')}\x01${outputs.length === 0 ? request.argv.join('\x01') : ''}`,
    byStat: reading.toolIndex > 0 || !understood,
    reports: understood && (reading.dependencyFile !== undefined || mayAskForDependencies(reading, request)),
  };
}

/** Programs and other files of the system that the command line names; they must be the same on the worker. */
export function systemNames(reading: Reading, cwd: ByteString, root: ByteString): ByteString[] {
  const named = reading.inputs
    .map((path) => resolvePath(cwd, path))
    // A share may lie below a directory of the system, such as /opt.
    .filter((path) => isSystemPath(path) && !isBelow(root, path));
  return [...new Set([...reading.programs, ...named])].slice(0, 16);
}

/** Where an opaque command may have written. */
export function scanOf(reading: Reading, request: WrapperRequest, root: ByteString): ByteString[] {
  if (reading.kind !== 'other') return [];
  const { cwd } = request.job;
  const named = reading.inputs.map((path) => resolvePath(cwd, path)).filter((path) => isBelow(root, path));
  return [...new Set([cwd, ...named.map(parentOf)])].slice(0, 256);
}

function realOutputs(reading: Reading, absolute: (path: ByteString) => ByteString): ByteString[] {
  return reading.outputs.map(({ path }) => absolute(path));
}

function roleOf(reading: Reading, path: ByteString): HiddenName['role'] {
  return reading.outputs.some((output) => output.path === path && output.role === 'dependencies')
    ? 'dependencies'
    : 'object';
}
