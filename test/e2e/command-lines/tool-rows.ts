/** Linkers, archivers and their like. */
import { type CommandLine, rows } from './case.ts';

const objects = 'gcc -c main.c a.c b.c';

export const toolRows: readonly CommandLine[] = [
  ...rows(
    'remote',
    '$S gcc alone.c; ./a.out; echo $?',
    '$S gcc main.c a.c b.c -o program && ./program x; echo $?',
    '$S g++ -O1 hello.cc -o hello && ./hello',
    `${objects}; $S gcc main.o a.o b.o -o sub/program; sub/program; echo $?`,
    `${objects}; $S gcc @objects.rsp -o program`,
    `${objects}; $S gcc -shared -fPIC a.c b.c -Wl,-soname,liba.so.1 -o liba.so; $S gcc main.o -L. -la -Wl,-rpath,. -o program; ./program`,
    `${objects}; $S ar rcs libab.a a.o b.o; $S gcc main.o -L. -lab -o program; $S ar t libab.a`,
    `${objects}; ar rcs libab.a a.o; $S ar r libab.a b.o; $S ar d libab.a a.o; $S ranlib libab.a; ar t libab.a`,
    `${objects}; $S ar rcsT thin.a a.o b.o; $S gcc main.o thin.a -o program`,
    `${objects}; $S gcc main.o a.o b.o -Wl,-Map=program.map -o program`,
    `${objects}; $S ld -r a.o b.o -o ab.o`,
    `${objects}; $S gcc -r a.o b.o -o ab.o`,
    `${objects}; gcc main.o a.o b.o -o program; $S strip program; $S strip -o other program`,
    `${objects}; echo old >real; ln -s real program; $S gcc main.o a.o b.o -o program; ls -l real | cut -c1-10`,
    `${objects}; umask 027; $S gcc main.o a.o b.o -o program; ls -l program | cut -c1-10`,
    '$S as asm.s -o asm.o',
    '$S as -ahls=listing asm.s -o asm.o --MD as.d',
    '$S gcc -flto -frandom-seed=1 alone.c -o alone && ./alone; echo $?',
    'gcc -flto -frandom-seed=1 -c main.c a.c b.c; $S gcc -flto -O2 main.o a.o b.o -o program && ./program',
    '$S clang main.c a.c b.c -o program && ./program; echo $?',
    '$S gcc -g -gsplit-dwarf main.c a.c b.c -o sub/program; ls sub',
    `${objects}; mkdir d; mv a.o b.o d; $S gcc main.o d/*.o -o d/program; d/program`,
    'gcc alone.c -o program; $S nm program | cut -d" " -f2- | sort | tail -n 3; $S objdump -h program | head -n 5; $S size program',
    'gcc alone.c -o program; $S objcopy --only-keep-debug program program.debug; $S readelf -h program.debug | head -n 3',
  ),
  ...rows(
    'remote',
    `${objects}; $S gcc main.o a.o -o program; echo $?; ls`,
    `${objects}; $S ar cr lib.a a.o no-such.o; echo $?; ls`,
    `${objects}; $S gcc -Wl,--no-such-option main.o a.o b.o -o program; echo $?`,
    `${objects}; $S gcc main.o a.o b.o -lno-such-library -o program; echo $?`,
  ),
  ...rows(
    { direct: 'remote', served: 'conflict' },
    `${objects}; echo old >program; ln program twin; $S gcc main.o a.o b.o -o program; cat twin`,
  ),
  // ninja notes the times of what it made, and makes anew what is newer
  ...rows(
    { direct: 'anywhere', served: 'remote' },
    'printf "rule cc\\n  command = gcc -MD -MF \\$out.d -c \\$in -o \\$out\\n  depfile = \\$out.d\\n  deps = gcc\\nbuild a.o: cc a.c\\n" >build.ninja; $S ninja >/dev/null; ninja -d explain; rm .ninja_*',
  ),
  ...rows('probe', '$S gcc alone.c -o /dev/null; echo $?'),
  ...rows('stdin-input', 'echo ".long 1" | $S as -o x.o'),
];
