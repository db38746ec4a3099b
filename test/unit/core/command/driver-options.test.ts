import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { optionGroups } from '../../../../src/core/command/driver-option-table.ts';
import { lookUpOption } from '../../../../src/core/command/driver-options.ts';
import type { DriverFamily } from '../../../../src/core/command/tool.ts';

/** [option, in which families, where its argument stands, what it does] */
const table = `
-o               any     next    out
-ofile           any     joined  out
--output=file    any     joined  out
--output         any     next    out
-x               any     next    language
-xc++            any     joined  language
-I               any     next    include-dir
-Idir            any     joined  include-dir
-F               any     next    include-dir
-iquote          any     next    quote-dir
-iquotedir       any     joined  quote-dir
-isystem         any     next    system-dir
-isystemdir      any     joined  system-dir
-idirafter       any     next    after-dir
-iprefix         any     next    include-prefix
-iwithprefix     any     next    with-prefix
-iwithprefixbefore any   next    with-prefix-before
-iwithprefixbeforex any  joined  with-prefix-before
-isysroot        any     next    sysroot
--sysroot=x      any     joined  sysroot
--sysroot        any     next    sysroot
-imultilib       gcc     next    other-dir
-imultiarch      gcc     next    other-dir
-iplugindir=x    gcc     joined  other-dir
-iwithsysroot    clang   next    with-sysroot
-cxx-isystem     clang   next    system-dir
-stdlib++-isystem clang  next    system-dir
-iframework      clang   next    system-dir
-isystem-after   clang   next    after-dir
-resource-dir    clang   next    other-dir
--gcc-toolchain=x clang  joined  other-dir
-B               any     next    other-dir
-Bdir            any     joined  other-dir
-L               any     next    other-dir
-Ldir            any     joined  other-dir
-l               any     next    library
-lz              any     joined  library
-include         any     next    include-file
-imacros         any     next    include-file
--include=x      any     joined  include-file
-include-pch     clang   next    input
-D               any     next    plain
-DX=1            any     joined  plain
-U               any     next    plain
-A               gcc     next    plain
-u               any     next    plain
-usym            gcc     joined  plain
-z               any     next    plain
-zdefs           gcc     joined  plain
-e               any     next    plain
-T               any     next    script
-Tscript         any     joined  script
-Ttext=0         any     joined  plain
-Ttext           any     next    plain
-target          clang   next    plain
--target=x       clang   joined  plain
-arch            clang   next    plain
-b               any     next    plain
-G               clang   next    plain
--optimize       any     flag    plain
--param          any     next    plain
--param=a=b      any     joined  plain
-mllvm           clang   next    in-place
-Xclang          clang   next    pass-frontend
-Xlinker         any     next    pass-linker
-Xassembler      any     next    pass-assembler
-Xpreprocessor   any     next    in-place
-Xanalyzer       clang   next    in-place
-Xarch_host      clang   next    in-place
-Xopenmp-target  clang   next    in-place
-Xopenmp-target=x clang  joined  in-place
-Wl,-O1          any     joined  pass-linker
-Wa,-W           any     joined  pass-assembler
-Wp,-DX          any     joined  pass-preprocessor
-MF              any     next    dependency-file
-MFx             any     joined  dependency-file
-MT              any     next    dependency-target
-MQx             any     joined  dependency-target
-MJ              clang   next    output
-MD              any     flag    dependencies
-MMD             any     flag    dependencies
-MP              any     flag    plain
-M               any     flag    mode
-MM              any     flag    mode
-dumpbase        gcc     next    in-place
-dumpbase-ext    gcc     next    in-place
-dumpdir         gcc     next    in-place
-aux-info        gcc     next    output
-aux-info=x      gcc     joined  output
-wrapper         gcc     next    in-place
-specs=x         any     joined  input-in-place
-specs           gcc     next    input-in-place
--config         clang   next    input-in-place
-fplugin=x.so    any     joined  input-in-place
-fplugin-arg-x-y any     joined  in-place
-fmodule-file=x  any     joined  input-in-place
-fmodules        any     joined  in-place
-fmodules-ts     any     joined  in-place
-fmodules-cache-path=x any joined in-place
-fprofile-use=x  any     joined  input-in-place
-fprofile-use    any     joined  in-place
-fprofile-arcs   any     joined  in-place
-fprofile-generate=x any joined  in-place
-fprofile-instr-generate clang joined in-place
-fprofile-instr-use=x clang joined input-in-place
-fauto-profile=x gcc     joined  input-in-place
--coverage       any     flag    coverage
-ftest-coverage  any     flag    coverage
-gsplit-dwarf    any     flag    split-dwarf
-save-temps      any     flag    save-temps
-save-temps=obj  any     flag    save-temps
-fstack-usage    any     flag    stack-usage
-fcallgraph-info=su gcc  joined  callgraph
-ftime-trace     clang   flag    time-trace
-fdump-tree-all  gcc     joined  in-place
-dA              gcc     flag    plain
-da              any     joined  in-place
-fopt-info-vec=f gcc     joined  in-place
-fdiagnostics-format=json any flag plain
-fdiagnostics-format=json-file any flag unknown
-grecord-gcc-switches clang flag in-place
-grecord-gcc-switches gcc flag plain
-grecord-gcc-switches cc flag in-place
-fxray-instruction-threshold clang next plain
-fno-profile-arcs any flag plain
-W               any     flag    plain
-fdebug-prefix-map=a=b any joined plain
-fdebug-compilation-dir clang next plain
-fsanitize-ignorelist=x clang joined input
-fsave-optimization-record any joined in-place
-foptimization-record-file=x clang joined output
-fthin-link-bitcode=x clang joined output
-serialize-diagnostics clang next output
-index-store-path clang  next    output
-ivfsoverlay     clang   next    in-place
-working-directory clang next    in-place
-working-directory=x clang joined in-place
-emit-llvm       clang   flag    emit-llvm
-emit-ast        clang   flag    in-place
-fembed-bitcode  clang   joined  in-place
-frecord-gcc-switches gcc flag   plain
-frecord-gcc-switches clang flag in-place
-frecord-gcc-switches cc flag    in-place
-march=native    any     flag    native
-mcpu=native     any     flag    native
-mtune=native    any     flag    native
-march=x86-64-v3 any     flag    plain
-mthread-model   clang   next    plain
-std=c++20       any     joined  plain
-Wno-anything=3  any     flag    plain
-Werror          any     flag    plain
-O2              any     flag    plain
-Ofast           any     flag    plain
-g3              any     flag    plain
-ggdb            any     flag    plain
-gdwarf-5        any     flag    plain
-gno-column-info any     flag    plain
-gmodules        clang   flag    unknown
-gnewthing       any     flag    unknown
-fPIC            any     flag    plain
-fno-plt         any     flag    plain
-fno-builtin-memcpy any  flag    plain
-fsanitize=address any   flag    plain
-fmessage-length=0 any   flag    plain
-ftemplate-depth=9 any   flag    plain
-ftemplate-depth-9 any   flag    plain
-flto=auto       any     flag    plain
-fuse-ld=lld     any     joined  plain
-fnew-thing      any     flag    unknown
-Znew            any     flag    unknown
--new=x          any     flag    unknown
--version        any     flag    query
-dumpmachine     any     flag    query
-print-search-dirs any   joined  query
-print-prog-name=ld any  joined  query
--print-file-name=x any  joined  query
--help=warnings  any     joined  query
-###             any     flag    query
-v               any     flag    verbose
`;

