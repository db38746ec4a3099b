/**
 * Jobs in files that are on NFS at their submitter, and that workers are shown by its peer: no events tell it of what other
 * clients change. What a job changes, and what another client changes, is seen by the next jobs as soon as by their caller.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isFull } from '../rig/effort.ts';
import { until } from '../rig/until.ts';
import { prime, steps } from './command-steps.ts';
import { describeCounts, environment, GuestSwarm, swarmrun } from './guest-swarm.ts';
import { type GuestName, labMounts, noLab, runOnGuest } from './lab.ts';

const timeoutMs = 120_000;
/** Longer than a client believes what it knows of a directory. */
const seenMs = 90_000;
const workers = ['B', 'C'] as const;

/** Of another client's changes some more would take minutes in which the submitter believes what it knows. */
const stepsOf = { 'a job': steps, 'another client': isFull ? steps : steps.slice(0, 5) } as const;

/** The same files of a server by either version: the submitter's, and those of the share, which proves who is a member. */
const versions = isFull ? (['v4', 'v3'] as const) : (['v4'] as const);
const servers = ['knfsd', 'ganesha'].filter((server) =>
  labMounts().some((mount) => mount.includes(server) && (isFull || server === 'knfsd')),
);
const pairs = servers.flatMap((server) =>
  versions.map((version) => ({
    mount: `/mnt/${server}-${version}`,
    other: `/mnt/${server}-${version === 'v4' ? 'v3' : 'v4'}`,
  })),
);

/** A directory on a mount that the submitter alone has. */
class SubmittersFiles implements AsyncDisposable {
  readonly #mount: string;
  /** By guest: what mounts it again. */
  readonly #again = new Map<GuestName, string>();
  readonly #name = `served-${process.pid}-${Math.floor(performance.now())}`;

  private constructor(mount: string) {
    this.#mount = mount;
  }

  static async on(mount: string): Promise<SubmittersFiles> {
    const files = new SubmittersFiles(mount);
    await runOnGuest('A', `mkdir ${mount}/${files.#name}`, timeoutMs);
    for (const name of workers) {
      const known = (await runOnGuest(name, `grep ' ${mount} ' /proc/mounts`, timeoutMs)).split(' ');
      const [source = '', , , options = ''] = known;
      files.#again.set(name, `mount -t nfs -o ${/vers=[\d.]+/.exec(options)?.[0]} ${source} ${mount}`);
      await runOnGuest(name, `umount ${mount}`, timeoutMs);
    }
    return files;
  }

  /** Runs a shell command there, on a guest that sees it below that mount. */
  async run(name: GuestName, command: string, mount = this.#mount): Promise<string> {
    const script = `${environment} cd ${mount}/${this.#name} && { ${command}; }`;
    return (await runOnGuest(name, script, timeoutMs)).trim().replaceAll(/\s+/g, ' ');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const [name, again] of this.#again) await runOnGuest(name, again, timeoutMs);
    await runOnGuest('A', `rm -rf ${this.#mount}/${this.#name}`, timeoutMs);
  }
}

describe('served from NFS', { skip: noLab ?? false }, () => {
  for (const { mount, other } of pairs)
    for (const who of ['a job', 'another client'] as const)
      test(`what ${who} changes is seen by the next jobs on ${mount}`, async (t) => {
        await using files = await SubmittersFiles.on(mount);
        await using swarm = await GuestSwarm.start(other, 'serving');
        for (const [change, look, expected] of stepsOf[who]) {
          const looked = `${swarmrun} sh -c '${look}'`;
          // So that the workers, too, believe that they know it.
          await files.run('A', `${prime}; ${looked} >/dev/null 2>&1 || true`);
          if (who === 'a job') await files.run('A', `${swarmrun} sh -c '${change}'`);
          else await files.run('C', change, other);
          await until(
            async () => (await files.run('A', look)) === expected,
            seenMs,
            `A sees ${expected} after ${change}`,
          );
          // Two at once: they are on different machines.
          const seen = await files.run(
            'A',
            `{ ${looked}; } >/tmp/first & { ${looked}; } >/tmp/second & wait; cat /tmp/first; echo ,; cat /tmp/second`,
          );
          assert.equal(seen, `${expected} , ${expected}`, change);
        }
        const counts = await swarm.counts();
        t.diagnostic(describeCounts(counts));
        for (const note of await swarm.notesOf(mount)) t.diagnostic(note);
        const { direct, served } = await swarm.waysOf(mount);
        assert.equal(direct, 0);
        assert.ok(
          served > 2 * stepsOf[who].length,
          `${served} jobs ran in files that the workers were shown`,
        );
      });

  test('names are found by other letters where the submitter’s file system finds them so', async (t) => {
    const folder = '/mnt/letters';
    const disk = `/run/load-module -a loop vfat nls_cp437 nls_iso8859-1 && mkdir ${folder} && truncate -s 8M /run/letters &&
      mkfs.vfat /run/letters && mount -t vfat -o loop,iocharset=iso8859-1 /run/letters ${folder}`;
    await runOnGuest('A', disk, timeoutMs);
    try {
      await using swarm = await GuestSwarm.start('/mnt/knfsd-v4', 'serving');
      const inFolder = (script: string): Promise<string> =>
        runOnGuest('A', `${environment} cd ${folder} && { ${script}; }`, timeoutMs);
      await inFolder(
        `printf 'int one;\n' >Config.h; printf '#include "config.H"\n' >main.c; mkdir Sub; touch Sub/f`,
      );
      for (const [change, look] of [
        ['', 'cat CONFIG.h config.h Config.h; ls; gcc -E -P main.c'],
        [
          `printf 'int two;\n' >CONFIG.H`,
          'cat config.h; [ -e sub/F ] && echo there; ls sUB; [ -e no ] || echo none',
        ],
        [
          'mv Config.h other.h; touch NO',
          'ls; [ -e config.h ] || echo gone; cat OTHER.H; [ -e no ] && echo made',
        ],
        ['mv other.h x; mv x Other.h', 'ls; cat other.h'],
      ] as const) {
        await inFolder(change || 'true');
        const here = await inFolder(look);
        for (const again of [1, 2])
          assert.equal(await inFolder(`${swarmrun} sh -c '${look}'`), here, `${change}; ${look}, ${again}`);
      }
      for (const note of await swarm.notesOf(folder)) t.diagnostic(note);
      const { served } = await swarm.waysOf(folder);
      assert.equal(served, 8);
      // What is written there is found by the names that its writer gave it alone, so that a script may see too little: it runs here.
      await inFolder('echo old >Name');
      const script = 'echo new >name; cat Name; mv NAME other; [ -e Name ] || echo gone; ls';
      const here = await inFolder(`sh -c '${script}'`);
      await inFolder('rm other; echo old >Name');
      assert.equal(await inFolder(`${swarmrun} sh -c '${script}'`), here);
    } finally {
      await runOnGuest('A', `umount ${folder} && rmdir ${folder} && rm /run/letters`, timeoutMs);
    }
  });
});
