/**
 * `swarmrun CMD` against `CMD` where the other machine has other system files: nothing of them may get into a result,
 * and neither may what it lacks.
 */
import assert from 'node:assert/strict';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Explanation } from '../../src/wire/cli-messages.ts';
import { checkout } from '../rig/child.ts';
import { isFull } from '../rig/effort.ts';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { treeObstacle } from '../rig/tree-lab.ts';
import { type CommandLine, rows, type Way } from './command-lines/case.ts';
import { differing, misplaced, observe } from './command-lines/observe.ts';

/** What a machine has for itself: `here` is the caller's. */
function prepare(here: boolean): string {
  const both = [
    'mkdir -p /usr/local/include/opt /usr/local/lib /etc/d',
    `echo "int q(void) { return ${here ? 1 : 2}; }" >/tmp/q.c`,
    'gcc -shared -fPIC -Wl,-soname,libq.so.1 /tmp/q.c -o /usr/local/lib/libq.so && gcc -c /tmp/q.c -o /tmp/q.o',
    'ar rcs /usr/local/lib/libqs.a /tmp/q.o; rm -f /tmp/q.*',
    `echo ${here ? 'here' : 'there'} >/etc/d/blob.bin`,
    `echo ".long ${here ? 1 : 2}" >/etc/d/macros.s`,
    `echo "#define DIFFERS ${here ? 1 : 2}" >/usr/local/include/differs.h`,
    // Where a compiler looks by itself, below a directory that it is given
    ...['sys/usr/include', 'pre/inc', 'tools/include', 'cpath'].flatMap((place) => [
      `mkdir -p /usr/local/${place}`,
      `echo "#define DERIVED ${here ? 1 : 2}" >/usr/local/${place}/derived.h`,
    ]),
    'mkdir -p /usr/local/tools; ln -s /usr/lib/gcc /usr/local/tools/gcc',
    'mkdir /usr/local/crt',
    `echo "#define NEXT ${here ? 1 : 2}" >/usr/local/include/opt/next.h`,
    `cp /usr/share/zoneinfo/${here ? 'Asia/Tokyo' : 'America/Lima'} /etc/localtime.new && mv -f /etc/localtime.new /etc/localtime`,
  ];
  const only = [
    'cp "$(gcc -print-file-name=crt1.o)" /usr/local/crt',
    `mkdir /usr/local/masquerade; for n in gcc clang; do ln -s ${checkout}/bin/swarmrun /usr/local/masquerade/$n; done`,
    'echo "#define ONLY 1" >/usr/local/include/opt/only.h',
    'cp /usr/local/lib/libqs.a /usr/local/lib/libm.a',
    // As a wrapper of the assembler, which only this machine has
    'mkdir -p /usr/local/wrapped; cp /usr/bin/as /usr/local/wrapped/as',
    'mkdir -p /usr/local/locale; cp -r /usr/lib/locale/C.utf8 /usr/local/locale/xx_XX.UTF-8',
    'ln -s $PWD /usr/local/link',
  ];
  return [...both, ...(here ? only : [])].join('\n');
}

const compilers = ['gcc', 'clang'] as const;
const forEach = (make: (compiler: string) => readonly string[]): string[] =>
  compilers.flatMap((each) => [...make(each)]);

const derived = `printf '#include <derived.h>\\nint x = DERIVED;\\n' >d.c`;

/**
 * Not believed of the other machines: their answers differ. `CC` stands for the compiler under a path of its own, since a
 * worker is not tried again soon for commands of a kind of which it gave a differing answer.
 */
