/** Stands for the runner: commands do what a test says, and no more than a runner may. */
import assert from 'node:assert/strict';
import type { Ending } from '../../src/core/schedule/contract.ts';
import { splitNul } from '../../src/wire/bytes.ts';
import type { PassedSignal } from '../../src/wire/wrapper-messages.ts';
import type { Execution, RunListener, Runner, RunSpec } from '../../src/work/runner.ts';

export class FakeCommand implements Execution {
  readonly spec: RunSpec;
  readonly #listener: RunListener;
  readonly argv: readonly string[];
  input = '';
  hasInputEnded = false;
  readonly signals: PassedSignal[] = [];
  renewals = 0;
  isKilled = false;
  isPaused = false;
  #hasEnded = false;

  constructor(spec: RunSpec, listener: RunListener) {
    this.spec = spec;
    this.#listener = listener;
    this.argv = splitNul(spec.argv, 100);
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  // What the host asks for.

  stdin(data: Uint8Array): void {
    this.input += Buffer.from(data).toString();
  }
  stdinEnd(): void {
    this.hasInputEnded = true;
  }
  renew(): void {
    this.renewals += 1;
  }
  signal(signal: PassedSignal): void {
    this.signals.push(signal);
  }
  kill(): void {
    this.isKilled = true;
  }
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }

  // What the command does.

  start(pid = 4_711): void {
    assert.ok(!this.#hasEnded);
    this.#listener.onStarted({ pid, notApart: 0 });
  }

  print(type: 'STDOUT' | 'STDERR', text: string): void {
    assert.ok(!this.#hasEnded);
    // One that is killed is read to its end, paused or not.
    assert.ok(!this.isPaused || this.isKilled, 'nothing is read of a command that is paused');
    this.#listener.onOutput(type, Buffer.from(text));
  }

  takeInput(totalBytes: number): void {
    this.#listener.onStdinTaken(totalBytes);
  }

  exit(ending: Ending = { kind: 'exited', status: 0 }, maxRssBytes = 0): void {
    this.#end(() =>
      this.#listener.onExit({ ending, maxRssBytes, userMs: 1, systemMs: 2, left: 0, hasLapsed: false }),
    );
  }

  lapse(): void {
    const ending = { kind: 'signaled', signal: 9, core: false } as const;
    const exit = { ending, maxRssBytes: 0, userMs: 0, systemMs: 0, left: 0, hasLapsed: true };
    this.#end(() => this.#listener.onExit(exit));
  }

  failToSpawn(why: string): void {
    this.#end(() => this.#listener.onSpawnFailed(why));
  }

  loseRunner(): void {
    this.#end(() => this.#listener.onLost());
  }

  #end(tell: () => void): void {
    assert.ok(!this.#hasEnded, 'a command ends once');
    this.#hasEnded = true;
    tell();
  }
}

export class FakeRunner implements Pick<Runner, 'run'> {
  readonly commands: FakeCommand[] = [];

  run(spec: RunSpec, listener: RunListener): Execution {
    const command = new FakeCommand(spec, listener);
    this.commands.push(command);
    return command;
  }

  /** Commands that have not ended. */
  get running(): FakeCommand[] {
    return this.commands.filter(({ hasEnded }) => !hasEnded);
  }
}
