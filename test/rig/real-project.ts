/**
 * Builds a real project by its own build system, at home and through the swarm, in the same directory and with the same
 * commands (`gcc` in PATH is swarmrun), and tells in what they differ.
 */
import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, readlink, rm } from 'node:fs/promises';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { retryCodes } from '../../src/core/reason.ts';
import type { Explanation } from '../../src/wire/cli-messages.ts';
import type { Way } from '../e2e/command-lines/case.ts';
import { checkout, type Ended, tell } from './child.ts';
import { SwarmRig } from './swarm-rig.ts';

export interface Project {
  /** Commands for bash in its directory; what they say on stdout does not count. */
  readonly script: string;
  /** `env` is in front of each of its tests, and sends it to the swarm. */
  readonly testsBehindEnv?: true;
  /** Files that say when and by which command they were made. */
  readonly recorded?: RegExp;
}

/** Fails if anything is compiled or linked again. Automake's `make -q` always says so: directories are its targets. */
const madeAll = `make V=1 >again.txt && ! grep -E '^(libtool:|/bin/bash ./libtool|g?cc|ar) ' again.txt && rm again.txt`;
/** So does this; it leaves what ninja knows of dependencies, but for when and in which order it learnt it. */
const ninjaMadeAll = (targets = ''): string =>
  `ninja -C build -d explain -n ${targets} | grep -q "no work to do" && ninja -C build -t deps | sed "s/deps mtime [0-9]*//" | perl -00 -ne "push @a, \\$_; END { print sort @a }" >deps.txt`;
/** Configures, with what follows, and builds. */
const cmake = (options: string, { source = '.', targets = '' } = {}): string =>
  `cmake -S ${source} -B build -G Ninja -DCMAKE_CROSSCOMPILING_EMULATOR=env ${options} && ninja -C build -j6 ${targets}`;
/** Its Support library alone, for no processor. */
const llvmPart = [
  '-DCMAKE_BUILD_TYPE=Release -DLLVM_TARGETS_TO_BUILD=',
  ...['TESTS', 'BENCHMARKS', 'EXAMPLES', 'DOCS', 'UTILS', 'TOOLS'].map(
    (part) => `-DLLVM_INCLUDE_${part}=OFF`,
  ),
  '-DLLVM_ENABLE_BINDINGS=OFF',
].join(' ');
/** Where the compiler is, and when what was done. */
const cmakeRecords =
  /^build\/(?:CMakeCache\.txt|compile_commands\.json|\.ninja_\w+|build\.ninja|Testing\/.*|.*\bCMakeFiles\/(?:[\d.]+\/.*|CMake(?:Output|Error)\.log|rules\.ninja))$/;

/** Each as its own pages say that it is built, and small where it lets one choose. */
export const projects: Readonly<Record<string, Project>> = {
  zlib: { script: './configure && make -j6', recorded: /^configure\.log$/ },
  busybox: { script: 'make -s allnoconfig </dev/null && make -j6' },
  x264: { script: './configure --enable-static && make -j6', recorded: /^config\.log$/ },
  redis: { script: 'make -j6 MALLOC=libc' },
  git: {
    script:
      'make -j6 NO_CURL=1 NO_EXPAT=1 NO_GETTEXT=1 NO_OPENSSL=1 NO_TCLTK=1 NO_PYTHON=1 GIT_TEST_CMP=cmp all',
    // `date >$@`
    recorded: /^templates\/boilerplates\.made$/,
  },
  sqlite: {
    // From its many files, not from the one into which its own build joins them
    script: './configure --disable-amalgamation --disable-tcl --disable-readline && make -j6 sqlite3',
    recorded: /^config\.(?:log|status)$/,
  },
  xz: {
    script: `./configure --disable-nls --disable-doc && make -j6 && make check LOG_COMPILER=env && ${madeAll}`,
    testsBehindEnv: true,
    recorded: /^config\.(?:log|status)$|^libtool$|\.(?:log|trs)$/,
  },
  googletest: {
    script: `${cmake('-Dgtest_build_tests=ON')} && ctest --test-dir build -j3 && ${ninjaMadeAll()}`,
    testsBehindEnv: true,
    recorded: cmakeRecords,
  },
  leveldb: {
    script: `${cmake('-DLEVELDB_BUILD_TESTS=OFF -DLEVELDB_BUILD_BENCHMARKS=OFF')} && ${ninjaMadeAll()}`,
    recorded: cmakeRecords,
  },
  llvm: {
    script: `${cmake(llvmPart, { source: 'llvm', targets: 'LLVMSupport' })} && ${ninjaMadeAll('LLVMSupport')}`,
    recorded: cmakeRecords,
  },
  fribidi: {
    script: `meson setup -Ddocs=false build && ninja -C build -j6 && meson test -C build --wrapper env && ${ninjaMadeAll()}`,
    testsBehindEnv: true,
    recorded: /^build\/(?:meson-(?:info|logs|private)\/|\.ninja_|build\.ninja$|compile_commands)/,
  },
  linux: { script: 'make -s O=out tinyconfig && make -j6 O=out init/ kernel/ lib/' },
};

