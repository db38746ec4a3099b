/**
 * The table of the options of the gcc 12 and clang 14 drivers that take an argument or that matter to reading: where
 * their argument stands, and what they do to inputs, outputs and searched directories. One text holds the spellings
 * of one group, sorted; no spelling stands twice for one driver and one place of its argument.
 */

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

/** The only drivers that have an option; where none is named, both. */
export type OptionFamily = 'gcc' | 'clang';

/** The head of a group: what its options do, where their argument stands, and which drivers have them. */
export type OptionGroup = `${Effect} ${Take}` | `${Effect} ${Take} ${OptionFamily}`;

type OptionGroups = { readonly [group in OptionGroup]?: string };

/** What is to be done. */
const modes: OptionGroups = {
  'mode flag': `
    --assemble --compile --dependencies --preprocess --user-dependencies -E -M -MM -S -c -fsyntax-only`,
  'emit-llvm flag clang': '-emit-llvm',
  'in-place flag clang': `
    --analyze --migrate -emit-ast -emit-interface-stubs -module-file-info -rewrite-legacy-objc
    -rewrite-objc -verify-pch`,
  'precompile flag clang': '--precompile',
  'language either': '-x',
  'language joined': '--language=',
  'language next': '--language',
  'out either': '-o',
  'out joined': '--output=',
  'out next': '--output',
};

/** Questions to the driver. */
const queries: OptionGroups = {
  'query flag': `
    -### --dumpmachine --dumpspecs --dumpversion --help --help-hidden --target-help --version
    -dumpfullversion -dumpmachine -dumpspecs -dumpversion -help`,
  'query joined': `
    --autocomplete= --completion= --help= --print- -ccc-print- -fself-test= -print-`,
  'verbose flag': '--verbose -V -v',
};

/** Dependency files. */
const dependencies: OptionGroups = {
  'dependencies flag': '--write-dependencies --write-user-dependencies -MD -MMD',
  'dependency-file either': '-MF',
  'dependency-target either': '-MQ -MT',
  'plain flag': '--print-missing-file-dependencies -MG -MP -MV -Mno-modules',
  'output either clang': '-MJ',
  'in-place next clang': `
    -dependency-dot -dependency-file -gen-cdb-fragment-path -module-dependency-dir`,
};

/** Macros and searched directories. */
const searching: OptionGroups = {
  'plain either': '-A -D -U',
  'plain next': '--assert --define-macro --undefine-macro',
  'plain joined': '--assert= --define-macro= --undefine-macro=',
  'quote-dir either': '-iquote',
  'in-place flag': '--include-barrier -I-',
  'in-place next clang': '--working-directory -ivfsoverlay -working-directory',
  'in-place joined': '--working-directory= -fworking-directory= -working-directory=',
  'in-place joined gcc': '-Hd -Hf -Xf',
  'include-dir either': '-F -I',
  'include-dir next': '--include-directory',
  'include-dir joined': '--include-directory=',
  'system-dir either': '-cxx-isystem -iframework -isystem -stdlib++-isystem',
  'system-dir next': `
    -c-isystem -internal-externc-isystem -internal-isystem -objc-isystem -objcxx-isystem`,
  'after-dir either': '-idirafter -isystem-after',
  'after-dir next': '--include-directory-after',
  'after-dir joined': '--include-directory-after=',
  'include-prefix either': '-iprefix',
  'include-prefix next': '--include-prefix',
  'include-prefix joined': '--include-prefix=',
  'with-prefix either': '-iwithprefix',
  'with-prefix next': '--include-with-prefix --include-with-prefix-after',
  'with-prefix joined': '--include-with-prefix-after= --include-with-prefix=',
  'with-prefix-before either': '-iwithprefixbefore',
  'with-prefix-before next': '--include-with-prefix-before',
  'with-prefix-before joined': '--include-with-prefix-before=',
  'with-sysroot either clang': '-iframeworkwithsysroot -iwithsysroot',
  'sysroot either': '-isysroot',
  'sysroot joined': '--sysroot=',
  'sysroot next': '--sysroot',
  'other-dir either': '-B -L -imultiarch -imultilib',
  'other-dir next': '--library-directory --prefix -ccc-install-dir -gcc-toolchain -resource-dir',
  'other-dir joined': `
    --cuda-path= --gcc-toolchain= --library-directory= --prefix= --rocm-path= -fcrash-diagnostics-dir=
    -iplugindir= -resource-dir=`,
};

