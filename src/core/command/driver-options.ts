/**
 * The options of the gcc 12 and clang 14 drivers that take an argument or that matter to reading: where their argument
 * stands, and what they do to inputs, outputs and searched directories. What is neither here, nor one of the
 * families at the end, nor in feature-names.ts, is unknown.
 */

import { isPlainFeature } from './feature-names.ts';
import type { DriverFamily } from './tool.ts';

/**
 * What an option means to the reader.
 * - `plain`: neither names a file nor lets an output's name into any byte.
 * - `native`: plain, but the code depends on the CPU.
 * - `*-dir`: a searched directory; `other-dir` is one for libraries, programs and plugins.
 * - `input`: names a file that is read. `input-in-place`: also that, and outputs are written in place.
 * - `output`: writes a file of that name besides the object; in place. `in-place`: outputs cannot be renamed.
 * - `query`: only asks. The others are for the driver's reader to carry out.
 */
export type Effect =
  | 'plain'
  | 'native'
  | 'quote-dir'
  | 'include-dir'
  | 'system-dir'
  | 'after-dir'
  | 'other-dir'
  | 'input'
  | 'input-in-place'
  | 'output'
  | 'in-place'
  | 'query'
  | 'verbose'
  | 'mode'
  | 'emit-llvm'
  | 'precompile'
  | 'dependencies'
  | 'dependency-file'
  | 'dependency-target'
  | 'out'
  | 'language'
  | 'include-file'
  | 'include-prefix'
  | 'with-prefix'
  | 'with-prefix-before'
  | 'with-sysroot'
  | 'sysroot'
  | 'library'
  | 'script'
  | 'pass-linker'
  | 'pass-preprocessor'
  | 'pass-assembler'
  | 'pass-frontend'
  | 'coverage'
  | 'split-dwarf'
  | 'save-temps'
  | 'stack-usage'
  | 'callgraph'
  | 'time-trace'
  | 'unknown';

/** Where the argument stands: nowhere, in the next word, in the rest of this word, or in either. */
export type Take = 'flag' | 'next' | 'joined' | 'either';

interface Row {
  readonly take: Take;
  readonly effect: Effect;
  readonly family: 'gcc' | 'clang' | undefined;
}

