/**
 * What any command creates, rewrites, renames or deletes on a worker is seen at once: by its caller's machine and by the
 * next worker, although all of them have looked at the names before and believe that they know.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isFull } from '../rig/effort.ts';
import { prime, steps } from './command-steps.ts';
import { describeCounts, GuestSwarm, stopPeers, swarmrun } from './guest-swarm.ts';
import { fewMounts, type GuestName, labMounts, noLab, runOnGuest } from './lab.ts';

const timeoutMs = 60_000;

/** Plain errors, each behind a header that changes too. */
const mistakes: readonly (readonly [text: string, option?: string])[] = [
  ['int broken( { return 0; }'],
  ['int wrong = undeclared;'],
  ['#include "missing.h"'],
  ['#error not for this machine'],
  ['int warned(void) { int unused; return 0; }', '-Werror=unused-variable'],
];
const edits = isFull ? 4 : 1;
/**
 * Waits until a file is older than a second by its server's clock, as a file is that a person has edited. Beside much else that clock is
 * known so badly that what was written a moment ago cannot be told to be older than the job, which is then run here as well.
 */
const aSecondLater = (file: string): string =>
  `while touch probe; [ $(($(date -r probe +%s%3N) - $(date -r ${file} +%s%3N))) -lt 1000 ]; do :; done`;
const clockRounds = 3;
const clockStepS = 300;

/** Sets the clock of the kernel's server forward, or back. */
async function setClock(byS: number): Promise<void> {
  await runOnGuest('knfsd', `date -s @$(($(date +%s) + ${byS}))`, timeoutMs);
}

describe('commands', { skip: noLab ?? false }, () => {
  for (const mount of fewMounts())
    test(`what a command leaves is seen at once on ${mount}`, async (t) => {
      await using swarm = await GuestSwarm.start(mount);
      await swarm.run('A', 'mkdir tree', timeoutMs);
      const run = async (name: GuestName, command: string): Promise<string> =>
        (await swarm.run(name, `cd tree && { ${command}; }`, timeoutMs)).trim().replaceAll(/\s+/g, ' ');
      for (const [change, look, expected] of steps) {
        await Promise.all((['A', 'B', 'C'] as const).map((name) => run(name, prime)));
        // Two lookers at once: they are on different machines.
        const seen = await run(
          'A',
          `${swarmrun} sh -c '${change}' || exit
          ${look}; echo ,
          ${swarmrun} sh -c '${look}' >../first & ${swarmrun} sh -c '${look}' >../second & wait
          cat ../first; echo ,; cat ../second`,
        );
        assert.equal(seen, `${expected} , ${expected} , ${expected}`, change);
      }
      const counts = await swarm.counts();
      t.diagnostic(describeCounts(counts));
      assert.ok(counts.jobs.remote > 2 * steps.length, 'most were remote');
    });

  const [first] = labMounts();
  if (first !== undefined)
    test(`what changes after the clock of the server was set back is seen on ${first}`, async (t) => {
      await using swarm = await GuestSwarm.start(first);
      const compile = (on: string): string => `${on}gcc -Iinc -MD -c x.c`;
      const all = `for n in 1 2 3 4; do ${compile(`${swarmrun} `)} -o $n.o & done; wait`;
      await swarm.run(
        'A',
        `mkdir -p tree/inc && cd tree && echo '#include "x.h"' >x.c && echo 'int v0;' >inc/x.h && { ${all}; }`,
        timeoutMs,
      );
      let backS = 0;
      try {
        for (let round = 1; round <= clockRounds; round += 1) {
          await setClock(-clockStepS);
          backS += clockStepS;
          // The old one is still there under another name, so caches of it stay good.
          const change = `ln inc/x.h kept${round}; echo 'int v${round};' >n && mv n inc/x.h`;
          const said = await swarm.run(
            'A',
            `cd tree && ${change} && { ${all}; } && ${compile('')} -o here.o && for n in 1 2 3 4; do cmp here.o $n.o || echo ${round}; done`,
            timeoutMs,
          );
          assert.equal(said, '', `round ${round}`);
        }
      } finally {
        await setClock(backS);
      }
      // Peers know the server's clock for a minute: in the tests that follow nothing could be told to be older than a job.
      t.after(stopPeers);
      const counts = await swarm.counts();
      t.diagnostic(describeCounts(counts));
      assert.ok(counts.jobs.remote > 2 * clockRounds, 'most were remote');
    });

  // Of one server: compilers take long on guests.
  for (const mount of labMounts().slice(0, isFull ? 2 : 1))
    test(`a compile error is final after one run on ${mount}`, async (t) => {
      await using swarm = await GuestSwarm.start(mount);
      await swarm.run('A', 'mkdir tree', timeoutMs);
      // The tree is known to the workers, as in an edit-compile-error loop.
      const write = (name: string, text: string): string => `printf '%s\\n' '${text}' >${name}`;
      await swarm.run(
        'A',
        `cd tree && ${write('own.h', 'int own;')} && ${write('good.c', '#include <stdio.h>\n#include "own.h"')} && for n in 1 2 3 4; do ${swarmrun} gcc -c good.c & done; wait`,
        timeoutMs,
      );
      const before = await swarm.counts();
      for (let edit = 0; edit < edits; edit += 1)
        for (const [n, [text, option = '-Wall']] of mistakes.entries()) {
          const source = write(`e${n}.c`, `#include <stdio.h>\n#include "own.h"\nint edit${edit};\n${text}`);
          const gcc = `gcc -Wall ${option} -c e${n}.c`;
          const said = await swarm.run(
            'A',
            `cd tree && ${write('own.h', `int own${edit};`)} && ${source} && ${aSecondLater(`e${n}.c`)} && { ${swarmrun} ${gcc} 2>there; echo $?; ${gcc} 2>here; cmp here there; }`,
            timeoutMs,
          );
          assert.equal(said.trim(), '1', gcc);
        }
      const counts = await swarm.counts();
      t.diagnostic(describeCounts(counts));
      for (const note of await swarm.notesOf(swarm.share)) t.diagnostic(note);
      const all = edits * mistakes.length;
      // Where a worker's reads do not prove one at once, it runs here as well.
      const final = counts.jobs.remote - before.jobs.remote;
      assert.ok(final >= all * (isFull ? 0.95 : 0.6), `${final} of ${all} were final on a worker`);
    });
});
