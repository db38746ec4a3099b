/** What stops the wrapper stops its command, and what continues the one continues the other, in whatever order they come. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { builtPrograms } from '../rig/programs.ts';
import { type Link, ScriptedPeer } from '../rig/scripted-peer.ts';
import { until } from '../rig/until.ts';

const { swarmrun } = builtPrograms();
const { SIGTSTP, SIGCONT } = constants.signals;
const deadlineMs = 5_000;

/** Runs what is behind it in a group of its own, with a parent in the same session, as a shell does: TSTP stops it. */
const asJob = `my $pid = fork;
  if (!$pid) { setpgrp; $SIG{CONT} = 'IGNORE' if $ENV{IGNORES}; exec @ARGV }
  waitpid $pid, 0; exit $? >> 8`;

/** A wrapper whose command is elsewhere. */
class Stoppable implements AsyncDisposable {
  readonly said: number[] = [];
  readonly link: Link;
  readonly #pid: number;
  readonly #child: ChildProcess;
  readonly #peer: ScriptedPeer;
  #printed = '';

  private constructor(peer: ScriptedPeer, child: ChildProcess, link: Link, pid: number) {
    this.#peer = peer;
    this.#child = child;
    this.link = link;
    this.#pid = pid;
    child.stdout?.on('data', (data) => {
      this.#printed += String(data);
    });
    link.listen(({ type, payload }) => {
      if (type === 'SIGNAL') this.said.push(payload[0] ?? 0);
    });
  }

  /** @param how - the words before the wrapper's own. */
  static async start(how: readonly string[], env: Record<string, string> = {}): Promise<Stoppable> {
    const peer = await ScriptedPeer.start();
    const [program, ...words] = [...how, swarmrun, 'echo', 'ran'];
    const child = spawn(program, words, {
      env: { PATH: process.env['PATH'] ?? '', BUILDSWARM_SOCKET: peer.socketPath, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const { link, job } = await peer.caller();
    const started = new Stoppable(peer, child, link, Number(job.get('pid')));
    await until(() => started.#takesSignals, deadlineMs, 'it passes signals on');
    return started;
  }

  get #takesSignals(): boolean {
    const mask = /SigBlk:\t(\S+)/.exec(readFileSync(`/proc/${this.#pid}/status`, 'latin1'))?.[1] ?? '0';
    return (BigInt(`0x${mask}`) & (1n << BigInt(SIGTSTP - 1))) !== 0n;
  }

  get isStopped(): boolean {
    return /\) T/.test(readFileSync(`/proc/${this.#pid}/stat`, 'latin1'));
  }

  get printed(): string {
    return this.#printed;
  }

  signal(number: number): void {
    process.kill(this.#pid, number);
  }

  /** Waits, without a timer's granularity, until so many signals were passed on. */
  async hears(count: number): Promise<void> {
    for (let turn = 0; turn < 2_000 && this.said.length < count; turn += 1) await setImmediate();
    await until(() => this.said.length >= count, deadlineMs, `it passes ${count} signals on`);
  }

  async ended(): Promise<void> {
    if (this.#child.exitCode === null) await once(this.#child, 'close');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) this.signal(constants.signals.SIGKILL);
    await this.ended();
    await this.#peer[Symbol.asyncDispose]();
  }
}

const job = ['perl', '-e', asJob];

for (const ignores of [false, true])
  test(`both are stopped, and both go on${ignores ? ', where CONT is ignored' : ''}`, async () => {
    await using wrapper = await Stoppable.start(job, ignores ? { IGNORES: '1' } : {});
    wrapper.signal(SIGTSTP);
    await until(() => wrapper.isStopped, deadlineMs, 'it is stopped');
    wrapper.signal(SIGCONT);
    await wrapper.hears(2);
    wrapper.signal(SIGTSTP);
    await wrapper.hears(3);
    await until(() => wrapper.isStopped, deadlineMs, 'it is stopped again');
    assert.deepEqual(wrapper.said, [SIGTSTP, SIGCONT, SIGTSTP]);
  });

test('CONT that comes after TSTP was passed on, and before the wrapper stops, is not lost', async () => {
  const slow = ['strace', '-qq', '-o', '/dev/null', '-e', 'trace=sendto'];
  await using wrapper = await Stoppable.start([...job, ...slow, '-e', 'inject=sendto:delay_exit=300000']);
  wrapper.signal(SIGTSTP);
  await wrapper.hears(1);
  wrapper.signal(SIGCONT);
  await wrapper.hears(2);
  assert.deepEqual(wrapper.said, [SIGTSTP, SIGCONT]);
  assert.equal(wrapper.isStopped, false);
});

test('TSTP and then CONT, at whatever distance: both go on', async () => {
  await using wrapper = await Stoppable.start(job);
  const continued = (): number => wrapper.said.filter((number) => number === SIGCONT).length;
  for (let round = 1; round <= 500; round += 1) {
    const before = wrapper.said.length;
    wrapper.signal(SIGTSTP);
    for (const end = performance.now() + (round % 100) / 500; performance.now() < end; );
    wrapper.signal(SIGCONT);
    await wrapper.hears(before + 1);
    if (wrapper.said.at(-1) !== SIGCONT) await wrapper.hears(before + 2);
    assert.equal(continued(), round);
  }
});

test('a group that TSTP does not stop, as nobody could continue it, has its command go on', async () => {
  await using wrapper = await Stoppable.start(['setsid']);
  wrapper.signal(SIGTSTP);
  await wrapper.hears(2);
  assert.deepEqual(wrapper.said, [SIGTSTP, SIGCONT]);
  assert.equal(wrapper.isStopped, false);
});

test('what is given back to a wrapper that is stopped runs when it is continued', async () => {
  await using wrapper = await Stoppable.start(job);
  wrapper.signal(SIGTSTP);
  await until(() => wrapper.isStopped, deadlineMs, 'it is stopped');
  wrapper.link.send('INLINE', 'retries-used-up: enough');
  assert.equal(wrapper.printed, '');
  wrapper.signal(SIGCONT);
  await wrapper.ended();
  assert.equal(wrapper.printed, 'ran\n');
});