const differ: readonly CommandLine[] = rows(
  { direct: 'no-fitting-peer', served: 'remote' },
  ...forEach((compiler) => [
    // 1: a library found by search, shared and static, or found earlier than elsewhere
    `echo 'int q(void); int main(void) { return q(); }' >m.c; gcc -c m.c; $S CC/${compiler} m.o -L/usr/local/lib -lqs -o m; ./m; echo $?`,
    `echo 'int q(void); int main(void) { return q(); }' >m.c; gcc -c m.c; $S CC/${compiler} m.o -L/usr/local/lib -lq -o m; readelf -d m | grep NEEDED`,
    `$S CC/${compiler} alone.c -L/usr/local/lib -static -lm -o m; ./m; echo $?`,
    `echo '-L/usr/local/lib -lqs' >l.rsp; echo 'int q(void); int main(void) { return q(); }' >m.c; $S CC/${compiler} m.c @l.rsp -o m; ./m; echo $?`,
    // 3: what no dependency file names
    `echo '.data; .incbin "/etc/d/blob.bin"' >i.S; $S CC/${compiler} -c i.S`,
    `echo '__asm__(".incbin \\"/etc/d/blob.bin\\"");' >i.c; $S CC/${compiler} -c i.c`,
    `echo '.include "/etc/d/macros.s"' >i.s; $S CC/${compiler} -c i.s`,
    // 4: what was looked for and not found
    `printf '#if __has_include(<opt/only.h>)\\nint have;\\n#else\\nint havenot;\\n#endif\\n' >h.c; $S CC/${compiler} -c h.c`,
    `printf '#include <opt/only.h>\\nint x = ONLY;\\n' >h.c; $S CC/${compiler} -c h.c; echo $?`,
    `printf '#include <differs.h>\\nint x = DIFFERS;\\n' >h.c; $S CC/${compiler} -MMD -c h.c`,
    `mkdir -p own/opt; printf '#include_next <opt/next.h>\\n' >own/opt/next.h; printf '#include <opt/next.h>\\nint x = NEXT;\\n' >h.c; $S CC/${compiler} -Iown -c h.c`,
    // 41: directories that the compiler derives itself, or that the environment names
    `${derived}; $S CC/${compiler} --sysroot=/usr/local/sys -c d.c`,
    `${derived}; $S CC/${compiler} -iprefix /usr/local/pre/ -iwithprefix inc -c d.c`,
    `${derived}; CPATH=/usr/local/cpath $S CC/${compiler} -c d.c`,
    `${derived}; C_INCLUDE_PATH=/usr/no:/usr/local/cpath $S CC/${compiler} -c d.c`,
    `echo 'int q(void); int main(void) { return q(); }' >m.c; gcc -c m.c; LIBRARY_PATH=/usr/local/lib $S CC/${compiler} m.o -lqs -o m; ./m; echo $?`,
    // 8: the time zone
    `touch -d 2020-01-01T00:00:00Z z.c; echo 'const char *t = __TIMESTAMP__;' >z.c; touch -d 2020-01-01T00:00:00Z z.c; $S CC/${compiler} -c z.c`,
  ]),
  `${derived}; $S CC/gcc -isysroot /usr/local/sys -c d.c`,
  `${derived}; $S CC/gcc -B/usr/local/tools -c d.c`,
  `${derived}; $S CC/gcc -B /usr/local/tools/ -c d.c`,
  `COMPILER_PATH=/usr/local/wrapped $S CC/gcc -c alone.c`,
  `$S CC/gcc -B/usr/local/wrapped -c alone.c`,
  `$S CC/clang -fno-integrated-as -B/usr/local/wrapped -c alone.c`,
);

/**
 * 6: a program that is not a script, and that writes in the directories that each machine has for itself. What it finds in
 * them it adds to.
 */
const leaving = String.raw`printf '%s\n' '#include <stdio.h>' '#include <sys/stat.h>' '#include <unistd.h>' \
'int main(void) { mkdir("/tmp/left", 0750); symlink("x", "/tmp/left/l"); unlink("/tmp/gone");' \
'for (int i = 0; i < 3; i++) { const char *n[] = {"/tmp/left/x", "/var/tmp/left", "/dev/shm/left"};' \
'FILE *f = fopen(n[i], "a"); fputs("made\n", f); fclose(f); }' \
'fclose(fopen("/tmp/gone", "w")); unlink("/tmp/gone"); return 0; }' >w.c; gcc w.c -o w`;
const lookLeft =
  'stat -c "%a %N" /tmp/left /tmp/left/*; ls -A /tmp/left; cat /tmp/left/x /var/tmp/left /dev/shm/left; rm -r /tmp/left /var/tmp/left /dev/shm/left';

