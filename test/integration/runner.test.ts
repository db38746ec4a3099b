/** The runner, as it ships and with the sanitizers, spoken to as a peer speaks to it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { constants, tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readProcess } from '../../src/machine/process-tree.ts';
import { parseRunnerExit, parseStarted, type RunnerExit } from '../../src/wire/runner-messages.ts';
import { parseStdinTaken } from '../../src/wire/wrapper-messages.ts';
import { type BuildName, builds, compilePrograms, type Programs } from '../rig/programs.ts';
import { RunnerRig } from '../rig/runner-rig.ts';
import type { Link } from '../rig/scripted-peer.ts';
import { until } from '../rig/until.ts';

interface Outcome {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly taken: number;
  readonly exit: RunnerExit | undefined;
  readonly failure: string;
}

/** Collects all that a job says until its last frame, which ends the connection. */
async function outcome(link: Link): Promise<Outcome> {
  const ended = await jobOutcome(link);
  link.socket.end();
  return ended;
}

/** The same of a connection that may have another job. */
async function jobOutcome(link: Link): Promise<Outcome & { readonly stays: boolean }> {
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
  let taken = 0;
  let last: { exit: RunnerExit | undefined; failure: string; stays: boolean } | undefined;
  link.listen(({ type, payload }) => {
    if (type === 'STDOUT') stdout.push(Buffer.from(payload));
    if (type === 'STDERR') stderr.push(Buffer.from(payload));
    if (type === 'STDIN_TAKEN') taken = parseStdinTaken(payload);
    if (type === 'EXIT') last = { ...parseRunnerExit(payload), failure: '' };
    if (type === 'SPAWN_FAILED')
      last = { exit: undefined, failure: Buffer.from(payload).toString(), stays: false };
  });
  const end = await until(() => last, 20_000, 'the job ends');
  return { stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr), taken, ...end };
}

/** The exit status, or -1 where there is none. */
function statusOf({ exit }: Outcome): number {
  return exit?.ending.kind === 'exited' ? exit.ending.status : -1;
}

function isAlive(pid: number): boolean {
  return readProcess(pid)?.hasEnded === false;
}

