/** Which program a command line starts: compilers by their many names, launchers in front of them, binutils, or anything. */
import { baseName } from '../paths.ts';

/** `cc` is a C or C++ driver that may be gcc or clang: only what holds for both holds for it. */
export type DriverFamily = 'gcc' | 'clang' | 'cc';
export type ToolName = DriverFamily | 'linker' | 'ar' | 'ranlib' | 'assembler' | 'strip' | 'other';

export interface Tool {
  readonly name: ToolName;
  /** It only preprocesses (`cpp`). */
  readonly preprocessor: boolean;
  /** It takes C for C++ (`g++`, `clang++`). */
  readonly plusPlus: boolean;
  /** Where it stands in argv. */
  readonly index: number;
  /** Launchers and tool, as named. */
  readonly programs: readonly string[];
}

const machine =
  '(?:x86_64|i[3-6]86|amd64|aarch64\\w*|arm\\w*|thumb\\w*|powerpc\\w*|ppc\\w*|riscv\\w*|mips\\w*|s390x?|sparc\\w*|' +
  'alpha\\w*|hppa\\w*|ia64|m68k|sh\\d\\w*|avr|msp430|xtensa\\w*|wasm\\w*|loongarch\\w*|or1k|bpf\\w*|nios2|microblaze\\w*)';
const prefix = `(?:${machine}(?:-[A-Za-z0-9_.]+){0,3}-)?`;
const version = '(?:-\\d+(?:\\.\\d+){0,2})?';

const named: readonly (readonly [RegExp, ToolName])[] = [
  [new RegExp(`^${prefix}(?:gcc|g\\+\\+)${version}$`), 'gcc'],
  [new RegExp(`^${prefix}(?:clang|clang\\+\\+)${version}$`), 'clang'],
  [new RegExp(`^${prefix}(?:cc|c\\+\\+)${version}$`), 'cc'],
  [/^c(?:89|99)$/, 'cc'],
  [new RegExp(`^${prefix}cpp${version}$`), 'gcc'],
  [new RegExp(`^${prefix}ld(?:\\.(?:bfd|gold|lld))?${version}$`), 'linker'],
  [new RegExp(`^${prefix}(?:ar|gcc-ar|llvm-ar)${version}$`), 'ar'],
  [new RegExp(`^${prefix}(?:ranlib|gcc-ranlib|llvm-ranlib)${version}$`), 'ranlib'],
  [new RegExp(`^${prefix}as$`), 'assembler'],
  [new RegExp(`^${prefix}(?:strip|llvm-strip)${version}$`), 'strip'],
];

function nameOf(program: string): ToolName {
  const base = baseName(program);
  return named.find(([pattern]) => pattern.test(base))?.[1] ?? 'other';
}

/**
 * The tool that `argv` starts. `ccache COMPILER …` (also `ccache KEY=VALUE… COMPILER …`) is the compiler with a launcher;
 * ccache with anything else is itself an opaque command.
 */
export function identifyTool(argv: readonly string[]): Tool {
  const first = argv[0] ?? '';
  if (baseName(first) === 'ccache') {
    let index = 1;
    while (/^[A-Za-z_]\w*=/.test(argv[index] ?? '')) index++;
    const inner = argv[index] ?? '';
    const name = nameOf(inner);
    if (name === 'gcc' || name === 'clang' || name === 'cc')
      return { name, index, programs: [first, inner], ...traitsOf(inner) };
  }
  return { name: nameOf(first), index: 0, programs: first === '' ? [] : [first], ...traitsOf(first) };
}

function traitsOf(program: string): { preprocessor: boolean; plusPlus: boolean } {
  const base = baseName(program);
  return { preprocessor: /cpp[-\d.]*$/.test(base), plusPlus: base.includes('++') };
}