/** Files read besides the source. */
const inputs: OptionGroups = {
  'include-file either': '-imacros -include',
  'include-file next': '--imacros --include',
  'include-file joined': '--imacros= --include=',
  'input next clang': '-include-pch',
  'input joined': `
    -fbuild-session-file= -fprofile-list= -fsanitize-blacklist= -fsanitize-coverage-allowlist=
    -fsanitize-coverage-blacklist= -fsanitize-coverage-ignorelist= -fsanitize-coverage-whitelist=
    -fsanitize-ignorelist= -fsanitize-system-blacklist= -fsanitize-system-ignorelist=
    -fxray-always-instrument= -fxray-attr-list= -fxray-never-instrument=`,
  'input-in-place joined': `
    --config= --specs= -fauto-profile= -fbranch-probabilities= -fmodule-file= -fmodule-map-file=
    -fpass-plugin= -fplugin= -fprofile-instr-use= -fprofile-remapping-file= -fprofile-sample-use=
    -fprofile-use= -fthinlto-index= -specs=`,
  'input-in-place next gcc': '--specs -specs',
  'input-in-place next clang': '--config',
};

/** Files written besides the object, and options whose outputs are named after it. */
const outputs: OptionGroups = {
  'output either gcc': '-aux-info',
  'output joined': `
    --output-pch= -aux-info= -fdump-final-insns= -fdump-go-spec= -foptimization-record-file=
    -fproc-stat-report= -fthin-link-bitcode=`,
  'output next clang': `
    --serialize-diagnostics -diagnostic-log-file -dsym-dir -index-store-path -object-file-name
    -opt-record-file -serialize-diagnostics`,
  'in-place joined': `
    --dump -d -dump -dumpbase-ext= -dumpbase= -dumpdir= -fanalyzer -fcompare-debug -fcoverage-mapping
    -fcs-profile-generate -fdump- -fembed-bitcode -fmemory-profile -fmodule -fmodules -fno-profile-instr
    -fopt-info -forder-file-instrumentation -fpch- -fplugin-arg- -fprebuilt- -fprofile
    -fsave-optimization-record -object-file-name= -save-stats -time=`,
  'in-place flag': `
    -Q -fno-working-directory -frecord-command-line -grecord-command-line -gsplit-dwarf=single
    -no-integrated-cpp -time`,
  'in-place flag clang': '-frecord-gcc-switches -grecord-gcc-switches',
  'in-place next gcc': `
    --dumpbase --dumpbase-ext --dumpdir -dumpbase -dumpbase-ext -dumpdir -wrapper`,
  'coverage flag': '--coverage -coverage -ftest-coverage',
  'split-dwarf flag': '-gsplit-dwarf -gsplit-dwarf=split',
  'save-temps flag': `
    --save-temps --save-temps=cwd --save-temps=obj -save-temps -save-temps=cwd -save-temps=obj`,
  'plain flag gcc': '-dA -dP -dp',
  'plain joined': '-ftime-trace-granularity=',
  'stack-usage flag': '-fstack-usage',
  'callgraph joined gcc': '-fcallgraph-info',
  'time-trace flag clang': '-ftime-trace',
};