/** [what it does, where the argument stands, spellings, only in this family] */
const rows: readonly (readonly [Effect, Take, string, ('gcc' | 'clang')?])[] = [
  // what to do
  ['mode', 'flag', '-c -S -E -M -MM -fsyntax-only --compile --assemble --preprocess --dependencies'],
  ['mode', 'flag', '--user-dependencies'],
  ['emit-llvm', 'flag', '-emit-llvm', 'clang'],
  ['in-place', 'flag', '-emit-ast -emit-interface-stubs -verify-pch -rewrite-objc', 'clang'],
  ['in-place', 'flag', '-rewrite-legacy-objc --analyze -module-file-info --migrate', 'clang'],
  ['precompile', 'flag', '--precompile', 'clang'],
  ['language', 'either', '-x'],
  ['language', 'joined', '--language='],
  ['language', 'next', '--language'],
  ['out', 'either', '-o'],
  ['out', 'joined', '--output='],
  ['out', 'next', '--output'],
  // asking
  ['query', 'flag', '--version -dumpversion -dumpfullversion -dumpmachine -dumpspecs --dumpversion'],
  ['query', 'flag', '--dumpmachine --dumpspecs --help --target-help -### -help --help-hidden'],
  ['query', 'joined', '--help= --print- -print- --completion= --autocomplete= -ccc-print- -fself-test='],
  ['verbose', 'flag', '-v --verbose -V'],
  // dependency files
  ['dependencies', 'flag', '-MD -MMD --write-dependencies --write-user-dependencies'],
  ['dependency-file', 'either', '-MF'],
  ['dependency-target', 'either', '-MT -MQ'],
  ['plain', 'flag', '-MP -MG -MV -Mno-modules --print-missing-file-dependencies'],
  ['output', 'either', '-MJ', 'clang'],
  [
    'in-place',
    'next',
    '-gen-cdb-fragment-path -module-dependency-dir -dependency-dot -dependency-file',
    'clang',
  ],
  // macros and searched directories
  ['plain', 'either', '-D -U -A'],
  ['plain', 'next', '--define-macro --undefine-macro --assert'],
  ['plain', 'joined', '--define-macro= --undefine-macro= --assert='],
  ['quote-dir', 'either', '-iquote'],
  ['in-place', 'flag', '-I- --include-barrier'],
  ['include-dir', 'either', '-I -F'],
  ['include-dir', 'next', '--include-directory'],
  ['include-dir', 'joined', '--include-directory='],
  ['system-dir', 'either', '-isystem -cxx-isystem -iframework -stdlib++-isystem'],
  [
    'system-dir',
    'next',
    '-internal-isystem -internal-externc-isystem -c-isystem -objc-isystem -objcxx-isystem',
  ],
  ['after-dir', 'either', '-idirafter -isystem-after'],
  ['after-dir', 'next', '--include-directory-after'],
  ['after-dir', 'joined', '--include-directory-after='],
  ['include-prefix', 'either', '-iprefix'],
  ['include-prefix', 'next', '--include-prefix'],
  ['include-prefix', 'joined', '--include-prefix='],
  ['with-prefix', 'either', '-iwithprefix'],
  ['with-prefix', 'next', '--include-with-prefix --include-with-prefix-after'],
  ['with-prefix', 'joined', '--include-with-prefix= --include-with-prefix-after='],
  ['with-prefix-before', 'either', '-iwithprefixbefore'],
  ['with-prefix-before', 'next', '--include-with-prefix-before'],
  ['with-prefix-before', 'joined', '--include-with-prefix-before='],
  ['with-sysroot', 'either', '-iwithsysroot -iframeworkwithsysroot', 'clang'],
  ['sysroot', 'either', '-isysroot'],
  ['sysroot', 'joined', '--sysroot='],
  ['sysroot', 'next', '--sysroot'],
  ['other-dir', 'either', '-L -B -imultilib -imultiarch'],
  ['other-dir', 'next', '--library-directory --prefix -resource-dir -ccc-install-dir -gcc-toolchain'],
  ['other-dir', 'joined', '--library-directory= --prefix= -resource-dir= --gcc-toolchain= -iplugindir='],
  ['other-dir', 'joined', '--cuda-path= --rocm-path= -fcrash-diagnostics-dir='],
  ['in-place', 'next', '-working-directory --working-directory -ivfsoverlay', 'clang'],
  ['in-place', 'joined', '-working-directory= --working-directory= -fworking-directory='],
  ['in-place', 'joined', '-Hd -Hf -Xf', 'gcc'],
  // files read besides the source
  ['include-file', 'either', '-include -imacros'],
  ['include-file', 'next', '--include --imacros'],
  ['include-file', 'joined', '--include= --imacros='],
  ['input', 'next', '-include-pch', 'clang'],
  [
    'input',
    'joined',
    '-fsanitize-blacklist= -fsanitize-ignorelist= -fsanitize-system-blacklist= -fprofile-list=',
  ],
  [
    'input',
    'joined',
    '-fsanitize-system-ignorelist= -fsanitize-coverage-allowlist= -fsanitize-coverage-ignorelist=',
  ],
  [
    'input',
    'joined',
    '-fsanitize-coverage-whitelist= -fsanitize-coverage-blacklist= -fxray-always-instrument=',
  ],
  ['input', 'joined', '-fxray-never-instrument= -fxray-attr-list= -fbuild-session-file='],
  ['input-in-place', 'joined', '-specs= --specs= -fplugin= -fpass-plugin= -fmodule-file= -fmodule-map-file='],
  [
    'input-in-place',
    'joined',
    '-fprofile-sample-use= -fauto-profile= -fprofile-remapping-file= -fprofile-instr-use=',
  ],
  ['input-in-place', 'joined', '-fprofile-use= -fbranch-probabilities= --config= -fthinlto-index='],
  ['input-in-place', 'next', '-specs --specs', 'gcc'],
  ['input-in-place', 'next', '--config', 'clang'],
  // files written besides the object, and options whose outputs are named after it
  ['output', 'either', '-aux-info', 'gcc'],
  [
    'output',
    'joined',
    '-aux-info= --output-pch= -foptimization-record-file= -fthin-link-bitcode= -fdump-go-spec=',
  ],
  ['output', 'joined', '-fdump-final-insns= -fproc-stat-report='],
  ['output', 'next', '-serialize-diagnostics --serialize-diagnostics -index-store-path -dsym-dir', 'clang'],
  ['output', 'next', '-opt-record-file -object-file-name -diagnostic-log-file', 'clang'],
  ['in-place', 'joined', '-object-file-name= -time='],
  ['coverage', 'flag', '--coverage -coverage -ftest-coverage'],
  ['split-dwarf', 'flag', '-gsplit-dwarf -gsplit-dwarf=split'],
  ['in-place', 'flag', '-gsplit-dwarf=single'],
  [
    'save-temps',
    'flag',
    '-save-temps --save-temps -save-temps=cwd -save-temps=obj --save-temps=obj --save-temps=cwd',
  ],
  ['in-place', 'flag', '-no-integrated-cpp -time -Q -grecord-command-line -frecord-command-line'],
  ['in-place', 'joined', '-save-stats -fprofile -fno-profile-instr -fmodule -fmodules -fcs-profile-generate'],
  [
    'in-place',
    'joined',
    '-fcoverage-mapping -fmemory-profile -fdump- -d --dump -fopt-info -fsave-optimization-record',
  ],
  ['in-place', 'joined', '-fembed-bitcode -fcompare-debug -forder-file-instrumentation -fpch- -fplugin-arg-'],
  ['in-place', 'joined', '-fprebuilt- -fanalyzer -dump'],
  ['in-place', 'flag', '-frecord-gcc-switches -grecord-gcc-switches', 'clang'],
  ['plain', 'flag', '-dA -dp -dP', 'gcc'],
  ['stack-usage', 'flag', '-fstack-usage'],
  ['callgraph', 'joined', '-fcallgraph-info', 'gcc'],
  ['time-trace', 'flag', '-ftime-trace', 'clang'],
  ['plain', 'joined', '-ftime-trace-granularity='],
  [
    'in-place',
    'next',
    '-dumpbase -dumpbase-ext -dumpdir --dumpbase --dumpbase-ext --dumpdir -wrapper',
    'gcc',
  ],
  ['in-place', 'joined', '-dumpbase= -dumpdir= -dumpbase-ext='],
  ['in-place', 'flag', '-fno-working-directory'],
  // passing on
  ['pass-linker', 'joined', '-Wl,'],
  ['pass-linker', 'next', '-Xlinker --for-linker'],
  ['pass-linker', 'joined', '--for-linker='],
  ['pass-preprocessor', 'joined', '-Wp,'],
  ['in-place', 'next', '-Xpreprocessor'],
  ['pass-assembler', 'joined', '-Wa,'],
  ['pass-assembler', 'next', '-Xassembler --for-assembler'],
  ['pass-frontend', 'next', '-Xclang', 'clang'],
  ['in-place', 'next', '-mllvm -Xanalyzer -Xarch_device -Xarch_host -Xcuda-fatbinary -Xcuda-ptxas', 'clang'],
  ['in-place', 'next', '-Xopenmp-target -load -plugin', 'clang'],
  ['in-place', 'joined', '-Xopenmp-target= -Xarch_ -Xcuda -Xthinlto -Xlto', 'clang'],
  // harmless ones that begin like others that are not
  [
    'plain',
    'flag',
    '-fanalyzer -fno-analyzer -fno-modules -fno-profile-arcs -fno-profile-generate -fno-profile-use',
  ],
  [
    'plain',
    'flag',
    '-fno-profile-instr-generate -fno-coverage-mapping -fno-test-coverage -fno-stack-usage -fno-time-trace',
  ],
  [
    'plain',
    'flag',
    '-fno-save-optimization-record -fpreprocessed -fdirectives-only -fdiagnostics-format=text',
  ],
  ['plain', 'flag', '-fdiagnostics-format=json -fdiagnostics-format=clang -fdiagnostics-generate-patch'],
  ['plain', 'next', '-fxray-instruction-threshold', 'clang'],
  // linking
  ['library', 'either', '-l'],
  ['script', 'either', '-T'],
  ['plain', 'either', '-G'],
  ['plain', 'either', '-u -z -e', 'gcc'],
  ['plain', 'next', '-u -z -e', 'clang'],
  ['plain', 'joined', '-Tbss -Tdata -Ttext -Tbss= -Tdata= -Ttext= -Torg'],
  ['plain', 'next', '-Tbss -Tdata -Ttext --entry --force-link -rpath -soname -install_name'],
  [
    'plain',
    'joined',
    '--entry= --force-link= -rpath= -fuse-ld= --ld-path= -unwindlib= -rtlib= -stdlib= --rtlib=',
  ],
  ['plain', 'joined', '--stdlib= --unwindlib='],
  ['plain', 'next', '-arch -target -b'],
  [
    'plain',
    'flag',
    '-static -shared -r -s -n -N -t -rdynamic -pie -no-pie -static-pie -nostdlib -nodefaultlibs',
  ],
  ['plain', 'flag', '-nostartfiles -nolibc -static-libgcc -shared-libgcc -static-libstdc++ -static-libasan'],
  [
    'plain',
    'flag',
    '-static-libubsan -static-libtsan -static-liblsan -symbolic -nopie -nostdlib++ --shared --static',
  ],
  ['plain', 'flag', '-export-dynamic -Bstatic -Bdynamic'],
  // the rest that takes an argument, and plain flags
  ['plain', 'next', '--param -mthread-model -meabi --optimize -fmodules-user-build-path'],
  ['plain', 'next', '-fdebug-compilation-dir -ftrapv-handler -fconstant-string-class', 'clang'],
  [
    'plain',
    'joined',
    '--param= -target= --target= -std= --std= -cl-std= --optimize= --warn- -R -driver-mode=',
  ],
  ['plain', 'joined', '--driver-mode= -cuid= --system-header-prefix= --no-system-header-prefix='],
  ['plain', 'joined', '--rsp-quoting=  -fdebug-prefix-map= -ffile-prefix-map= -fmacro-prefix-map='],
  [
    'plain',
    'flag',
    '-ansi --ansi -pedantic -pedantic-errors --pedantic --pedantic-errors -pipe --pipe -pthread',
  ],
  [
    'plain',
    'flag',
    '-pthreads -w --no-warnings -nostdinc -nostdinc++ -nostdlibinc -nobuiltininc -trigraphs -undef',
  ],
  [
    'plain',
    'flag',
    '-P -C -CC -H -traditional -traditional-cpp -traditional-cpp -remap -no-canonical-prefixes',
  ],
  [
    'plain',
    'flag',
    '-canonical-prefixes -integrated-as -no-integrated-as -Qunused-arguments -Qn -Qy -ObjC -ObjC++',
  ],
  ['plain', 'flag', '-p -pg --debug --profile --optimize --trigraphs --no-standard-includes --all-warnings'],
  ['plain', 'flag', '--extra-warnings --comments -relocatable-pch -no-pthread -no-pedantic -pass-exit-codes'],
  [
    'plain',
    'flag',
    '-nogpulib -nogpuinc -noprebind -mno-embedded-data -no-hip-rt -nohipwrapperinc --no-gnu-unique',
  ],
  // dependent on the machine
  ['native', 'flag', '-march=native -mtune=native -mcpu=native -mfpu=native'],
];