/** The same here and there, so it may travel. */
const same: readonly CommandLine[] = rows(
  'remote',
  ...forEach((cc) => [
    `$S ${cc} -c a.c -o a.o`,
    `$S ${cc} alone.c -o alone; ./alone; echo $?`,
    `echo 'const char *t = __TIMESTAMP__;' >z.c; touch -d 2020-01-01T00:00:00Z z.c; TZ=UTC0 $S ${cc} -c z.c`,
    `echo 'raw' >blob; echo '.data; .incbin "blob"' >i.S; $S ${cc} -c i.S`,
    `printf '#if __has_include(<no/such.h>)\\n#error\\n#endif\\nint x;\\n' >h.c; $S ${cc} -c h.c`,
    `$S ${cc} -c lost.c; echo $?`,
    // 41: below the share they are the same
    `mkdir -p sys/usr/include; echo '#define DERIVED 3' >sys/usr/include/derived.h; ${derived}; $S ${cc} --sysroot=$PWD/sys -c d.c`,
    `mkdir -p pre/inc; echo '#define DERIVED 3' >pre/inc/derived.h; ${derived}; $S ${cc} -iprefix $PWD/pre/ -iwithprefix inc -c d.c`,
    `mkdir cp; echo '#define DERIVED 3' >cp/derived.h; ${derived}; CPATH=$PWD/cp $S ${cc} -c d.c`,
    `mkdir cp; echo '#define DERIVED 3' >cp/derived.h; ${derived}; CPATH=cp C_INCLUDE_PATH=cp $S ${cc} -c d.c`,
  ]),
  `mkdir -p b/include; echo '#define DERIVED 3' >b/include/derived.h; ${derived}; $S gcc -Bb -c d.c; $S gcc -B b/ -c d.c`,
  `GCC_EXEC_PREFIX=/usr/local/tools/gcc/ $S gcc -c a.c; echo $?`,
  // 5: a script with the name of a compiler is an opaque command
  `printf '#!/bin/sh\\n/usr/bin/gcc "$@"; s=$?; echo "$*" >a.o.log; exit $s\\n' >gcc; chmod +x gcc; $S ./gcc -c a.c -o a.o; ls -A`,
  `mkdir bin; printf '#!/bin/sh\\nexec /usr/bin/clang "$@"\\n' >bin/clang; chmod +x bin/clang; PATH=$PWD/bin:$PATH; $S clang -c a.c; ls -A`,
  // 6: named in a comment, or below a directory of another name
  `printf '#!/bin/sh\\n# not in /tmp/x\\necho made >sub/tmp/x\\n' >s; chmod +x s; mkdir -p sub/tmp; $S ./s; cat sub/tmp/x`,
  // What a command has in directories that each machine has for itself is seen by what it starts, wherever that would run
  `echo '#include <n.h>' >n.c; printf 'D := $(shell dirname $(shell mktemp -u))\nall:\n\t@mkdir $D/i; echo "int y;" >$D/i/n.h; $S gcc -I$D/i -c n.c; rm -r $D/i\n' >Makefile; $S make; nm n.o`,
  // 31: a link to swarmrun with the name of a compiler, outside the share, by its path and by PATH
  'gcc() { if [ "$S" ]; then /usr/local/masquerade/gcc "$@"; else /usr/bin/gcc "$@"; fi; }; gcc -g -c a.c -o a.o; gcc -c error.c; echo $?',
  'clang() { if [ "$S" ]; then PATH=/usr/local/masquerade:$PATH command clang "$@"; else /usr/bin/clang "$@"; fi; }; clang -g -c a.c',
  // 32 and 40: without a dependency file, or with one that the compiler does not write
  '$S gcc -MD -c asm.s; ls',
  'gcc -E a.c -o a.i; $S gcc -MD -c a.i; ls',
  '$S gcc -Wp,-MMD,x.d -MMD -c a.c; ls',
  '$S gcc -frecord-gcc-switches -c a.c',
  '$S gcc -c a.c b.c -O2',
  '$S gcc -fsyntax-only a.c; echo $?',
  '$S gcc -Wp,-D_FORTIFY_SOURCE=2 -O2 -c a.c',
  '$S ar rcs l.a $(gcc -c a.c b.c; echo a.o b.o)',
);

