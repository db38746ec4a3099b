/** Probes: what configure steps compile and run to learn about a machine. They are tiny, many, and about this machine. */
import { baseName } from '../paths.ts';

/** Directories in which configure steps of CMake and Meson work. */
const probeDirectory =
  /(?:^|\/)(?:CMakeTmp|CMakeScratch|meson-private|CompilerIdC|CompilerIdCXX|CompilerIdASM|CompilerIdOBJC|TryCompile-[^/]*|cmTC_[^/]*)(?:\/|$)/;
/** Files of autoconf (`conftest.c`, `conftest`, `conftst1.o`, `lt-conftest`) and CMake (`cmTC_1a2b3`). */
const probeFile =
  /^(?:lt-)?(?:conftest[0-9]*|conftst[a-z0-9]*|confdefs)(?:\.|$)|^cmTC_[0-9a-f]+|^CMakeC(?:XX)?CompilerId\.|^CMakeC(?:XX)?CompilerABI\.|^test(?:C|CXX)Compiler\.c/;

/** True if the directory or one of the files (as named) belongs to a configure step. */
export function isProbe(cwd: string, files: readonly string[]): boolean {
  if (probeDirectory.test(cwd)) return true;
  return files.some((file) => probeFile.test(baseName(file)) || probeDirectory.test(file));
}