const table = new Map<string, Row[]>();
for (const [effect, take, spellings, family] of rows) {
  for (const spelling of spellings.split(' ')) {
    const found = table.get(spelling);
    const row: Row = { take, effect, family };
    if (found) found.push(row);
    else table.set(spelling, [row]);
  }
}

/** An option word, understood as far as it can be. */
export interface Option {
  readonly name: string;
  readonly take: Take;
  readonly effect: Effect;
  /** The argument in this word, if that is where it stands. */
  readonly value: string | undefined;
}

/**
 * Looks a word up that begins with `-` (and is not `-` itself). The longest spelling wins; a word that is in no table is
 * `unknown` and taken as a flag.
 */
export function lookUpOption(text: string, family: DriverFamily): Option {
  const exact = pick(text, family, (row) => row.take !== 'joined');
  if (exact) {
    const take = exact.take === 'either' ? 'next' : exact.take;
    return { name: text, take, effect: exact.effect, value: undefined };
  }
  for (let length = text.length; length >= 2; length--) {
    const name = text.slice(0, length);
    const row = pick(name, family, ({ take }) => take === 'joined' || take === 'either');
    if (!row) continue;
    return { name, take: 'joined', effect: row.effect, value: text.slice(length) };
  }
  return { name: text, take: 'flag', effect: isPlainFamily(text) ? 'plain' : 'unknown', value: undefined };
}