/** 2: the tool's own check, which must see the names that it was meant to have. */
const ownInput: readonly CommandLine[] = [
  ...rows(
    { direct: 'unprovable', served: 'remote' },
    ...forEach((cc) => [
      `$S ${cc} -c b.c -o b.c; echo $?; cat b.c`,
      `ln -s b.c c.c; $S ${cc} -c b.c -o ./c.c; echo $?; cat b.c`,
    ]),
  ),
  ...rows(
    { direct: 'unprovable', served: 'conflict' },
    ...forEach((cc) => [`ln b.c c.c; $S ${cc} -c b.c -o c.c; echo $?; cat b.c`]),
  ),
];

/** Known before the first attempt. */
const atOnce: readonly CommandLine[] = rows(
  'unprovable',
  ...forEach((cc) => [
    // 10: pipes as inputs, which can be read once and here only
    `mkfifo p; (cat inc/h.h >p &); $S ${cc} -include p -c b.c; echo $?`,
    // 29: an output that is not a regular file
    `mkfifo o.o; (cat o.o >kept &); $S ${cc} -S b.c -o o.o; echo $?; ls`,
  ]),
  // 6: what a script leaves in a directory that each machine has for itself: beside a tree that others see, it stays here
  `printf '#!/bin/sh\\necho made >/tmp/x\\n' >s; chmod +x s; $S ./s; cat /tmp/x; rm -f /tmp/x; $S sh -e s; cat /tmp/x; rm -f /tmp/x`,
  `echo 'open(F, ">", "/tmp/p"); print F 1;' >p.pl; $S perl p.pl; cat /tmp/p; rm -f /tmp/p`,
  // gcc waits for ever for a second writer.
  'mkfifo p; (echo -c b.c >p &); $S clang @p; echo $?; ls',
);

/** 8: as `differ`, known before it runs elsewhere: the locale, and the name of the directory. */
const mean: readonly CommandLine[] = [
  ...rows(
    { direct: 'no-fitting-peer', served: 'remote' },
    ...forEach((cc) => [
      `LOCPATH=/usr/local/locale LC_ALL=xx_XX.UTF-8 $S CC/${cc} -c error.c; echo $?`,
      `cd /usr/local/link/$(basename $PWD) && $S CC/${cc} -g -c a.c`,
    ]),
  ),
  ...rows('no-fitting-peer', 'LOCPATH=/usr/local/locale LC_ALL=xx_XX.UTF-8 $S CC/sh -c "locale charmap"'),
];

const [means = [], differs = []] = [mean, differ].map((lines, table) =>
  lines.map(({ script, place }, index) => ({
    script: script.replace('CC/', `/usr${'/.'.repeat(index + 50 * table)}/bin/`),
    place,
  })),
);