/** What the two builds of a project have shown. */
export interface Comparison {
  readonly outputs: number;
  /** Files that are not the same, and what else is not. */
  readonly differing: readonly string[];
  readonly jobs: number;
  /** Jobs that are no questions to a tool, nor probes, which are answered here. */
  readonly works: number;
  readonly remote: number;
  /** Jobs that began on another machine and had to run again, by why. */
  readonly again: readonly Explanation[];
  /** Reasons of jobs that ran here, with how often. */
  readonly here: ReadonlyMap<string, number>;
  /** All that ran here, to see whether they had to. */
  readonly ranHere: readonly Explanation[];
  readonly homeMs: number;
  readonly swarmMs: number;
}

const deadlineMs = 3_600_000;
const masquerade = '/usr/local/swarm';
const testMasquerade = '/usr/local/swarm-tests';
/** Compilers and what belongs to them, by all of their names, but for the loader of all programs. */
const toolchain =
  '$(readlink -f /usr/bin/*g++* /usr/bin/*gcc* /usr/bin/cc /usr/bin/c++ /usr/bin/ld* /usr/bin/as /usr/bin/ar | grep ^/usr/bin/ | sort -u)';
/** In its place are empty files, which nobody may run. A mount needs no right to change what it covers. */
const noCompiler = [
  ': >/run/nothing',
  `for file in ${toolchain}; do mount --bind /run/nothing $file; done`,
  'mount -t tmpfs none /usr/lib/gcc',
  'mount -t tmpfs none /usr/include',
  '! command -v gcc && ! command -v g++ && ! command -v ld',
].join('\n');
/** Its gcc is another program: clang, or one that makes nothing; and any use of its own `<stdio.h>` is an error. */
const otherCompiler = [
  'other=$(readlink -f $(command -v clang || command -v true))',
  'for name in /usr/bin/gcc /usr/bin/g++ /usr/bin/*-gcc /usr/bin/*-g++ /usr/bin/*gcc-[0-9]* /usr/bin/*g++-[0-9]*; do',
  '  [ ! -e "$name" ] || mount --bind "$other" "$(readlink -f "$name")"',
  'done',
  'cp /usr/include/stdio.h /run/stdio.h; echo "#error the file of another machine" >>/run/stdio.h',
  'mount --bind /run/stdio.h /usr/include/stdio.h',
  'cmp /usr/bin/gcc "$other"',
].join('\n');

/** Raises a LAN of machines that differ in what no build of these may depend on; the caller's has links to swarmrun. */
export async function startUnlike(t: TestContext | undefined, way: Way): Promise<SwarmRig> {
  const ownRoots = ['/etc', '/usr/local', ...(way === 'served' ? ['/srv'] : [])];
  const swarm = await SwarmRig.start(t, { machines: 3, slots: 3, ownRoots });
  for (const [index, host] of swarm.lan.hosts.entries()) {
    const zone = ['Asia/Tokyo', 'America/Lima', 'Europe/Oslo'][index % 3];
    const links = ['gcc', 'g++', 'cc', 'c++', 'nasm', 'ar', 'ranlib'];
    const script = [
      `cp /usr/share/zoneinfo/${zone} /etc/localtime.new && mv -f /etc/localtime.new /etc/localtime`,
      `mkdir -p /usr/local/include /usr/local/lib /usr/local/etc/only-${host} && echo ${host} >/usr/local/include/only-${host}.h`,
      ...(index === 0
        ? [
            `mkdir ${masquerade} ${testMasquerade}`,
            ...links.map((name) => `ln -s ${checkout}/bin/swarmrun ${masquerade}/${name}`),
            `ln -s ${checkout}/bin/swarmrun ${testMasquerade}/env`,
          ]
        : []),
      ...(way === 'served' && index === 1 ? [noCompiler] : []),
      ...(way === 'served' && index === 2 ? [otherCompiler] : []),
    ];
    await swarm.check(host, ['sh', '-ec', script.join('\n')]);
  }
  return swarm;
}