/** Words passed on to another tool. */
const passedOn: OptionGroups = {
  'pass-linker joined': '--for-linker= -Wl,',
  'pass-linker next': '--for-linker -Xlinker',
  'pass-preprocessor joined': '-Wp,',
  'in-place next': '-Xpreprocessor',
  'in-place next clang': `
    -Xanalyzer -Xarch_device -Xarch_host -Xcuda-fatbinary -Xcuda-ptxas -Xopenmp-target -load -mllvm
    -plugin`,
  'in-place joined clang': '-Xarch_ -Xcuda -Xlto -Xopenmp-target= -Xthinlto',
  'pass-assembler joined': '-Wa,',
  'pass-assembler next': '--for-assembler -Xassembler',
  'pass-frontend next clang': '-Xclang',
};

/** Harmless options that begin like others that are not. */
const harmless: OptionGroups = {
  'plain flag': `
    -fanalyzer -fdiagnostics-format=clang -fdiagnostics-format=json -fdiagnostics-format=text
    -fdiagnostics-generate-patch -fdirectives-only -fno-analyzer -fno-coverage-mapping -fno-modules
    -fno-profile-arcs -fno-profile-generate -fno-profile-instr-generate -fno-profile-use
    -fno-save-optimization-record -fno-stack-usage -fno-test-coverage -fno-time-trace -fpreprocessed`,
  'plain next clang': '-fxray-instruction-threshold',
};

/** Linking. */
const linking: OptionGroups = {
  'library either': '-l',
  'script either': '-T',
  'plain either': '-G',
  'plain either gcc': '-e -u -z',
  'plain next clang': '-e -u -z',
  'plain joined': `
    --entry= --force-link= --ld-path= --rtlib= --stdlib= --unwindlib= -Tbss -Tbss= -Tdata -Tdata= -Torg
    -Ttext -Ttext= -fuse-ld= -rpath= -rtlib= -stdlib= -unwindlib=`,
  'plain next': `
    --entry --force-link -Tbss -Tdata -Ttext -arch -b -install_name -rpath -soname -target`,
  'plain flag': `
    --shared --static -Bdynamic -Bstatic -N -export-dynamic -n -no-pie -nodefaultlibs -nolibc -nopie
    -nostartfiles -nostdlib -nostdlib++ -pie -r -rdynamic -s -shared -shared-libgcc -static
    -static-libasan -static-libgcc -static-liblsan -static-libstdc++ -static-libtsan -static-libubsan
    -static-pie -symbolic -t`,
};

/** Other options without effect on files. */
const rest: OptionGroups = {
  'plain next': '--param -fmodules-user-build-path -meabi -mthread-model',
  'plain next clang': '-fconstant-string-class -fdebug-compilation-dir -ftrapv-handler',
  'plain joined': `
    --driver-mode= --no-system-header-prefix= --optimize= --param= --rsp-quoting= --std=
    --system-header-prefix= --target= --warn- -R -cl-std= -cuid= -driver-mode= -fdebug-prefix-map=
    -ffile-prefix-map= -fmacro-prefix-map= -std= -target=`,
  'plain flag': `
    --all-warnings --ansi --comments --debug --extra-warnings --no-gnu-unique --no-standard-includes
    --no-warnings --optimize --pedantic --pedantic-errors --pipe --profile --trigraphs -C -CC -H -ObjC
    -ObjC++ -P -Qn -Qunused-arguments -Qy -ansi -canonical-prefixes -integrated-as -mno-embedded-data
    -no-canonical-prefixes -no-hip-rt -no-integrated-as -no-pedantic -no-pthread -nobuiltininc -nogpuinc
    -nogpulib -nohipwrapperinc -noprebind -nostdinc -nostdinc++ -nostdlibinc -p -pass-exit-codes
    -pedantic -pedantic-errors -pg -pipe -pthread -pthreads -relocatable-pch -remap -traditional
    -traditional-cpp -trigraphs -undef -w`,
};

/** Options whose meaning depends on the machine. */
const machine: OptionGroups = {
  'native flag': '-march=native -mcpu=native -mfpu=native -mtune=native',
};

/** All groups, by topic. */
export const optionGroups: readonly OptionGroups[] = [
  modes,
  queries,
  dependencies,
  searching,
  inputs,
  outputs,
  passedOn,
  harmless,
  linking,
  rest,
  machine,
];