/** 6: what is not named as an output would lie on the other machine alone. */
const elsewhere: readonly CommandLine[] = rows(
  { direct: 'outside-share', served: 'remote' },
  'mkdir /tmp/d; $S gcc -dumpdir /tmp/d/ -fdump-tree-optimized -O1 -c a.c; ls /tmp/d; rm -r /tmp/d',
  '$S gcc -Wa,-ahls=/tmp/x.lst -c a.c; wc -l </tmp/x.lst; rm -f /tmp/x.lst',
  '$S gcc -Xassembler -ahls=/tmp/y.lst -c a.c; wc -l </tmp/y.lst; rm -f /tmp/y.lst',
  "echo '-Wa,-ahls=/tmp/z.lst' >w.rsp; $S gcc @w.rsp -c a.c; wc -l </tmp/z.lst; rm -f /tmp/z.lst",
  '$S clang -Xclang -stats-file=/tmp/s.json -c a.c; wc -l </tmp/s.json; rm -f /tmp/s.json',
);

/**
 * What it leaves in directories that each machine has for itself is brought home; where it sees all files of the caller's
 * machine it had that machine's, but for the memory that programs share by a name.
 */
const leavers: readonly CommandLine[] = rows(
  { direct: 'remote', served: 'unprovable' },
  `${leaving}; $S ./w; ${lookLeft}`,
  `${leaving}; printf 'all:\n\t./w; echo made >o\n' >Makefile; $S make; ${lookLeft}`,
  `${leaving}; $S bash -c './w; echo made >o; exit 3'; echo $?; ${lookLeft}`,
  `${leaving}; $S env ./w; ./w; ${lookLeft}`,
);

/** Memory that programs share by a name is of one machine. */
const inMemory: readonly CommandLine[] = rows(
  'outside-share',
  '$S bash -c "echo made >/var/tmp/x; cp /var/tmp/x /dev/shm/y"; cat /var/tmp/x /dev/shm/y; rm -f /var/tmp/x /dev/shm/y',
);

