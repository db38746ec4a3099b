/** Jobs that only sleep, which each system takes for compiles: how well it fills slots, whatever this machine's cores have left. */
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Host } from '../test/rig/lan.ts';
import type { SwarmRig } from '../test/rig/swarm-rig.ts';
import { quoted, type System, sleepers } from './bench-rivals.ts';

const runFile = promisify(execFile);

export const jobMs = 500;

/** A compile sleeps, reads what icecream feeds it, and writes its object; all else is asked of the compiler itself. */
const source = `#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
int main(int argc, char **argv) {
  const char *object = NULL;
  int compiles = 0, reads = 0;
  char fed[65536];
  for (int n = 1; n < argc; n++) {
    if (strcmp(argv[n], "-c") == 0) compiles = 1;
    if (strcmp(argv[n], "-") == 0) reads = 1;
    if (strcmp(argv[n], "-o") == 0 && n + 1 < argc) object = argv[n + 1];
  }
  if (object == NULL || !(compiles || reads)) {
    // Where icecream runs it, that is this program too.
    if (getenv("BENCH_SLEEPER") == NULL && setenv("BENCH_SLEEPER", "1", 1) == 0) execv("/usr/bin/gcc", argv);
    return 0;
  }
  while (reads && read(0, fed, sizeof fed) > 0) continue;
  nanosleep(&(struct timespec){.tv_nsec = ${jobMs}000000}, NULL);
  FILE *file = fopen(object, "w");
  return file == NULL || fputs("object", file) < 0 || fclose(file) != 0;
}
`;

/** @returns a directory with a \`gcc\` that sleeps */
export async function makeSleeper(swarm: SwarmRig): Promise<string> {
  const directory = path.join(swarm.share, 'sleeper');
  await mkdir(directory);
  await writeFile(path.join(directory, 'gcc-source.c'), source);
  // Static: icecream runs it where nothing else is.
  await runFile('gcc', [
    '-O1',
    '-static',
    '-o',
    path.join(directory, 'gcc'),
    path.join(directory, 'gcc-source.c'),
  ]);
  // The others' daemons are no users of the share.
  for (const host of swarm.lan.hosts)
    await swarm.check(host, ['install', '-D', path.join(directory, 'gcc'), path.join(sleepers, 'gcc')]);
  return directory;
}

export interface Ran {
  readonly tookMs: number;
  /** Without an object at the end. */
  readonly failed: number;
}

/** Hands in so many jobs of a system on a machine, so many at a time. */
export async function sleepOn(
  swarm: SwarmRig,
  system: System,
  { host, jobs, inFlight, deadlineS }: { host: Host; jobs: number; inFlight: number; deadlineS: number },
): Promise<Ran> {
  const directory = path.join(swarm.share, `${system.name}-${host}`);
  await mkdir(directory, { recursive: true });
  // Preprocessed already, so that nobody does it here.
  await writeFile(path.join(directory, 'unit.i'), 'int x;\n');
  const compile = [...system.prefix, system.compiler, '-c', 'unit.i', '-o', '%.o'].map(quoted).join(' ');
  const build = `seq ${jobs} | timeout ${deadlineS} xargs -P${inFlight} -I% ${compile}`;
  const script = `cd ${directory} && rm -f ./*.o && date +%s%N && { ${build} >build.log 2>&1; date +%s%N; ls | grep -c '[.]o$'; }`;
  const enter = system.groups.get(host)?.enter ?? [];
  const told = await swarm.exec(host, [...enter, 'sh', '-c', script], {
    timeoutMs: (deadlineS + 20) * 1_000,
  });
  const [begun, ended, objects] = told.stdout.toString().trim().split('\n');
  return { tookMs: (Number(ended) - Number(begun)) / 1e6, failed: jobs - Number(objects) };
}