for (const build of Object.keys(builds) as BuildName[]) {
  describe(`swarmexec, ${build} build`, { timeout: 600_000 }, () => {
    let programs: Programs;
    let runner: RunnerRig;
    let directory: string;

    before(async () => {
      programs = compilePrograms(build);
      runner = await RunnerRig.start(programs.swarmexec);
      directory = mkdtempSync(path.join(tmpdir(), 'runner-test-'));
    });
    after(async () => {
      await runner[Symbol.asyncDispose]();
      programs.remove();
      rmSync(directory, { recursive: true, force: true });
    });

    const sh = async (script: string, job: Record<string, string> = {}): Promise<Outcome> =>
      outcome(runner.run(['sh', '-c', script], job));

    it('tells every kind of ending', async () => {
      for (const status of [0, 1, 2, 126, 127, 128, 255]) {
        const { exit } = await sh(`exit ${status}`);
        assert.deepEqual(exit?.ending, { kind: 'exited', status });
      }
      for (const signal of [6, 9, 11, 15]) {
        const { exit } = await sh(`ulimit -c 0; kill -${signal} $$`);
        assert.deepEqual(exit?.ending, { kind: 'signaled', signal, core: false });
      }
    });

    it('becomes the command that it was given when its peer ends without a word', async () => {
      for (const word of ['', 'stop\n']) {
        const left = path.join(directory, `left-${word.trim()}`);
        const argv = [path.join(directory, 'killed.sock'), '/bin/sh', '-c', 'echo x >"$0"', left];
        const child = spawn(programs.swarmexec, argv, { stdio: ['pipe', 'pipe', 'inherit'] });
        await once(child.stdout, 'data');
        child.stdin.end(word);
        await once(child, 'exit');
        assert.equal(existsSync(left), word === '');
      }
    });

    it('keeps its socket to its own user', () => {
      assert.equal(statSync(runner.socketPath).mode & 0o777, 0o600);
    });

    it('passes argv and environment byte for byte', async () => {
      const argv = ['cat', '/proc/self/cmdline', '--', '', '\n', '\xff\xfe', 'x'.repeat(120_000)];
      argv.push(...Array.from({ length: 20_000 }, (_, at) => `a${at}`));
      const environment = ['PATH=/usr/bin:/bin', 'a-b=1', 'A=1', 'A=2', '1=\xff', 'no equals', 'E='];
      const first = await outcome(runner.run(argv, {}, environment));
      assert.ok(first.stdout.toString('latin1').startsWith(`${argv.join('\0')}\0`));
      const second = await outcome(runner.run(['cat', '/proc/self/environ'], {}, environment));
      assert.equal(second.stdout.toString('latin1'), `${environment.join('\0')}\0`);
    });

    it('keeps stdout and stderr apart, or merges them in their order', async () => {
      const script = 'echo a; echo b >&2; echo c';
      const apart = await sh(script);
      assert.deepEqual([apart.stdout.toString(), apart.stderr.toString()], ['a\nc\n', 'b\n']);
      const merged = await sh(script, { merged: '1' });
      assert.deepEqual([merged.stdout.toString(), merged.stderr.toString()], ['a\nb\nc\n', '']);
    });

    it('gives closed, null and terminal descriptors as told', async () => {
      // The shell's children look at the shell itself, whose own three stay as they are.
      const list =
        'exec 9> out.txt; for fd in 0 1 2; do (readlink /proc/$$/fd/$fd >&9 || echo none >&9); done';
      const look = async (job: Record<string, string>): Promise<string> => {
        await sh(list, { cwd: directory, ...job });
        return readFileSync(path.join(directory, 'out.txt'), 'latin1').replaceAll(/pipe:\S+/gu, 'pipe');
      };
      assert.equal(await look({}), '/dev/null\npipe\npipe\n');
      assert.equal(await look({ stdin: 'closed', stdout: 'closed', stderr: 'closed' }), 'none\nnone\nnone\n');
      assert.equal(
        await look({ stdin: 'pipe', stdout: 'null', stderr: 'null' }),
        'pipe\n/dev/null\n/dev/null\n',
      );
      const terminal = await sh('test -t 1 && test -t 2 && stty size <&1; printf "x\\n"', {
        stdout: 'pty',
        stderr: 'pty',
        rows: '33',
        columns: '77',
      });
      assert.equal(terminal.stdout.toString(), '33 77\nx\n');
    });

    it('lets no descriptor through but the three', async () => {
      const first = runner.run(['sleep', '60']);
      await first.next('STARTED');
      const { stdout } = await outcome(runner.run(['ls', '/proc/self/fd'], { stdin: 'pipe' }));
      assert.equal(stdout.toString(), '0\n1\n2\n3\n'); // 3 is the directory that ls reads
      first.socket.destroy();
    });

    it('sets directory, umask, niceness, and signals', async () => {
      const { stdout } = await sh('pwd; umask; nice', { cwd: directory, umask: '027', nice: '7' });
      assert.equal(stdout.toString(), `${directory}\n0027\n7\n`);
      const look = runner.run(['grep', '-E', 'Sig(Blk|Ign)', '/proc/self/status'], {
        blocked: '200',
        ignored: '1002',
      });
      assert.equal(
        (await outcome(look)).stdout.toString(),
        'SigBlk:\t0000000000000200\nSigIgn:\t0000000000001002\n',
      );
    });

    it('sets resource limits, as far as they may be set', async () => {
      const script =
        'ulimit -S -v; ulimit -S -n; ulimit -H -n; ulimit -S -c; ulimit -H -c; ulimit -f; ulimit -s';
      const limits = 'as:2000001024:-,nofile:100:200,core:0:4096,fsize:1024:-,stack:4194304:-,new:1:2';
      const { stdout } = await outcome(runner.run(['bash', '-c', script], { limits }));
      assert.equal(stdout.toString(), '1953126\n100\n200\n0\n4\n1\n4096\n');
      const written = await sh('head -c 5000 /dev/zero >large; echo $?', {
        cwd: directory,
        limits: 'fsize:1024:-',
      });
      assert.equal(statSync(path.join(directory, 'large')).size, 1024);
      assert.equal(written.stdout.toString(), '153\n');
      const plain = await outcome(runner.run(['bash', '-c', 'ulimit -a'], { limits: '' }));
      assert.equal(plain.exit?.ending.kind, 'exited');
    });

    it('goes no higher than its own hard limits, and starts nothing that could tell', {
      skip: process.getuid?.() !== 0 && 'needs root',
    }, async () => {
      // Root without its capabilities is as anybody.
      await using own = await RunnerRig.start('setpriv', [
        '--bounding-set=-all',
        '--inh-caps=-all',
        'sh',
        '-c',
        'ulimit -S -n 250; ulimit -H -n 300; ulimit -f 1000; ulimit -l 1; exec "$@"',
        'sh',
        programs.swarmexec,
      ]);
      const { stdout } = await outcome(
        own.run(['bash', '-c', 'ulimit -S -n; ulimit -H -n; ulimit -S -l'], {
          limits: 'nofile:300:10000,memlock:2048:-',
        }),
      );
      assert.equal(stdout.toString(), '300\n300\n1\n');
      const failure = async (limits: string): Promise<string> =>
        (await outcome(own.run(['true'], { limits }))).failure;
      assert.equal(await failure('nofile:301:10000'), 'nofile EPERM');
      assert.equal(await failure('as:-:-,fsize:-:-'), 'fsize EPERM');
      assert.equal(await failure('fsize:512001:-'), 'fsize EPERM');
      assert.equal(await failure('fsize:512000:-'), '');
    });

    it('gives a terminal for stderr alone, as wide as told', async () => {
      const { stdout, stderr } = await sh('test -t 2 && ! test -t 1 && stty size <&2 && echo to stderr >&2', {
        stderr: 'pty',
        columns: '61',
      });
      assert.deepEqual([stdout.toString(), stderr.toString()], ['0 61\n', 'to stderr\n']);
    });

    it('says why a command could not be started', async () => {
      const file = path.join(directory, 'not-executable');
      writeFileSync(file, '');
      const failure = async (argv: string[], job = {}): Promise<string> =>
        (await outcome(runner.run(argv, job))).failure;
      assert.equal(await failure(['no-such-command']), 'exec ENOENT');
      assert.equal(await failure(['/no/such/command']), 'exec ENOENT');
      assert.equal(await failure([file]), 'exec EACCES');
      assert.equal(await failure(['true'], { cwd: '/no/such/directory' }), 'chdir ENOENT');
      assert.equal(await failure(['true'], { cwd: '' }), 'chdir ENOENT');
    });

    it('runs in a directory below the root only, which no link leads to', async () => {
      const root = mkdtempSync(path.join(directory, 'root-'));
      mkdirSync(path.join(root, 'a/b'), { recursive: true });
      symlinkSync('/usr', path.join(root, 'out'));
      symlinkSync('a', path.join(root, 'in'));
      const pwd = (cwd: string): Promise<Outcome> => outcome(runner.run(['pwd', '-P'], { root, cwd }));
      for (const cwd of [root, `${root}/a`, `${root}//a/b/`])
        assert.equal((await pwd(cwd)).stdout.toString(), `${path.normalize(cwd).replace(/\/$/u, '')}\n`);
      assert.equal(
        (await outcome(runner.run(['pwd'], { root: '/', cwd: '/usr' }))).stdout.toString(),
        '/usr\n',
      );
      for (const [cwd, errno] of [
        [`${root}/out`, 'ENOTDIR'],
        [`${root}/in/b`, 'ENOTDIR'],
        [`${root}/none`, 'ENOENT'],
        [`${root}/a/../..`, 'EPERM'],
        [`${root}-beside`, 'EPERM'],
        ['/usr', 'EPERM'],
      ] as const)
        assert.equal((await pwd(cwd)).failure, `chdir ${errno}`, cwd);
    });

    it('is never led out of the root by who swaps directories for links', async () => {
      const root = mkdtempSync(path.join(directory, 'root-'));
      const swap = `mkdir d1; ln -s /usr d2; while :; do mv -T d1 d; mv -T d d1; mv -T d2 d; mv -T d d2; done`;
      const swapping = runner.run(['sh', '-c', swap], { cwd: root });
      await swapping.next('STARTED');
      const runs = Array.from({ length: 300 }, () =>
        outcome(runner.run(['pwd', '-P'], { root, cwd: `${root}/d` })),
      );
      const places = new Set((await Promise.all(runs)).map(({ stdout }) => stdout.toString()));
      swapping.socket.destroy();
      assert.ok(!places.has('/usr\n'), [...places].join());
    });

    it('passes a masquerade link over', async () => {
      const masquerade = path.join(directory, 'masquerade');
      const real = path.join(directory, 'real');
      mkdirSync(masquerade);
      mkdirSync(real);
      symlinkSync(programs.swarmrun, path.join(masquerade, 'cxx'));
      writeFileSync(path.join(real, 'cxx'), '#!/bin/sh\necho real "$@"\n', { mode: 0o755 });
      const environment = [`PATH=${masquerade}:${real}:/usr/bin:/bin`];
      for (const name of ['cxx', path.join(masquerade, 'cxx')]) {
        const { stdout } = await outcome(runner.run([name, 'x'], {}, environment));
        assert.equal(stdout.toString(), 'real x\n');
      }
      // gcc looks for its back ends beside the first program of its name in PATH, unless it is told its path.
      symlinkSync(programs.swarmrun, path.join(masquerade, 'g++'));
      const compile = runner.run(['g++', '-fsyntax-only', '-x', 'c++', '/dev/null'], {}, environment);
      const { stderr } = await outcome(compile);
      assert.equal(stderr.toString(), '');
    });

    it('tells what was read of stdin, and no more', async () => {
      const link = runner.run(['sh', '-c', 'head -c 5; sleep 0.05'], { stdin: 'pipe' });
      link.send('STDIN', 'hello world');
      const { stdout, taken } = await outcome(link);
      assert.equal(stdout.toString(), 'hello');
      assert.ok(taken === 5, `${taken} bytes`); // head reads as much as it is asked for
    });

    it('holds a dialogue, line by line', async () => {
      const link = runner.run(['sh', '-c', 'while read x; do echo "got $x"; done'], { stdin: 'pipe' });
      await link.next('STARTED');
      assert.equal((await link.next('STDIN_TAKEN')).readBigUInt64LE(), 0n);
      let said = '';
      let taken = 0n;
      link.listen(({ type, payload }) => {
        if (type === 'STDOUT') said += Buffer.from(payload).toString();
        if (type === 'STDIN_TAKEN') taken = Buffer.from(payload).readBigUInt64LE();
      });
      for (const word of ['one', 'two', 'three']) {
        link.send('STDIN', `${word}\n`);
        await until(() => said.endsWith(`got ${word}\n`), 5_000, `"${word}" is answered`);
      }
      await until(() => taken === 14n, 5_000, 'all is told as read');
      link.send('STDIN_END');
      link.socket.end();
      await link.closed();
    });

    it('moves 10 MB of stdin and 50 MB of stdout', async () => {
      const link = runner.run(['sh', '-c', 'cksum; head -c 50000000 /dev/zero'], { stdin: 'pipe' });
      const total = 10_000_000;
      let [sent, taken, received, ended] = [0, 0, 0, false];
      const pump = (): void => {
        while (sent < total && sent - taken < 65_536) {
          const piece = Math.min(total - sent, 65_536 - (sent - taken));
          link.send('STDIN', Buffer.alloc(piece));
          sent += piece;
        }
        if (sent === total && !ended) link.send('STDIN_END');
        ended = sent === total;
      };
      let head = '';
      let exited = false;
      link.listen(({ type, payload }) => {
        if (type === 'STDIN_TAKEN') {
          taken = parseStdinTaken(payload);
          pump();
        }
        if (type === 'STDOUT' && received === 0) head = Buffer.from(payload).toString('latin1');
        if (type === 'STDOUT') received += payload.length;
        if (type === 'EXIT') exited = true;
      });
      await until(() => exited, 60_000, 'the command ends');
      const line = head.slice(0, head.indexOf('\n') + 1);
      assert.match(line, /^\d+ 10000000\n$/u);
      assert.equal(received, 50_000_000 + line.length);
      assert.equal(taken, total);
      link.socket.end();
    });

    it('does not read a command faster than the peer reads it', async () => {
      const mark = path.join(directory, 'mark');
      const link = runner.run(['sh', '-c', `head -c 20000000 /dev/zero; touch ${mark}`]);
      await link.next('STARTED');
      link.socket.pause();
      const link2 = await sh('sleep 0.3');
      assert.equal(statusOf(link2), 0);
      assert.ok(!existsSync(mark));
      link.socket.resume();
      assert.equal((await outcome(link)).stdout.length > 10_000_000, true);
    });

    /**
     * The child says `child` if it gets the signal; without it, it ends after the command asks for that. Both have
     * their traps when the child says that it is ready.
     */
    const family = (name: string): string[] => {
      const child = `trap "echo child; exit" ${name}; echo ready; while ! [ -e end ]; do sleep 0.01; done`;
      return [
        'sh',
        '-c',
        `rm -f end; trap ": >end; wait; exit 9" ${name}; sh -c '${child}' & wait; wait; wait`,
      ];
    };
    for (const [name, number, toGroup] of [
      ['HUP', 1, true],
      ['TERM', 15, true],
      ['HUP', 1, false],
      ['TERM', 15, false],
      ['QUIT', 3, false],
      ['USR1', 10, false],
    ] as const) {
      it(`passes SIG${name} to the ${toGroup ? 'group' : 'command alone'}`, async () => {
        const link = runner.run(family(name), { cwd: directory });
        await link.next('STARTED');
        await link.next('STDOUT');
        link.send('SIGNAL', Uint8Array.of(number, toGroup ? 1 : 0));
        const { exit, stdout } = await outcome(link);
        assert.deepEqual(exit?.ending, { kind: 'exited', status: 9 });
        assert.equal(stdout.toString(), toGroup ? 'child\n' : '');
      });
    }

    const stubborn =
      'trap "" TERM HUP; setsid sh -c "trap \\"\\" TERM; echo \\$\\$; while :; do sleep 1; done" & ';

    it('kills the whole tree when the connection is closed', async () => {
      const link = runner.run(['sh', '-c', `${stubborn} wait`]);
      const command = (await link.next('STARTED')).readUInt32LE();
      const grandchild = Number(await link.next('STDOUT'));
      assert.ok(isAlive(command) && isAlive(grandchild));
      link.socket.destroy();
      await until(() => !isAlive(command) && !isAlive(grandchild), 2_000, 'all of the tree is dead');
    });

    it('tells the end of a job that was cancelled by a half close', async () => {
      const link = runner.run(['sleep', '60']);
      await link.next('STARTED');
      link.socket.end();
      const { exit } = await outcome(link);
      assert.deepEqual(exit?.ending, { kind: 'signaled', signal: 15, core: false });
    });

    it('ends what outlives the command before it tells the end', async () => {
      const link = runner.run(['sh', '-c', `${stubborn} sleep 0.2; exit 3`]);
      await link.next('STARTED');
      const grandchild = Number(await link.next('STDOUT'));
      const { exit } = await outcome(link);
      assert.equal(isAlive(grandchild), false);
      assert.deepEqual(exit?.ending, { kind: 'exited', status: 3 });
      assert.equal(exit?.left, 0);
    });

    describe('what a command leaves in the background', () => {
      const leave = (script: string, backgroundMs: number): Promise<Outcome> =>
        outcome(runner.run(['bash', '-c', script], { cwd: directory, background: String(backgroundMs) }));

      it('is heard until both outputs end', async () => {
        const lines = await leave('seq 20000 > >(sed s/^/n/ | tee lines)', 10_000);
        assert.equal(lines.stdout.toString().split('\n').length, 20_001);
        assert.equal(readFileSync(path.join(directory, 'lines'), 'utf8'), lines.stdout.toString());
        const late = await leave('(sleep 0.5; echo done >late.txt; echo late) & echo started', 10_000);
        assert.equal(late.stdout.toString(), 'started\nlate\n');
        assert.equal(readFileSync(path.join(directory, 'late.txt'), 'utf8'), 'done\n');
        assert.equal(late.exit?.left, 0);
      });

      it('lives on when its time is over, and ends with the runner', async () => {
        await using own = await RunnerRig.start(programs.swarmexec);
        const pids: number[] = [];
        const endless =
          'setsid sh -c "trap : TERM PIPE; echo \\$\\$; while :; do echo y 2>/dev/null; done" & sleep 0.1';
        for (const [script, background] of [
          ['sleep 60 & echo $!', '200'],
          ['sleep 60 >/dev/null 2>&1 & echo $!', '60000'],
          [endless, '300'],
        ] as const) {
          const started = performance.now();
          const { stdout, exit } = await outcome(own.run(['bash', '-c', script], { background }));
          const pid = Number(stdout.toString().split('\n')[0]);
          assert.ok(performance.now() - started < 10_000, script);
          assert.deepEqual(exit?.ending, { kind: 'exited', status: 0 });
          assert.ok((exit?.left ?? 0) >= 1 && isAlive(pid), script);
          pids.push(pid);
        }
        await own[Symbol.asyncDispose]();
        assert.deepEqual(pids.filter(isAlive), []);
      });

      it('is waited for by a reader that is slow', async () => {
        const link = runner.run(['bash', '-c', 'sleep 60 & head -c 3000000 /dev/zero'], {
          background: '300',
        });
        await link.next('STARTED');
        link.socket.pause();
        await sh('sleep 1');
        link.socket.resume();
        assert.equal((await outcome(link)).stdout.length, 3_000_000);
      });

      it('ends with a command that was told to end, or whose peer is gone', async () => {
        const script = 'trap "exit 7" TERM; sleep 60 & echo $!; while :; do sleep 0.02; done';
        for (const end of ['signal', 'close'] as const) {
          const link = runner.run(['sh', '-c', script], { background: '60000' });
          await link.next('STARTED');
          const pid = Number(await link.next('STDOUT'));
          if (end === 'signal') {
            link.send('SIGNAL', Uint8Array.of(15, 0));
            assert.deepEqual((await outcome(link)).exit?.ending, { kind: 'exited', status: 7 });
          } else link.socket.destroy();
          await until(() => !isAlive(pid), 2_000, 'what it left has ended');
        }
      });
    });

    describe('a file for stdout', () => {
      const spooled = (script: string, job: Record<string, string> = {}): Promise<Outcome> =>
        outcome(runner.run(['bash', '-c', script], { spool: directory, ...job }));

      it('is told as it is when the command is over, which may have gone back in it', async () => {
        const patch = `perl -e 'print "aaaa\n"; seek(STDOUT, 1, 0); print "X"'`;
        assert.equal((await spooled(`[ -f /dev/stdout ] && ${patch}`)).stdout.toString(), 'aXaa\n');
        assert.equal((await spooled('true')).stdout.length, 0);
        assert.equal((await spooled('echo gone; kill -9 $$')).stdout.toString(), 'gone\n');
        const apart = await spooled('echo out; echo err >&2');
        assert.deepEqual([apart.stdout.toString(), apart.stderr.toString()], ['out\n', 'err\n']);
        const merged = await spooled('echo a; echo b >&2; echo c', { merged: '1' });
        assert.deepEqual([merged.stdout.toString(), merged.stderr.toString()], ['a\nb\nc\n', '']);
        assert.deepEqual(
          readdirSync(directory).filter((name) => name.includes('spool')),
          [],
        );
      });

      it('is told while its reader is slow, and to none who is gone', async () => {
        const argv = ['sh', '-c', 'head -c 3000000 /dev/zero'];
        const slow = runner.run(argv, { spool: directory });
        const slowPid = (await slow.next('STARTED')).readUInt32LE();
        slow.socket.pause();
        await until(() => !isAlive(slowPid), 5_000, 'the command has ended');
        slow.socket.resume();
        assert.equal((await outcome(slow)).stdout.length, 3_000_000);
        const gone = runner.run(['sh', '-c', 'echo lost; sleep 60'], { spool: directory });
        const pid = (await gone.next('STARTED')).readUInt32LE();
        gone.socket.end();
        const { exit, stdout } = await outcome(gone);
        assert.deepEqual(exit?.ending, { kind: 'signaled', signal: 15, core: false });
        assert.equal(stdout.length, 0);
        assert.equal(isAlive(pid), false);
      });

      it('is told with what is left in the background said in its time', async () => {
        const late = await spooled('(sleep 0.5; echo late) & echo started', { background: '10000' });
        assert.equal(late.stdout.toString(), 'started\nlate\n');
        await using own = await RunnerRig.start(programs.swarmexec);
        const { stdout, exit } = await outcome(
          own.run(['bash', '-c', 'sleep 60 & echo $!'], { spool: directory, background: '200' }),
        );
        assert.ok((exit?.left ?? 0) >= 1 && isAlive(Number(stdout.toString())));
        const endless = 'setsid sh -c "while :; do echo y; done" & sleep 0.1';
        const cut = await outcome(
          own.run(['bash', '-c', endless], {
            spool: directory,
            background: '200',
            limits: 'fsize:200000:200000',
          }),
        );
        assert.match(cut.stdout.toString(), /^(?:y\n)+$/);
      });

      it('keeps nothing of one job for the next, and tells where it cannot be made', async () => {
        const link = runner.run(['echo', 'one'], { spool: directory });
        assert.equal((await jobOutcome(link)).stdout.toString(), 'one\n');
        runner.runNext(link, ['echo', 'two'], { spool: directory });
        assert.equal((await jobOutcome(link)).stdout.toString(), 'two\n');
        runner.runNext(link, ['echo', 'three']);
        assert.equal((await outcome(link)).stdout.toString(), 'three\n');
        const nowhere = await spooled('true', { spool: path.join(directory, 'no', 'such') });
        assert.equal(nowhere.failure, 'spool ENOENT');
      });
    });

    describe('a lease', () => {
      const writer = 'while :; do echo x >>written; sleep 0.01; done';
      const written = (): number => statSync(path.join(directory, 'written')).size;

      it('lets a command go on while there are words, and kills it when there are none', async () => {
        const link = runner.run(['sh', '-c', `${stubborn} ${writer}`], { cwd: directory, lease: '1500' });
        await link.next('STARTED');
        const grandchild = Number(await link.next('STDOUT'));
        for (let word = 0; word < 20; word += 1) {
          link.send('BEAT');
          await sleep(100);
        }
        assert.ok(isAlive(grandchild));
        const { exit } = await outcome(link);
        assert.equal(exit?.hasLapsed, true);
        assert.ok(!isAlive(grandchild));
        const before = written();
        await sh('sleep 0.1');
        assert.equal(written(), before);
      });

      it('has lapsed when all wakes from a freeze, whatever words lie waiting', async () => {
        await using own = await RunnerRig.start(programs.swarmexec);
        // Slow enough that the supervisor, which wakes in the same moment on another core, is first.
        const slowWriter = 'while :; do echo x >>written; sleep 0.3; done';
        const link = own.run(['sh', '-c', slowWriter], { cwd: directory, lease: '400' });
        const command = (await link.next('STARTED')).readUInt32LE();
        await until(() => written() > 0, 5_000, 'it writes');
        const processes = [command, readProcess(command)?.parent ?? 0];
        for (const pid of processes) process.kill(pid, 'SIGSTOP');
        await sh('sleep 0.6');
        for (let word = 0; word < 10; word += 1) link.send('BEAT');
        await sh('sleep 0.1');
        const before = written();
        for (const pid of processes) process.kill(pid, 'SIGCONT');
        const { exit } = await outcome(link);
        assert.equal(exit?.hasLapsed, true);
        // It may have been in the midst of a write.
        assert.ok(written() - before <= 4, `${written() - before} bytes`);
      });
    });

    describe('a connection that has had a job', () => {
      it('takes the next one, by the same process, which keeps nothing of the last', async () => {
        const link = runner.run(['sh', '-c', 'echo $PPID']);
        const first = await jobOutcome(link);
        assert.equal(first.stays, true);
        /** Descriptors of that process; the least of some tries, as it may still be at the start of the command. */
        const held = async (): Promise<number> => {
          const counts: number[] = [];
          for (let n = 0; n < 10; n += 1) {
            runner.runNext(link, ['sh', '-c', 'ls /proc/$PPID/fd | wc -l']);
            counts.push(Number((await jobOutcome(link)).stdout.toString()));
          }
          return Math.min(...counts);
        };
        const before = await held();
        for (const job of [{}, { stdin: 'pipe', stdout: 'pty', stderr: 'pty' }, { lease: '60000' }]) {
          runner.runNext(link, ['sh', '-c', 'cat; exit 3'], job);
          link.send('STDIN_END');
          assert.equal(statusOf(await jobOutcome(link)), 3);
        }
        assert.equal(await held(), before);
        runner.runNext(link, ['sh', '-c', 'echo $PPID']);
        assert.equal((await outcome(link)).stdout.toString(), first.stdout.toString());
      });

      it('gives it nothing that was said to the one before', async () => {
        const link = runner.run(['head', '-c', '1'], { stdin: 'pipe' });
        link.send('STDIN', 'early');
        assert.equal((await jobOutcome(link)).stdout.toString(), 'e');
        link.send('STDIN', 'late');
        link.send('BEAT');
        link.send('SIGNAL', Uint8Array.of(15, 0));
        link.send('STDIN_END');
        runner.runNext(link, ['cat'], { stdin: 'pipe' });
        link.send('STDIN', 'its own');
        link.send('STDIN_END');
        const { stdout, exit, taken } = await outcome(link);
        assert.deepEqual([stdout.toString(), taken], ['its own', 7]);
        assert.deepEqual(exit?.ending, { kind: 'exited', status: 0 });
      });

      it('measures each by itself, and lets none lapse by the lease of another', async () => {
        const link = runner.run(['perl', '-e', '$x = "x" x 60_000_000; 1 for 1..5_000_000'], {
          lease: '60000',
        });
        assert.ok(((await jobOutcome(link)).exit?.maxRssBytes ?? 0) > 59_000_000);
        runner.runNext(link, ['sleep', '0.2'], { lease: '150' });
        assert.deepEqual((await jobOutcome(link)).exit?.hasLapsed, true);
        const second = runner.run(['true'], { lease: '100' });
        assert.equal((await jobOutcome(second)).stays, true);
        runner.runNext(second, ['sleep', '0.3']);
        const { exit } = await outcome(second);
        assert.deepEqual(exit?.ending, { kind: 'exited', status: 0 });
        const third = runner.run(['perl', '-e', '$x = "x" x 60_000_000; 1 for 1..5_000_000']);
        await jobOutcome(third);
        runner.runNext(third, ['true']);
        const small = await outcome(third);
        assert.ok((small.exit?.maxRssBytes ?? Infinity) < 59_000_000, JSON.stringify(small.exit));
        assert.ok((small.exit?.userMs ?? Infinity) < 100, JSON.stringify(small.exit));
      });

      it('takes none where something is left, was cancelled or did not start', async () => {
        const left = runner.run(['sh', '-c', 'sleep 60 & echo $!'], { background: '100' });
        const { stdout, stays } = await jobOutcome(left);
        const pid = Number(stdout.toString());
        assert.deepEqual([stays, isAlive(pid)], [false, true]);
        await left.closed();
        assert.equal(isAlive(pid), true);
        process.kill(pid);
        const cancelled = runner.run(['sleep', '60']);
        await cancelled.next('STARTED');
        cancelled.socket.end();
        assert.equal((await jobOutcome(cancelled)).stays, false);
        const unstarted = runner.run(['no-such-program']);
        assert.equal((await jobOutcome(unstarted)).failure, 'exec ENOENT');
        await unstarted.closed();
      });

      it('ends with its peer or the runner, whichever goes first, and at what is no request', async () => {
        await using own = await RunnerRig.start(programs.swarmexec);
        const pidOf = async (link: Link): Promise<number> => {
          own.runNext(link, ['sh', '-c', 'echo $PPID']);
          return Number((await jobOutcome(link)).stdout.toString());
        };
        const links = [own.connect(), own.connect(), own.connect()];
        const pids = await Promise.all(links.map(pidOf));
        assert.ok(pids.every(isAlive));
        links[0]?.socket.destroy();
        await until(() => !isAlive(pids[0] ?? 0), 5_000, 'the one whose peer is gone has ended');
        links[1]?.send('EXIT', '');
        await until(() => !isAlive(pids[1] ?? 0), 5_000, 'the one that heard nonsense has ended');
        assert.ok(isAlive(pids[2] ?? 0));
        await own[Symbol.asyncDispose]();
        assert.ok(!isAlive(pids[2] ?? 0));
      });
    });

    it('measures the largest process', async () => {
      const script = 'perl -e \'$x = "x" x 60_000_000; 1 for 1..5_000_000\'';
      const { exit } = await sh(script);
      assert.ok((exit?.maxRssBytes ?? 0) > 59_000_000 && (exit?.userMs ?? 0) > 10, JSON.stringify(exit));
    });

    it('drops a connection that breaks the protocol, and lives', async () => {
      for (const bytes of [
        [255, 255, 255, 255, 1],
        [0, 0, 0, 0, 99],
        [1, 0, 0, 0, 1, 65],
      ]) {
        const link = runner.connect();
        link.socket.write(Uint8Array.from(bytes));
        await link.closed();
      }
      assert.equal(statusOf(await sh('exit 4')), 4);
    });

    describe('directories of its own', () => {
      /** What a command sees that is to get them, and what lies in them afterwards; `before`: what starts the runner. */
      const leave = async (before: readonly string[]) => {
        const own = await RunnerRig.start(before[0] ?? programs.swarmexec, [
          ...before.slice(1),
          ...(before.length > 0 ? [programs.swarmexec] : []),
        ]);
        const [scratch, elsewhere, kept] = ['/tmp/scratch-', '/var/tmp/elsewhere-', '/tmp/kept-'].map(
          (name) => mkdtempSync(name),
        ) as [string, string, string];
        writeFileSync(path.join(kept, 'seen'), '');
        mkdirSync(path.join(scratch, '0/u', path.basename(kept)), { recursive: true });
        mkdirSync(path.join(elsewhere, 'u'));
        symlinkSync(elsewhere, path.join(scratch, '1'));
        const marks = [scratch, elsewhere, kept].map((each) => path.basename(each));
        const script = `cd /tmp; for d in ${marks.join(' ')}; do test -d $d && ls -A $d; done; echo x >${marks[0]}.x; echo y >/var/tmp/${marks[0]}.y`;
        const link = own.run(['sh', '-c', script], { apart: scratch, kept });
        const { notApart } = parseStarted(await link.next('STARTED'));
        const { stdout } = await outcome(link);
        const real = [`/tmp/${marks[0]}.x`, `/var/tmp/${marks[0]}.y`];
        const found = {
          notApart,
          seen: stdout.toString(),
          left: [path.join(scratch, '0/u', `${marks[0]}.x`), path.join(elsewhere, 'u', `${marks[0]}.y`)].map(
            existsSync,
          ),
          real: real.map(existsSync),
        };
        await own[Symbol.asyncDispose]();
        for (const each of [scratch, elsewhere, kept, ...real])
          rmSync(each, { recursive: true, force: true });
        return found;
      };

      it('are seen by the command alone, as root', async () => {
        const found = await leave([]);
        assert.deepEqual(found, { notApart: 0, seen: 'seen\n', left: [true, true], real: [false, false] });
      });

      it('are seen by the command alone, in a user namespace', async () => {
        const found = await leave(['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-sys_admin']);
        assert.deepEqual(found, { notApart: 0, seen: 'seen\n', left: [true, true], real: [false, false] });
      });

      it('are not there where no namespace can be made, and that is told', async () => {
        const forbid = 'echo 0 >/proc/sys/user/max_mnt_namespaces; exec "$@"';
        const { notApart, left, real } = await leave(['unshare', '-Ur', 'sh', '-c', forbid, 'sh']);
        assert.deepEqual(
          { notApart, left, real },
          { notApart: constants.errno.ENOSPC, left: [false, false], real: [true, true] },
        );
      });
    });

    it('runs 100 at once', async () => {
      const all = Array.from({ length: 100 }, async (_, at) => sh(`exit ${at}`));
      const statuses = (await Promise.all(all)).map(statusOf);
      assert.deepEqual(statuses, [...Array(100).keys()]);
    });

    it('ends with everything that it runs when its stdin ends', async () => {
      const own = await RunnerRig.start(programs.swarmexec);
      const link = own.run(['sh', '-c', `${stubborn} wait`]);
      await link.next('STARTED');
      const grandchild = Number(await link.next('STDOUT'));
      const gone = once(own.child, 'exit');
      own.child.kill('SIGTERM'); // which it ignores: the peer may still want to finish
      own.child.stdin?.end();
      assert.deepEqual(await gone, [0, null]);
      assert.equal(isAlive(grandchild), false);
      await own[Symbol.asyncDispose]();
    });
  });
}