/** What others have not seen yet, or see otherwise: nothing of it runs twice where they are shown the files of the caller's. */
const inOwnFiles: readonly CommandLine[] = rows(
  'remote',
  ...forEach((cc) => [
    // 3: what no dependency file names
    `echo '.long 7' >w.s; $S ${cc} -fno-integrated-as -c a.c -Wa,w.s`,
    // 30, 45: directories that are only passed through, or looked up within a file, at the first compile
    `mkdir -p lib/z src/a; echo 'int y;' >lib/y.h; echo '#include "../../lib/z/../y.h"' >src/a/x.c; $S ${cc} -c src/a/x.c -MD`,
    `mkdir -p src inc/detail; echo '#define X 1' >inc/detail/x.h; printf '#include "detail/x.h"\nint x = X;\n' >src/a.c; $S ${cc} -Iinc -c src/a.c; mkdir src/detail; echo '#define X 2' >src/detail/x.h; $S ${cc} -Iinc -c src/a.c -o b.o`,
    // 33: just written
    `for n in 1 2 3; do echo "#define ONE $n" >new; mv new inc/h.h; $S ${cc} -c a.c -o a$n.o; done`,
    // 41: made, shadowed, replaced since it was looked up last
    `printf '#if __has_include("cfg/local.h")\n#include "cfg/local.h"\n#endif\nint x\n#ifdef L\n= L\n#endif\n;\n' >h.c; $S ${cc} -c h.c; mkdir cfg; echo '#define L 5' >cfg/local.h; $S ${cc} -c h.c -o g.o`,
    `mkdir -p common src gen/x gen/common; echo '#define C 1' >common/c.h; printf '#include "../common/c.h"\nint x = C;\n' >src/a.c; $S ${cc} -Igen/x -c src/a.c; mkdir -p src/common; echo '#define C 2' >gen/common/c.h; mv common old; $S ${cc} -Igen/x -c src/a.c -o b.o`,
    `mkdir -p one two; echo '#define S 1' >one/s.h; echo '#define S 2' >two/s.h; ln -s one tp; printf '#include <s.h>\nint x = S;\n' >s.c; $S ${cc} -isystem tp -MMD -c s.c; ln -sfn two tp; $S ${cc} -isystem tp -MMD -c s.c -o t.o`,
    // 42: files of which only another file tells
    `gcc -c main.c a.c b.c; ar rcsT t.a a.o b.o; $S ${cc} main.o t.a -o p; echo 'int b(int n) { return 9; }' >b.c; gcc -c b.c; $S ${cc} main.o t.a -o q`,
    `gcc -c main.c a.c b.c; echo a.o b.o >l; $S ${cc} main.o -Wl,@l -o p; echo 'INPUT(a.o b.o)' >l; $S ${cc} main.o l -o q`,
    // 43: replaced by an older one of the same size
    `$S ${cc} -c a.c; sed 's/ONE 1/ONE 2/' inc/h.h >new; touch -d '-300 seconds' new; mv new inc/h.h; $S ${cc} -c a.c -o b.o`,
  ]),
  // 1: a start file
  '$S gcc -B/usr/local/crt alone.c -o alone; ./alone; echo $?',
  // 3
  `printf '%%rename cpp_options old_options\n*cpp_options:\n%%(old_options) -DONE=8\n' >/usr/local/s.specs; echo 'int x = ONE;' >x.c; $S gcc -specs=/usr/local/s.specs -c x.c; rm /usr/local/s.specs`,
  'gcc -fprofile-generate alone.c -o alone; ./alone; $S gcc -O2 -fprofile-use -c alone.c; rm alone alone.gcda',
  'clang -fprofile-instr-generate alone.c -o alone; ./alone; llvm-profdata merge default.profraw -o d && $S clang -fprofile-instr-use=d -c alone.c; rm default.profraw',
  // 6: what a script leaves in a directory that each machine has for itself
  `printf '#!/bin/sh\necho made >/tmp/x\n' >s; chmod +x s; $S ./s; cat /tmp/x; rm -f /tmp/x; $S sh -e s; cat /tmp/x; rm -f /tmp/x`,
  `echo 'open(F, ">", "/tmp/p"); print F 1;' >p.pl; $S perl p.pl; cat /tmp/p; rm -f /tmp/p`,
  // 34: limits and niceness
  `ulimit -S -n 100 -s 4096 -f 90000 -c 7; $S sh -c 'ulimit -n; ulimit -s; ulimit -f; ulimit -c'; echo $(($(nice -n 3 $S nice) - $($S nice)))`,
  // 42: what was edited here just now
  `printf 'o: i\n\tcp i o\n' >sub/Makefile; for n in 1 2 3; do echo $n >sub/i; $S make -s -C sub; cat sub/o; done`,
);

/** Known when it has run: what only the caller could have read. */
const after: readonly CommandLine[] = rows(
  'unprovable',
  // 9
  ...forEach((cc) => [`echo '#include "/dev/stdin"' >s.c; echo 'int x;' | $S ${cc} -c s.c; echo $?`]),
);

