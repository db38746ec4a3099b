/** Environment variables that gcc and clang (and ccache in front of them) obey as if they were arguments. */

/** What the environment adds to a compiler's command line. */
export interface CompilerEnvironment {
  /** As `-I`. */
  readonly dirs: readonly string[];
  /** As `-isystem`. */
  readonly systemDirs: readonly string[];
  /** For libraries and programs. */
  readonly otherDirs: readonly string[];
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** The variables because of which outputs cannot be renamed. */
  readonly inPlace: readonly string[];
  /** Those of them that name a file to which the compiler adds. */
  readonly adds: readonly string[];
}

type Meaning =
  | 'dirs'
  | 'systemDirs'
  | 'otherDirs'
  | 'inputs'
  | 'outputs'
  | 'prefix'
  | 'in-place'
  | 'dependencies';

const meanings: readonly (readonly [string, Meaning])[] = [
  ['CPATH', 'dirs'],
  ['C_INCLUDE_PATH', 'systemDirs'],
  ['CPLUS_INCLUDE_PATH', 'systemDirs'],
  ['OBJC_INCLUDE_PATH', 'systemDirs'],
  ['OBJCPLUS_INCLUDE_PATH', 'systemDirs'],
  ['LIBRARY_PATH', 'otherDirs'],
  ['COMPILER_PATH', 'otherDirs'],
  ['GCC_EXEC_PREFIX', 'prefix'],
  // A second dependency file, of which the target may follow after a space.
  ['DEPENDENCIES_OUTPUT', 'dependencies'],
  ['SUNPRO_DEPENDENCIES', 'dependencies'],
  ['GCC_COMPARE_DEBUG', 'in-place'],
  // These edit clang's command line, or make it write logs.
  ['CCC_OVERRIDE_OPTIONS', 'in-place'],
  ['CC_PRINT_OPTIONS', 'in-place'],
  ['CC_PRINT_HEADERS', 'in-place'],
  ['CC_PRINT_PROC_STAT', 'in-place'],
  ['CC_LOG_DIAGNOSTICS', 'in-place'],
  ['CC_PRINT_OPTIONS_FILE', 'outputs'],
  ['CC_PRINT_HEADERS_FILE', 'outputs'],
  ['CC_PRINT_PROC_STAT_FILE', 'outputs'],
  ['CC_LOG_DIAGNOSTICS_FILE', 'outputs'],
  // ccache: files that it writes beside the object, or reads besides the source.
  ['CCACHE_DEBUG', 'in-place'],
  ['CCACHE_HARDLINK', 'in-place'],
  ['CCACHE_RECACHE_DEBUG', 'in-place'],
  ['CCACHE_LOGFILE', 'outputs'],
  ['CCACHE_STATSLOG', 'outputs'],
  ['CCACHE_DEBUGDIR', 'outputs'],
  ['CCACHE_EXTRAFILES', 'inputs'],
  ['CCACHE_CONFIGPATH', 'inputs'],
];

/** Reads the variables above; what is unset or empty says nothing. */
export function readCompilerEnvironment(env: ReadonlyMap<string, string>): CompilerEnvironment {
  const found = {
    dirs: [] as string[],
    systemDirs: [] as string[],
    otherDirs: [] as string[],
    inputs: [] as string[],
    outputs: [] as string[],
    inPlace: [] as string[],
    adds: [] as string[],
  };
  for (const [name, meaning] of meanings) {
    const value = env.get(name);
    if (value === undefined || value === '') continue;
    switch (meaning) {
      case 'dirs':
      case 'systemDirs':
      case 'otherDirs':
        // An empty element is the current directory.
        found[meaning].push(...value.split(':').map((dir) => (dir === '' ? '.' : dir)));
        break;
      case 'inputs':
        found.inputs.push(...value.split(':').filter((path) => path !== ''));
        break;
      case 'prefix':
        found.otherDirs.push(value.slice(0, value.lastIndexOf('/') + 1) || '.');
        found.inPlace.push(name);
        break;
      case 'dependencies':
        found.outputs.push(value.split(' ', 1)[0] as string);
        found.inPlace.push(name);
        found.adds.push(name);
        break;
      case 'outputs':
        found.outputs.push(value);
        found.inPlace.push(name);
        found.adds.push(name);
        break;
      case 'in-place':
        found.inPlace.push(name);
        break;
    }
  }
  return found;
}