describe('lookUpOption', () => {
  for (const line of table.trim().split('\n')) {
    const [option = '', families = '', take, effect] = line.split(/ +/);
    const all: DriverFamily[] = families === 'any' ? ['gcc', 'clang', 'cc'] : [families as DriverFamily];
    it(`takes ${option} (${families}) with ${take} for ${effect}`, () => {
      for (const family of all) {
        const found = lookUpOption(option, family);
        assert.deepEqual([found.take, found.effect], [take, effect], family);
      }
    });
  }
  it('gives the argument that stands in the same word', () => {
    assert.equal(lookUpOption('-Idir', 'gcc').value, 'dir');
    assert.equal(lookUpOption('--sysroot=/x', 'clang').value, '/x');
    assert.equal(lookUpOption('-I', 'gcc').value, undefined);
  });
  it('takes an option of one family for unknown in the other', () => {
    assert.notEqual(lookUpOption('-ftime-trace', 'gcc').effect, 'time-trace');
    assert.equal(lookUpOption('-wrapper', 'clang').effect, 'unknown');
    assert.equal(lookUpOption('-Xclang', 'gcc').effect, 'unknown');
  });
});

describe('optionGroups', () => {
  const groups = optionGroups.flatMap((topic) => Object.entries(topic));
  it('lists the spellings of each group sorted', () => {
    for (const [group, text] of groups) {
      const spellings = text.trim().split(/\s+/);
      assert.deepEqual(spellings, spellings.toSorted(), group);
    }
  });
  it('has no spelling twice for one driver and one place of its argument', () => {
    const seen = new Map<string, string>();
    for (const [group, text] of groups) {
      const [, take, family] = group.split(' ');
      const places = take === 'either' ? ['apart', 'joined'] : [take === 'joined' ? 'joined' : 'apart'];
      for (const spelling of text.trim().split(/\s+/)) {
        for (const place of places) {
          for (const driver of family === undefined ? ['gcc', 'clang'] : [family]) {
            const key = `${spelling} ${place} ${driver}`;
            assert.equal(seen.get(key), undefined, `${key} in ${group}`);
            seen.set(key, group);
          }
        }
      }
    }
  });
});