async function compareAll(
  t: TestContext,
  swarm: SwarmRig,
  way: Way,
  lines: readonly CommandLine[],
  parent: string = swarm.share,
): Promise<void> {
  for (const host of swarm.lan.hosts)
    await swarm.check(host, ['sh', '-c', prepare(host === 'm1')], { cwd: parent });
  for (const [index, { script }] of lines.entries())
    await t.test(script, async () => {
      const folder = path.join(parent, `${index}`);
      const expected = await observe(swarm, folder, script, '');
      const actual = await observe(swarm, folder, script, 'swarmrun');
      assert.deepEqual(...differing(actual, expected));
    });
  await t.test('what a program left there is not put over what is here', async () => {
    const before = new Set((await swarm.explainJobs('m1')).map(({ job }) => job));
    const script = `mkdir conflict; cd conflict; ${leaving}; mkdir -m 750 /tmp/left; echo old >/tmp/left/x; $S ./w; cat /tmp/left/x; rm -rf /tmp/left /var/tmp/left /dev/shm/left`;
    const { stdout } = await swarm.exec('m1', ['bash', '-c', script], { env: { S: 'swarmrun' } });
    const [job] = (await swarm.explainJobs('m1')).filter(({ job }) => !before.has(job));
    // Where it took for long it may not be run again.
    const isFinal = job?.place !== 'inline';
    assert.equal(stdout.toString(), isFinal ? 'old\n' : 'old\nmade\n');
    assert.deepEqual(
      job?.reasons.map(({ reason }) => reason),
      ['left-outside'],
    );
    assert.match(job?.details.join('\n') ?? '', /it left \/tmp\/left\/x there/);
  });
  await t.test('nothing is left on the other machines', async () => {
    for (const host of swarm.lan.hosts)
      assert.equal(
        await swarm.check(host, ['sh', '-c', 'ls -A /tmp /var/tmp /dev/shm | grep -E "left|apart" || true']),
        '',
        host,
      );
  });
  const jobs = await swarm.explainJobs('m1');
  const wrong = lines.flatMap((line, index) => {
    const own = jobs.filter(({ cwd }) => cwd === path.join(parent, `${index}`));
    const texts = [
      ...misplaced(line, way, own),
      ...(way === 'direct' ? mistried(line, own) : repeated(line, own)),
    ];
    return texts.map((text) => `${line.place[way]}: ${line.script}\n    ${text}`);
  });
  assert.deepEqual(wrong, []);
}

/** Nothing has to be proven where a job sees the files of its caller's machine. */
const proving: ReadonlySet<string> = new Set(['stale-view', 'view-grew', 'unprovable', 'toolchain']);

/** What was run again for want of a proof. */
function repeated({ place }: CommandLine, own: readonly Explanation[]): string[] {
  const codes =
    place.direct === 'remote' && place.served === 'remote'
      ? own.flatMap(({ reasons }) => reasons.map(({ reason }) => reason))
      : [];
  return codes.filter((code) => proving.has(code)).map((code) => `run again: ${code}`);
}

/** What was tried elsewhere in vain, and what was not that should have been. */
function mistried(line: CommandLine, own: readonly Explanation[]): string[] {
  const untried =
    line.place.direct === 'no-fitting-peer' &&
    own.some(({ reasons }) => reasons[0]?.reason === 'no-fitting-peer');
  const began =
    means.includes(line) &&
    own.some(({ details }) => !details.some((detail) => detail.includes('its locale')));
  return [
    ...(began ? ['it ran on another machine first'] : []),
    ...(untried ? ['no other machine was tried'] : []),
  ];
}

const lines = [...same, ...ownInput, ...atOnce, ...elsewhere, ...inMemory, ...after, ...means, ...differs];
const options = { machines: 3, slots: 4, ownRoots: ['/etc', '/usr/local'] };

test('what only one machine has gets into no result', { concurrency: 2 }, async (t) => {
  await using swarm = await SwarmRig.start(t, { ...options, serves: false });
  await compareAll(t, swarm, 'direct', [...lines, ...leavers]);
});

test('where the others can be shown the files of the caller’s machine, they make the right results themselves', {
  skip: treeObstacle() ?? false,
  concurrency: 2,
}, async (t) => {
  await using swarm = await SwarmRig.start(t, options);
  const unlike = lines.filter(
    ({ place }, index) => place.direct !== place.served && (isFull || index % 2 === 0),
  );
  await compareAll(t, swarm, 'served', unlike);
});

test('so they do where they have none of the files of the project either', {
  skip: treeObstacle() ?? false,
  concurrency: 2,
}, async (t) => {
  await using swarm = await SwarmRig.start(t, { ...options, ownRoots: [...options.ownRoots, '/srv'] });
  const remote = [...lines, ...inOwnFiles].filter(
    ({ place }, index) => place.served === 'remote' && (isFull || index % 30 === 0),
  );
  await compareAll(t, swarm, 'served', [...remote, ...leavers], '/srv');
});
