/**
 * What reading a command line yields. Paths are byte strings as they stand in the command line, not resolved;
 * `resolve` in ./paths.ts makes them absolute against the cwd, lexically.
 */
import type { Reason } from '../reason.ts';

/** A command as the wrapper hands it in. All strings are byte strings (one character a byte). */
export interface Command {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: ReadonlyMap<string, string>;
}

/**
 * What the pure reading needs from outside, fetched by the caller beforehand: contents of response files (`@file`), by
 * absolute path. `readCommand` names what it lacks in `missing`, the caller reads those and calls again.
 */
export type ResponseFiles = ReadonlyMap<string, string | undefined>;

export type CommandKind =
  /** To an object, assembly, or nothing; `as` too. */
  | 'compile'
  | 'link'
  | 'archive'
  /** Of files in their place: strip, ranlib. */
  | 'rewrite'
  | 'query'
  | 'preprocess'
  | 'probe'
  /** An opaque command. */
  | 'other';

export interface Output {
  readonly path: string;
  readonly role: 'object' | 'assembly' | 'dependencies' | 'executable' | 'archive' | 'other';
}

export interface Reading {
  readonly kind: CommandKind;
  /** Index in argv at which the compiler or tool itself stands (1 for `ccache g++`, 0 otherwise). */
  readonly toolIndex: number;
  /** The programs that will run, as named: ccache, then g++. */
  readonly programs: readonly string[];
  /** Set: runs inline by rule of the command line alone. */
  readonly inline?: Reason;
  /** Set: its result could not be proven, whatever a worker made; a phrase that says why. */
  readonly unprovable?: string;
  /** Files read by name: sources, objects, archives, response files, `-include` files, specs, linker scripts. */
  readonly inputs: readonly string[];
  /** Words whose meaning is not known in full: a path in one of them may be read or written. */
  readonly mentions?: readonly string[];
  /** Directories searched for headers, in search order (`-iquote` first, then -I, -isystem, -idirafter); the source's own directory is not in it. */
  readonly includeDirs: readonly string[];
  /** Directories searched for libraries, programs and plugins (-L, -B, --sysroot …). */
  readonly otherDirs: readonly string[];
  /** Names given by -l, as `foo` of `-lfoo`; `:name` stays so. */
  readonly libraries: readonly string[];
  readonly outputs: readonly Output[];
  /** The dependency file that the command itself will write, or undefined. */
  readonly dependencyFile?: string;
  /** Undefined: written in place; then `inPlaceBecause` says which argument made it so. */
  readonly rename?: RenamePlan;
  readonly inPlaceBecause?: string;
  /** It reads standard input (`-`, or an unknown command that may). */
  readonly stdin: 'never' | 'reads' | 'may';
  /** -march=native and its like stand in it: only on equal CPUs. */
  readonly native: boolean;
}

/**
 * How to write the outputs to hidden names: replace or insert arguments. `outputs` are those that
 * will then stand under hidden names.
 */
export interface RenamePlan {
  /** Builds the argument vector for an attempt's tag (`1-a4f…`): the hidden name of DIR/NAME is DIR/.buildswarm-TAG-NAME. */
  readonly argvFor: (tag: string) => string[];
  /** Real name and hidden name of each output, in the order in which they are committed (object first, dependencies last). */
  readonly outputsFor: (tag: string) => readonly { readonly path: string; readonly hidden: string }[];
}
