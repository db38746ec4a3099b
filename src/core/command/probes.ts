/** Probes: what configure steps compile and run to learn about a machine. They are tiny, many, and about this machine. */
import { baseName } from '../paths.ts';

/** Directories in which configure steps of CMake, Meson, Kbuild, SCons, waf and qmake work. */
const probeDirectory =
  /(?:^|\/)(?:CMakeTmp|CMakeScratch|meson-private|CompilerIdC|CompilerIdCXX|CompilerIdASM|CompilerIdOBJC|TryCompile-[^/]*|cmTC_[^/]*|\.tmp_\d+|\.sconf_temp|\.conf_check_[0-9a-f]+|config\.tests)(?:\/|$)/;
/** Files of autoconf (`conftest.c`, `conftest`, `conftst1.o`, `lt-conftest`), CMake (`cmTC_1a2b3`) and older Kbuilds (`.123.tmp`). */
const probeFile =
  /^(?:lt-)?(?:conftest[0-9]*|conftst[a-z0-9]*|confdefs)(?:\.|$)|^cmTC_[0-9a-f]+|^CMakeC(?:XX)?CompilerId\.|^CMakeC(?:XX)?CompilerABI\.|^test(?:C|CXX)Compiler\.c|^\.\d+\.(?:tmp|o)$/;

/**
 * The directory or file that belongs to a configure step, or shows that nothing is compiled or what is made is thrown
 * away: whoever does that only wants to know whether it works. Undefined: it is not a probe.
 *
 * @param files - sources and outputs, as named.
 */
export function probePath(cwd: string, files: readonly string[]): string | undefined {
  if (probeDirectory.test(cwd)) return cwd;
  return files.find(
    (file) => file === '/dev/null' || probeFile.test(baseName(file)) || probeDirectory.test(file),
  );
}

export function isProbe(cwd: string, files: readonly string[]): boolean {
  return probePath(cwd, files) !== undefined;
}