/** Builds it twice, in a share or in a directory of the caller's machine alone. @param source - its sources as they were unpacked. */
export async function compareProject(
  swarm: SwarmRig,
  name: string,
  { script, testsBehindEnv, recorded }: Project,
  { source, way }: { readonly source: string; readonly way: Way },
): Promise<Comparison> {
  const folder = path.join(way === 'direct' ? swarm.share : '/srv', name);
  const outside = await swarm.lan.pathOutside('m1', folder);
  const build = async (prefix: string) => {
    await rm(outside, { recursive: true, force: true });
    await copyTree(source, outside);
    const beganMs = performance.now();
    const env = {
      // The caller's own may lead to programs in a home directory, which are not shown to workers.
      PATH: `${prefix}/usr/local/bin:/usr/bin:/bin`,
      // Meson puts it in front by itself: what an earlier build left would be compared.
      CCACHE_DISABLE: '1',
      SOURCE_DATE_EPOCH: '1700000000',
      KBUILD_BUILD_TIMESTAMP: '2023-11-14',
    };
    const options = { env, timeoutMs: deadlineMs };
    const ended = await swarm.exec('m1', ['/usr/bin/env', '-C', folder, 'bash', '-c', script], options);
    return { ended, tookMs: performance.now() - beganMs, files: await photograph(outside) };
  };
  const home = await build('');
  if (home.ended.status !== 0) throw new Error(`${name} cannot be built at home: ${tell(home.ended)}`);
  const before = (await swarm.explainJobs('m1')).length;
  const swarmed = await build(`${masquerade}:${testsBehindEnv ? `${testMasquerade}:` : ''}`);
  const jobs = (await swarm.explainJobs('m1')).slice(before);
  const names = new Set([...home.files.keys(), ...swarmed.files.keys()]);
  const differing = [...names].filter(
    (file) => home.files.get(file) !== swarmed.files.get(file) && recorded?.test(file) !== true,
  );
  if (swarmed.ended.status !== 0) differing.push(`the status: ${tell(swarmed.ended)}`);
  differing.push(...differingLines(home.ended, swarmed.ended));
  await rm(outside, { recursive: true, force: true });
  return {
    outputs: names.size,
    differing,
    jobs: jobs.length,
    works: jobs.filter(isWork).length,
    remote: jobs.filter(({ place }) => place !== 'inline').length,
    again: jobs.filter(isAgain),
    here: countHere(jobs),
    ranHere: jobs.filter(({ place }) => place === 'inline'),
    homeMs: home.tookMs,
    swarmMs: swarmed.tookMs,
  };
}

/** Copies with all times, so that make finds both trees alike; links stay links. */
async function copyTree(source: string, folder: string): Promise<void> {
  await mkdir(path.dirname(folder), { recursive: true });
  await cp(source, folder, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
}

/** All files below a directory, with what is in them. */
async function photograph(folder: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    const at = path.relative(folder, file);
    if (entry.isSymbolicLink()) found.set(at, `-> ${await readlink(file)}`);
    else if (entry.isFile())
      found.set(
        at,
        createHash('sha256')
          .update(await readFile(file))
          .digest('hex'),
      );
  }
  return found;
}

/** What one of two builds said on stderr and the other did not, in whatever order. */
function differingLines(home: Ended, swarmed: Ended): string[] {
  const lines = ({ stderr }: Ended): string[] =>
    stderr
      .toString('latin1')
      .replaceAll(/\/tmp\/cc\w{6}/g, '/tmp/ccRANDOM')
      // A tool behind a link to swarmrun is told its whole path, or it would look for its parts beside that link.
      .replaceAll(/^\/usr\/bin\/(?=[\w+.-]+: )/gm, '')
      .split('\n')
      .toSorted();
  const [one, other] = [lines(home), lines(swarmed)];
  if (one.join('\n') === other.join('\n')) return [];
  const count = (all: readonly string[], line: string): number => all.filter((each) => each === line).length;
  const unlike = [...new Set([...one, ...other])].filter((line) => count(one, line) !== count(other, line));
  return unlike.map((line) => `stderr, ${count(one, line)} times at home and ${count(other, line)}: ${line}`);
}

const ranBefore: ReadonlySet<string> = new Set([
  ...retryCodes,
  'failed-remotely',
  'conflict',
  'retries-used-up',
]);

/** It ran, or began to run, more than once. */
function isAgain({ place, reasons }: Explanation): boolean {
  const codes = reasons.map(({ reason }) => reason);
  return codes.some((code) => ranBefore.has(code)) || (place === 'inline' && codes.includes('toolchain'));
}

const asking: ReadonlySet<string> = new Set(['query', 'preprocess', 'probe', 'stdin-input']);

function isWork({ reasons }: Explanation): boolean {
  return !reasons.some(({ reason }) => asking.has(reason));
}

function countHere(jobs: readonly Explanation[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { place, reasons } of jobs) {
    if (place !== 'inline') continue;
    const why = reasons.at(-1)?.reason ?? 'unknown';
    counts.set(why, (counts.get(why) ?? 0) + 1);
  }
  return counts;
}
