/** The wrapper against a scripted peer: as it ships, with the sanitizers, and (where Node can) the script that stands in for it. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { joinNul } from '../../src/wire/bytes.ts';
import type { Ended } from '../rig/child.ts';
import { type BuildName, builds, compilePrograms, type Programs, scriptWrapper } from '../rig/programs.ts';
import { join, RunnerRig } from '../rig/runner-rig.ts';
import { type Caller, ScriptedPeer } from '../rig/scripted-peer.ts';
import { until } from '../rig/until.ts';

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  readonly stdout: () => string;
}

const deadlineMs = 60_000;

function watch(child: ChildProcess): Started {
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
  child.stdin?.on('error', () => {}); // a command need not read its input
  const ended = new Promise<Ended>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${child.spawnargs.slice(0, 4).join(' ')} does not end`));
    }, deadlineMs);
    child.on('error', reject);
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      resolve({ status, signal, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) });
    });
  });
  return { child, ended, stdout: () => Buffer.concat(stdout).toString() };
}

for (const build of [...(Object.keys(builds) as BuildName[]), 'script'] as const) {
  const isC = build !== 'script';
  /**
   * What Node cannot do, so that the script does not promise it: it does not tell who sent a signal, resets what was blocked
   * and ignored, opens closed descriptors, writes blocking, and reads ahead.
   */
  const itInC = (name: string, run: () => Promise<void>): void => {
    if (isC) void it(name, run);
  };
  /** Each is a process of Node there. */
  const atOnce = isC ? 200 : 20;
  describe(`swarmrun, ${build} build`, { timeout: 600_000 }, () => {
    let programs: Programs;
    let swarmrun: string;
    let directory: string;

    before(() => {
      programs = compilePrograms(isC ? build : 'normal');
      swarmrun = isC ? programs.swarmrun : scriptWrapper(programs.directory);
      directory = mkdtempSync(path.join(tmpdir(), 'wrapper-test-'));
    });
    after(() => {
      programs.remove();
      rmSync(directory, { recursive: true, force: true });
    });

    const environment = (socketPath: string, more: Record<string, string> = {}): Record<string, string> => ({
      PATH: process.env['PATH'] ?? '/usr/bin:/bin',
      LC_ALL: 'C',
      BUILDSWARM_SOCKET: socketPath,
      ...more,
    });
    const start = (
      argv: readonly string[],
      socketPath: string,
      options: { env?: Record<string, string>; stdin?: 'ignore' | 'pipe' | number; cwd?: string } = {},
    ): Started =>
      watch(
        spawn(swarmrun, argv, {
          env: environment(socketPath, options.env),
          stdio: [options.stdin ?? 'ignore', 'pipe', 'pipe'],
          cwd: options.cwd ?? '/',
        }),
      );
    const shell = (script: string, socketPath: string, env: Record<string, string> = {}): Started =>
      watch(
        spawn('bash', ['-c', script], {
          env: environment(socketPath, { SWARMRUN: swarmrun, ...env }),
          stdio: ['ignore', 'pipe', 'pipe'],
          cwd: '/',
        }),
      );
    const nowhere = '/no/such/directory/peer.sock';

    it('names an option that it does not know, and tells its own', async () => {
      const { status, stdout, stderr } = await start(['--locl', 'true'], nowhere).ended;
      assert.equal(status, 2);
      assert.equal(stdout.toString(), '');
      assert.match(stderr.toString(), /^swarmrun: unknown option '--locl'; .*\n\nUsage: swarmrun /);
    });

    it('tells the peer what it is asked to run, and ends as told', async () => {
      await using peer = await ScriptedPeer.start();
      for (const status of [0, 1, 2, 77, 126, 127, 128, 200, 255]) {
        const { ended } = start(['g++', '-c', 'a b', ''], peer.socketPath, { cwd: directory });
        const { link, argv, environment: env, job } = await peer.caller();
        assert.deepEqual(argv, ['g++', '-c', 'a b', '']);
        assert.ok(env.includes(`BUILDSWARM_SOCKET=${peer.socketPath}`));
        assert.equal(job.get('cwd'), directory);
        assert.deepEqual(
          ['version', 'stdin', 'merged', 'descriptors', 'rows', 'force'].map((key) => job.get(key)),
          ['1', 'null', '0', '0', '0', ''],
        );
        link.exit(0, status);
        const end = await ended;
        assert.deepEqual([end.status, end.signal], [status, null]);
        assert.equal(end.stdout.length + end.stderr.length, 0);
      }
    });

    it('dies of the signal that the command died of', async () => {
      await using peer = await ScriptedPeer.start();
      const signals = { SIGSEGV: 11, SIGKILL: 9, SIGTERM: 15, SIGABRT: 6, SIGINT: 2 };
      for (const [name, number] of Object.entries(signals)) {
        const { ended } = start(['x'], peer.socketPath, { cwd: directory });
        (await peer.caller()).link.exit(1, number);
        assert.equal((await ended).signal, name);
      }
    });

    it('passes output on, the streams apart and in order', async () => {
      await using peer = await ScriptedPeer.start();
      const { ended } = start(['x'], peer.socketPath);
      const { link } = await peer.caller();
      const piece = Buffer.alloc(65_536, 'y');
      for (let at = 0; at < 100; at += 1) {
        link.send('STDOUT', piece);
        link.send('STDERR', `${at}\n`);
      }
      link.exit(0, 3);
      const end = await ended;
      assert.equal(end.stdout.length, 6_553_600);
      assert.equal(end.stderr.toString(), [...Array(100).keys()].map((at) => `${at}\n`).join(''));
      assert.equal(end.status, 3);
    });

    it('says when stdout and stderr are one pipe', async () => {
      await using peer = await ScriptedPeer.start();
      const { ended } = shell('"$SWARMRUN" x 2>&1 | cat', peer.socketPath);
      const { link, job } = await peer.caller();
      assert.deepEqual([job.get('stdout'), job.get('stderr'), job.get('merged')], ['pipe', 'pipe', '1']);
      link.send('STDOUT', 'a');
      link.send('STDERR', 'b');
      link.exit(0, 0);
      assert.equal((await ended).stdout.toString(), 'ab');
    });

    it('says when its stdout is a file that holds nothing, written from its beginning', async () => {
      await using peer = await ScriptedPeer.start();
      const told = async (redirected: string): Promise<(string | undefined)[]> => {
        const { ended } = shell(redirected, peer.socketPath, { DIR: directory });
        const { link, job } = await peer.caller();
        link.exit(0, 0);
        await ended;
        return ['stdout', 'stderr', 'merged'].map((key) => job.get(key));
      };
      const run = 'cd "$DIR"; "$SWARMRUN" x';
      assert.deepEqual(await told(`${run} >new`), ['fresh', 'socket', '0']);
      assert.deepEqual(await told(`${run} >new 2>&1`), ['fresh', 'file', '1']);
      assert.deepEqual(await told(`${run} >>new`), ['file', 'socket', '0']);
      assert.deepEqual(await told(`${run} 1<new`), ['file', 'socket', '0']);
      assert.deepEqual(await told('cd "$DIR"; (echo; "$SWARMRUN" x; true) >new'), ['file', 'socket', '0']);
      assert.deepEqual(await told(`${run} 1<>new`), ['file', 'socket', '0'], 'it holds something');
      assert.deepEqual(await told('cd "$DIR"; >new; "$SWARMRUN" x 1<>new'), ['fresh', 'socket', '0']);
    });

    it('runs the command inline where no peer answers', async () => {
      const open = path.join(directory, 'open');
      mkdirSync(open);
      chmodSync(open, 0o755);
      const stale = path.join(directory, 'stale');
      mkdirSync(stale, { mode: 0o700 });
      writeFileSync(path.join(stale, 'peer.sock'), '');
      for (const socket of [
        nowhere,
        path.join(open, 'peer.sock'),
        path.join(stale, 'peer.sock'),
        `/tmp/${'x'.repeat(200)}/s`,
      ]) {
        const end = await start(['sh', '-c', 'echo out; echo err >&2; exit 5'], socket).ended;
        assert.deepEqual([end.stdout.toString(), end.stderr.toString(), end.status], ['out\n', 'err\n', 5]);
      }
    });

    it('does not trust a peer in a directory that others may enter', async () => {
      await using peer = await ScriptedPeer.start();
      chmodSync(path.dirname(peer.socketPath), 0o711);
      assert.equal((await start(['sh', '-c', 'exit 6'], peer.socketPath).ended).status, 6);
      assert.equal(peer.connections, 0);
    });

    it('touches no socket under FORCE_INLINE and FORCE_LOCAL', async () => {
      await using peer = await ScriptedPeer.start();
      for (const name of ['FORCE_INLINE', 'FORCE_LOCAL']) {
        const end = await start(['sh', '-c', 'exit 7'], peer.socketPath, { env: { [name]: '' } }).ended;
        assert.equal(end.status, 7);
      }
      assert.equal(peer.connections, 0);
    });

    it('has 126 and 127 as a shell has them', async () => {
      assert.equal((await start(['no-such-command'], nowhere).ended).status, 127);
      assert.equal((await start(['/etc/passwd'], nowhere).ended).status, 126);
    });

    it('tells its decisions only when asked to', async () => {
      const end = await start(['true'], nowhere, { env: { BUILDSWARM_DEBUG: '1' } }).ended;
      assert.match(end.stderr.toString(), /swarmrun: .*\/no\/such\/directory/u);
      const usage = await start([], nowhere).ended;
      assert.equal(usage.status, 2);
      assert.match(usage.stderr.toString(), /Usage/u);
      assert.match((await start(['--version'], nowhere).ended).stdout.toString(), /^swarmrun \S+\n$/u);
    });

    it('keeps the socket open while a command runs inline', async () => {
      await using peer = await ScriptedPeer.start();
      const { child, ended, stdout } = start(['sh', '-c', 'echo begun; cat; exit 9'], peer.socketPath, {
        stdin: 'pipe',
      });
      const { link } = await peer.caller();
      link.send('INLINE', 'probe');
      await until(() => stdout() === 'begun\n', 10_000, 'the command has begun');
      assert.equal(link.isClosed, false);
      child.stdin?.end('input');
      const end = await ended;
      assert.deepEqual([end.stdout.toString(), end.status], ['begun\ninput', 9]);
      await link.closed();
    });

    it('stands behind ccache that runs inline as its prefix', async () => {
      await using peer = await ScriptedPeer.start();
      for (const [reason, isPrefix] of [
        ['ccache: it looks here', true],
        ['probe: ccache', false],
      ] as const) {
        const { ended } = start(['sh', '-c', 'echo "$CCACHE_PREFIX"'], peer.socketPath);
        const { link } = await peer.caller();
        link.send('INLINE', reason);
        const prefix = (await ended).stdout.toString().trim();
        assert.equal(path.basename(prefix), isPrefix ? 'swarmrun' : '', prefix);
        await link.closed();
      }
    });

    it('runs the command inline when the peer talks garbage or goes before any output', async () => {
      await using peer = await ScriptedPeer.start();
      const oversized = Buffer.from([1, 0, 1, 0, 8]); // STDOUT of 65537 bytes
      const scripts: Buffer[] = [
        Buffer.alloc(0),
        Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
        Buffer.from([10, 0, 0, 0, 8, 65]),
        oversized,
        Buffer.from([255, 255, 255, 255, 8]),
        Buffer.from([0, 0, 0, 0, 1]),
        Buffer.from([1, 0, 0, 0, 10, 0]),
        Buffer.from([8, 0, 0, 0, 7, 9, 0, 0, 0, 0, 0, 0, 0]),
      ];
      for (const bytes of scripts) {
        const { ended } = start(['sh', '-c', 'echo inline; exit 8'], peer.socketPath);
        const { link } = await peer.caller();
        link.socket.end(bytes);
        const end = await ended;
        assert.deepEqual([end.stdout.toString(), end.status], ['inline\n', 8]);
      }
    });

    it('ends with a message when the peer goes after output was passed on', async () => {
      await using peer = await ScriptedPeer.start();
      const { ended, stdout } = start(['compile-it'], peer.socketPath);
      const { link } = await peer.caller();
      link.send('STDOUT', 'half');
      await until(() => stdout() === 'half', 10_000, 'the output comes');
      link.socket.destroy();
      const end = await ended;
      assert.equal(end.status, 1);
      assert.match(end.stderr.toString(), /swarmrun: .*compile-it.*run it again/u);
    });

    it('passes signals on and ends as the command then does', async () => {
      await using peer = await ScriptedPeer.start();
      const { child, ended, stdout } = start(['x'], peer.socketPath);
      const { link } = await peer.caller();
      link.send('STDOUT', 'x');
      await until(() => stdout() === 'x', 10_000, 'it relays');
      for (const [name, number, target] of [
        ['SIGUSR1', 10, 0],
        ['SIGTERM', 15, 0],
        ['SIGINT', 2, 1],
      ] as const) {
        child.kill(name);
        assert.deepEqual([...(await link.next('SIGNAL'))], [number, target]);
      }
      link.exit(1, 2);
      assert.equal((await ended).signal, 'SIGINT');
    });

    /** Once it passes signals on: those that it takes are blocked, or have a handler. */
    const passesOn = async ({ child }: Started): Promise<void> => {
      const taken = (): bigint => {
        const status = readFileSync(`/proc/${child.pid}/status`, 'latin1');
        const mask = (key: string): bigint =>
          BigInt(`0x${new RegExp(`${key}:\\t(\\S+)`).exec(status)?.[1] ?? '0'}`);
        return mask('SigBlk') | mask('SigCgt');
      };
      await until(() => (taken() & (1n << 11n)) !== 0n, 10_000, 'it takes SIGUSR2');
    };

    it('dies of what would have killed a command that had not begun', async () => {
      await using peer = await ScriptedPeer.start();
      for (const name of ['SIGTERM', 'SIGUSR1', 'SIGUSR2'] as const)
        for (const isLost of [false, true]) {
          const started = start(['sh', '-c', 'echo ran'], peer.socketPath);
          const { link } = await peer.caller();
          await passesOn(started);
          started.child.kill(name);
          await link.next('SIGNAL');
          if (isLost) link.socket.destroy();
          else link.send('INLINE', 'no-peers: there are none');
          const end = await started.ended;
          assert.deepEqual([end.signal, end.stdout.toString()], [name, '']);
        }
    });

    it('does not count what the command lives on after', async () => {
      await using peer = await ScriptedPeer.start();
      const started = start(['x'], peer.socketPath);
      const { link } = await peer.caller();
      await passesOn(started);
      for (let time = 1; time <= 5; time += 1) {
        started.child.kill('SIGHUP');
        await link.next('SIGNAL');
        link.send('STDOUT', 'x');
        await until(() => started.stdout().length === time, 10_000, 'it hears of that');
      }
      link.exit(0, 0);
      assert.equal((await started.ended).status, 0);
    });

    itInC('tells what a terminal sent, which is for the group', async () => {
      await using peer = await ScriptedPeer.start();
      const typed = watch(
        spawn('script', ['-qec', 'exec "$SWARMRUN" x', '/dev/null'], {
          env: environment(peer.socketPath, { SWARMRUN: swarmrun }),
          stdio: ['pipe', 'pipe', 'pipe'],
        }),
      );
      const { link } = await peer.caller();
      link.send('STDOUT', 'x');
      await until(() => typed.stdout() === 'x', 10_000, 'it relays');
      typed.child.stdin?.write('\x1c'); // ctrl-\
      assert.deepEqual([...(await link.next('SIGNAL'))], [3, 1]);
      link.exit(0, 0);
      await typed.ended;
    });

    it('cancels the job when it is killed', async () => {
      await using peer = await ScriptedPeer.start();
      const { child, ended } = start(['x'], peer.socketPath);
      const { link } = await peer.caller();
      child.kill('SIGKILL');
      await link.closed();
      await ended;
    });

    it('stands in for the next program of its name', async () => {
      const [masquerade, real] = [path.join(directory, 'masquerade'), path.join(directory, 'real')];
      mkdirSync(masquerade);
      mkdirSync(real);
      symlinkSync(swarmrun, path.join(masquerade, 'cxx'));
      writeFileSync(path.join(real, 'cxx'), '#!/bin/sh\necho real "$@"\n', { mode: 0o755 });
      const env = { PATH: `${masquerade}:${real}:${process.env['PATH'] ?? ''}`, BUILDSWARM_SOCKET: nowhere };
      for (const name of ['cxx', path.join(masquerade, 'cxx')]) {
        const end = await watch(spawn(name, ['a'], { env, stdio: ['ignore', 'pipe', 'pipe'] })).ended;
        assert.equal(end.stdout.toString(), 'real a\n');
      }
      const wrapped = await watch(spawn(swarmrun, ['cxx', 'b'], { env, stdio: ['ignore', 'pipe', 'pipe'] }))
        .ended;
      assert.equal(wrapped.stdout.toString(), 'real b\n');
      const twice = await watch(
        spawn(swarmrun, ['swarmrun', 'cxx', 'c'], { env, stdio: ['ignore', 'pipe', 'pipe'] }),
      ).ended;
      assert.equal(twice.stdout.toString(), 'real c\n');
      await using peer = await ScriptedPeer.start();
      const asked = watch(
        spawn('cxx', ['d'], { env: { ...env, BUILDSWARM_SOCKET: peer.socketPath }, stdio: 'ignore' }),
      );
      const { link, argv } = await peer.caller();
      assert.deepEqual([path.basename(argv[0] ?? ''), argv[1]], ['cxx', 'd']);
      link.exit(0, 0);
      assert.equal((await asked.ended).status, 0);
    });

    it('stands in for the real g++, which then finds its back ends', async () => {
      const masquerade = path.join(directory, 'compilers');
      mkdirSync(masquerade);
      symlinkSync(swarmrun, path.join(masquerade, 'g++'));
      const env = { PATH: `${masquerade}:${process.env['PATH'] ?? ''}`, BUILDSWARM_SOCKET: nowhere };
      const arguments_ = ['-fsyntax-only', '-x', 'c++', '/dev/null'];
      for (const name of ['g++', path.join(masquerade, 'g++')]) {
        const end = await watch(spawn(name, arguments_, { env, stdio: ['ignore', 'pipe', 'pipe'] })).ended;
        assert.deepEqual([end.status, end.stderr.toString()], [0, '']);
      }
    });

    it(`passes ${atOnce} wrappers at once`, async () => {
      await using peer = await ScriptedPeer.start();
      const all: Started[] = [];
      const callers: Caller[] = [];
      while (all.length < atOnce) {
        const [from, more] = [all.length, Math.min(40, atOnce - all.length)];
        for (let at = from; at < from + more; at += 1) all.push(start([`${at % 256}`], peer.socketPath));
        for (let count = 0; count < more; count += 1) callers.push(await peer.caller());
        // Who hears nothing for 20 s gives the peer up, and a busy machine needs longer than that to start them all.
        for (const { link } of callers) link.send('BEAT');
      }
      for (const { link, argv } of callers) link.exit(0, Number(argv[0]));
      const statuses = await Promise.all(all.map(async ({ ended }) => (await ended).status));
      assert.deepEqual(statuses, [...Array(atOnce).keys()]);
    });

    it('passes argv and environment byte for byte, to the peer and inline', async () => {
      const env = ['PATH=/usr/local/bin:/usr/bin:/bin', 'a-b.c=1', '1=\xff\xfe', 'E='];
      // Node has one value for a name and none without "="; but even it asks the peer with all of them.
      const odd = [...env, 'A=1', 'A=2', 'no equals', `B=${'z'.repeat(100_000)}`];
      const argv = [
        '',
        '\n',
        '\xff\xfe \x01',
        'x'.repeat(120_000),
        ...Array.from({ length: 20_000 }, (_, at) => `argument ${at}`),
      ];
      const [argvFile, envFile] = [path.join(directory, 'argv'), path.join(directory, 'env')];
      const launch = (command: string[], entries: string[]): Started => {
        const all = isC ? ['swarmrun', ...command] : ['node', swarmrun, ...command];
        writeFileSync(argvFile, joinNul(all));
        writeFileSync(envFile, joinNul(entries));
        const program = isC ? swarmrun : process.execPath;
        return watch(
          spawn(programs.launch, [argvFile, envFile, program], { stdio: ['ignore', 'pipe', 'pipe'] }),
        );
      };
      await using peer = await ScriptedPeer.start();
      const place = `BUILDSWARM_SOCKET=${peer.socketPath}`;
      const asked = launch(['cat', ...argv], [...odd, place]);
      const caller = await peer.caller();
      assert.deepEqual(caller.argv, ['cat', ...argv]);
      assert.deepEqual(caller.environment, [...odd, place]);
      caller.link.exit(0, 0);
      assert.equal((await asked.ended).status, 0);
      const inline = ['FORCE_INLINE=1', ...(isC ? odd : env)];
      const args = await launch(['cat', '/proc/self/cmdline', '--', ...argv], inline).ended;
      assert.ok(
        args.stdout
          .toString('latin1')
          .startsWith(joinNul(['cat', '/proc/self/cmdline', '--', ...argv]).toString('latin1')),
      );
      const entries = await launch(['cat', '/proc/self/environ'], inline).ended;
      const got = entries.stdout.toString('latin1').split('\0');
      assert.deepEqual(isC ? got : got.toSorted(), isC ? [...inline, ''] : [...inline, ''].toSorted());
    });

    itInC('leaves blocked and ignored signals as it found them', async () => {
      writeFileSync(
        path.join(directory, 'a'),
        joinNul(['swarmrun', 'grep', '-E', 'Sig(Blk|Ign)', '/proc/self/status']),
      );
      await using peer = await ScriptedPeer.start();
      writeFileSync(path.join(directory, 'e'), joinNul([`BUILDSWARM_SOCKET=${peer.socketPath}`]));
      const files = [path.join(directory, 'a'), path.join(directory, 'e')];
      const launched = (): Started =>
        watch(
          spawn(programs.launch, [...files, swarmrun, 'ignore=2', 'ignore=13', 'block=15'], {
            stdio: ['ignore', 'pipe', 'pipe'],
          }),
        );
      const inline = launched();
      const { link, job } = await peer.caller();
      assert.deepEqual([job.get('ignored'), job.get('blocked')], ['1002', '4000']);
      link.send('INLINE', 'x');
      assert.equal(
        (await inline.ended).stdout.toString(),
        'SigBlk:\t0000000000004000\nSigIgn:\t0000000000001002\n',
      );
      const ignoring = launched();
      const second = await peer.caller();
      second.link.send('STDOUT', 'x');
      await until(() => ignoring.stdout() === 'x', 10_000, 'it relays');
      ignoring.child.kill('SIGINT');
      ignoring.child.kill('SIGUSR1');
      assert.deepEqual([...(await second.link.next('SIGNAL'))], [10, 0]);
      second.link.exit(0, 0);
      await ignoring.ended;
    });

    itInC('keeps closed descriptors closed', async () => {
      // The shell's children look at the shell itself, whose own three stay as they are.
      const list =
        'sh -c \'exec 9> "$OUT"; for fd in 0 1 2; do (readlink /proc/$$/fd/$fd >&9 || echo none >&9); done\'';
      const out = path.join(directory, 'closed');
      await using peer = await ScriptedPeer.start();
      const { ended } = shell(`"$SWARMRUN" ${list} <&- >&- 2>&-`, peer.socketPath, { OUT: out });
      const { link, job } = await peer.caller();
      assert.deepEqual(
        ['stdin', 'stdout', 'stderr'].map((key) => job.get(key)),
        ['closed', 'closed', 'closed'],
      );
      link.send('STDOUT', 'nobody reads this');
      link.taken(0);
      await link.next('STDIN_END');
      link.send('INLINE', 'x');
      await ended;
      assert.equal(readFileSync(out, 'latin1'), 'none\nnone\nnone\n');
    });

    it('counts the descriptors that it was given, without the jobserver and what leaked', async () => {
      await using peer = await ScriptedPeer.start();
      const given = '"$SWARMRUN" x 62< /dev/null 63< /dev/null; true';
      const fifo = `mkfifo ${directory}/fifo; "$SWARMRUN" x 63<> ${directory}/fifo; true`;
      for (const [script, makeflags, count] of [
        [given, '', '2'],
        [given, ' -j4 --jobserver-auth=62,63', '0'],
        [fifo, ` -j4 --jobserver-auth=fifo:${directory}/fifo`, '0'],
        ['exec 63< /dev/null; "$SWARMRUN" x; true', '', '0'],
        ['"$SWARMRUN" x <(echo of the caller alone); true', '', 'some'],
      ] as const) {
        const { ended } = shell(script, peer.socketPath, { MAKEFLAGS: makeflags });
        const { link, job } = await peer.caller();
        const got = job.get('descriptors') ?? '';
        // What leaked to the test itself counts too where an argument names descriptors.
        assert.ok(count === 'some' ? Number(got) > 0 : got === count, `${script}: ${got}`);
        link.exit(0, 0);
        await ended;
      }
    });

    it('dies of SIGPIPE when the reader of its stdout is gone', async () => {
      await using peer = await ScriptedPeer.start();
      const { ended } = shell('"$SWARMRUN" x | true; echo "${PIPESTATUS[0]}"', peer.socketPath);
      const { link } = await peer.caller();
      const more = setInterval(() => link.send('STDOUT', Buffer.alloc(65_536)), 5);
      assert.equal((await ended).stdout.toString(), '141\n');
      clearInterval(more);
      await link.closed();
    });

    itInC('hears signals while its reader does not read', async () => {
      await using peer = await ScriptedPeer.start();
      const { child, ended, stdout } = start(['x'], peer.socketPath);
      const { link } = await peer.caller();
      link.send('STDOUT', 'x');
      await until(() => stdout() === 'x', 10_000, 'it relays'); // before, a signal ends it, as it would the command
      child.stdout?.pause();
      for (let at = 0; at < 20; at += 1) link.send('STDOUT', Buffer.alloc(65_536));
      await until(() => link.socket.writableLength > 0, 10_000, 'the pipe is full');
      child.kill('SIGINT');
      assert.deepEqual([...(await link.next('SIGNAL'))], [2, 1]);
      child.kill('SIGKILL');
      child.stdout?.resume();
      await ended;
    });

    it('takes from stdin only what the command read', async () => {
      const file = path.join(directory, 'lines');
      writeFileSync(file, 'one\ntwo\nthree\n');
      await using peer = await ScriptedPeer.start();
      const pipes = isC ? [`cat ${file} | { "$SWARMRUN" x; cat; }`] : [];
      for (const script of [`{ "$SWARMRUN" x; cat; } < ${file}`, ...pipes]) {
        const { ended } = shell(script, peer.socketPath);
        const { link } = await peer.caller();
        link.taken(0);
        let seen = '';
        while (seen.length < 14) seen += (await link.next('STDIN')).toString();
        assert.equal(seen, 'one\ntwo\nthree\n');
        link.taken(4);
        link.exit(0, 0);
        assert.equal((await ended).stdout.toString(), 'two\nthree\n');
      }
    });

    itInC('takes from a socket only what the command read', async () => {
      await using peer = await ScriptedPeer.start();
      // Node's "pipe" is a socket; the shell hands the same one to both commands.
      const child = spawn('sh', ['-c', '"$SWARMRUN" x; cat'], {
        env: environment(peer.socketPath, { SWARMRUN: swarmrun }),
        stdio: ['pipe', 'pipe', 'pipe'],
      });
      const started = watch(child);
      const { link, job } = await peer.caller();
      assert.equal(job.get('stdin'), 'socket');
      link.taken(0);
      child.stdin.write('first ');
      assert.equal((await link.next('STDIN')).toString(), 'first ');
      child.stdin.end('second');
      assert.equal((await link.next('STDIN')).toString(), 'second');
      await link.next('STDIN_END');
      link.taken(3);
      link.exit(0, 0);
      assert.equal((await started.ended).stdout.toString(), 'st second');
    });

    itInC('says that input is lost when the peer goes after the command read some of a pipe', async () => {
      await using peer = await ScriptedPeer.start();
      for (const [taken, status] of [
        [0, 0],
        [3, 1],
      ] as const) {
        const { ended } = shell('echo input | "$SWARMRUN" cat; exit "${PIPESTATUS[1]}"', peer.socketPath);
        const { link } = await peer.caller();
        link.taken(0);
        await link.next('STDIN');
        if (taken > 0) link.taken(taken);
        link.socket.end();
        const end = await ended;
        assert.deepEqual([end.status, end.stdout.toString()], [status, taken === 0 ? 'input\n' : '']);
      }
    });

    describe('with a runner', () => {
      let peer: ScriptedPeer;
      let runner: RunnerRig;
      before(async () => {
        peer = await ScriptedPeer.start();
        runner = await RunnerRig.start(programs.swarmexec);
      });
      after(async () => {
        await runner[Symbol.asyncDispose]();
        await peer[Symbol.asyncDispose]();
      });
      /** Joins every wrapper that comes to the runner until `ended`. */
      const relayed = async (started: Started, count = 1): Promise<Ended> => {
        for (let at = 0; at < count; at += 1) await join(peer, runner);
        return started.ended;
      };

      it('moves 10 MB of stdin from a pipe and from a file, and 50 MB of stdout', async () => {
        const input = path.join(directory, 'input');
        writeFileSync(input, Buffer.alloc(10_000_000, 'input'));
        for (const script of [`cat ${input} | "$SWARMRUN" cksum`, `"$SWARMRUN" cksum < ${input}`]) {
          const end = await relayed(shell(script, peer.socketPath));
          assert.match(end.stdout.toString(), /^\d+ 10000000\n$/u, end.stderr.toString());
        }
        const end = await relayed(shell('"$SWARMRUN" head -c 50000000 /dev/zero | wc -c', peer.socketPath));
        assert.equal(end.stdout.toString().trim(), '50000000');
      });

      itInC('does not eat the input of a loop', async () => {
        const lines = path.join(directory, 'loop');
        writeFileSync(lines, '1\n2\n3\n');
        const loop = 'while read -r x; do "$SWARMRUN" sh -c "echo got \\$0" "$x"; done';
        for (const script of [`${loop} < ${lines}`, `cat ${lines} | ${loop}`]) {
          const end = await relayed(shell(script, peer.socketPath), 3);
          assert.equal(end.stdout.toString(), 'got 1\ngot 2\ngot 3\n');
        }
      });

      it('holds a dialogue over a pipe', async () => {
        const talk = 'while read -r x; do echo "heard $x"; done';
        const script = `coproc "$SWARMRUN" sh -c '${talk}'
          for word in one two three; do echo $word >&"\${COPROC[1]}"; read -r answer <&"\${COPROC[0]}"; echo "$answer"; done`;
        const end = await relayed(shell(script, peer.socketPath));
        assert.equal(end.stdout.toString(), 'heard one\nheard two\nheard three\n');
      });

      it('runs inline what cannot be started there, and ends as it would have', async () => {
        const end = await relayed(start(['no-such-command'], peer.socketPath));
        assert.equal(end.status, 127);
      });

      it('lets handlers run on a signal, and ends the tree with the wrapper', async () => {
        const started = start(
          ['sh', '-c', 'trap "echo handled; exit 42" TERM; echo ready; while :; do sleep 0.01; done'],
          peer.socketPath,
        );
        await join(peer, runner);
        await until(() => started.stdout() === 'ready\n', 10_000, 'the command is ready');
        started.child.kill('SIGTERM');
        const end = await started.ended;
        assert.deepEqual([end.stdout.toString(), end.status], ['ready\nhandled\n', 42]);
      });
    });

    it('reads a regular file from where it stands', async () => {
      const file = path.join(directory, 'offset');
      writeFileSync(file, 'skip this, read that');
      await using peer = await ScriptedPeer.start();
      const fd = openSync(file, 'r');
      const { ended } = shell(
        `exec < ${file}; head -c 0; dd bs=11 count=1 of=/dev/null 2>/dev/null; "$SWARMRUN" x`,
        peer.socketPath,
      );
      const { link, job } = await peer.caller();
      assert.equal(job.get('stdin'), 'file');
      link.taken(0);
      assert.equal((await link.next('STDIN')).toString(), 'read that');
      await link.next('STDIN_END');
      link.exit(0, 0);
      await ended;
      closeSync(fd);
    });
  });
}