/** The row for this family; a driver that may be either has those of both. */
function pick(name: string, family: DriverFamily, fits: (row: Row) => boolean): Row | undefined {
  const found = table.get(name)?.filter((row) => fits(row));
  if (!found) return undefined;
  return found.find((row) => family === 'cc' || row.family === undefined || row.family === family);
}

/** The families that are known as such: warnings, optimisation levels, debug levels, code generation for a machine, features. */
function isPlainFamily(text: string): boolean {
  if (/^-W(?![alp],)(?:[A-Za-z#][\w+=<>.,:#-]*)?$/.test(text)) return true;
  if (/^-O(?:[0-4]|\d+|s|z|g|fast)?$/.test(text)) return true;
  if (
    /^-g(?:[0-3]|gdb[0-3]?|dwarf(?:-?[2-5])?|dwarf(?:32|64)|z(?:=[\w-]+)?|btf|ctf[0-2]?|stabs\+?\d?|line-tables-only|lldb|sce|dbx)?$/.test(
      text,
    )
  )
    return true;
  if (
    /^-g(?:no-)?(?:strict-dwarf|column-info|statement-frontiers|variable-location-views(?:=\w+)?|inline-points|record-gcc-switches|pubnames|gnu-pubnames|inline-line-tables|internal-reset-location-views|as-locview-support|as-loc-support|describe-dies|simple-template-names(?:=\w+)?|embed-source|modules|line-directives-only|toggle|codeview|mlt)$/.test(
      text,
    )
  )
    return text !== '-gmodules' && text !== '-gcodeview';
  if (/^-m[a-z0-9][\w.+-]*(?:=[\w.,:+%@-]*)?$/.test(text)) return !text.startsWith('-mllvm');
  return text.startsWith('-f') && isPlainFeature(text);
}
