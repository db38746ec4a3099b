/** A peer as users run it, in the foreground, alone, with a share of its own. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { check, checkout, type Ended, type Running, start } from './child.ts';
import { until } from './until.ts';

const buildswarm = path.join(checkout, 'bin/buildswarm');

/** Ends with `await using`. */
export class Daemon {
  readonly share: string;
  readonly socket: string;
  /** For programs that speak to it. */
  readonly env: Readonly<Record<string, string>>;
  readonly #folder: string;
  readonly #running: Running;
  #said = '';

  private constructor(folder: string, env: Record<string, string>, prefix: readonly string[]) {
    this.#folder = folder;
    this.env = env;
    this.share = path.join(folder, 'share');
    this.socket = path.join(folder, 'buildswarm/peer.sock');
    this.#running = start(
      [...prefix, buildswarm, 'daemon', '--no-mdns', '--listen', '/ip4/127.0.0.1/tcp/0'],
      { cwd: this.share, env, timeoutMs: 120_000 },
    );
    const hear = (chunk: Buffer) => {
      this.#said += chunk.toString();
    };
    this.#running.child.stderr?.on('data', hear);
    this.#running.child.stdout?.on('data', hear);
  }

  /** One that may not be ready yet. @param prefix - a program that runs it, with its first arguments. */
  static async launch(prefix: readonly string[] = []): Promise<Daemon> {
    const folder = mkdtempSync(path.join(tmpdir(), 'daemon-'));
    const env = { XDG_RUNTIME_DIR: folder, HOME: folder };
    mkdirSync(path.join(folder, 'share'), { mode: 0o700 });
    await check([buildswarm, 'share', path.join(folder, 'share')], { env });
    return new Daemon(folder, env, prefix);
  }

  /** One that is ready and has joined its share. */
  static async start(prefix: readonly string[] = []): Promise<Daemon> {
    const daemon = await Daemon.launch(prefix);
    await until(() => daemon.#addressSaid(), 10_000, 'the daemon is ready');
    const peers = path.join(daemon.share, '.buildswarm/peers');
    await check(['swarmrun', 'true'], { cwd: daemon.share, env: daemon.env });
    await until(() => readdirSync(peers).length > 0, 5_000, 'it has joined the share');
    return daemon;
  }

  /** All that it has logged. */
  get said(): string {
    return this.#said;
  }

  get pid(): number {
    return this.#running.child.pid ?? 0;
  }

  /** Where its runner listens. */
  get runnerSocket(): string {
    return path.join(path.dirname(this.socket), `run-${this.pid}.sock`);
  }

  get hasExited(): boolean {
    return this.#running.child.exitCode !== null || this.#running.child.signalCode !== null;
  }

  /** Settles when nothing holds its output any more. */
  get ended(): Promise<Ended> {
    return this.#running.ended;
  }

  get address(): string {
    const address = this.#addressSaid();
    assert.ok(address, 'the daemon is ready');
    return address;
  }

  /** The process id of its runner, if that runs. */
  runnerPid(): number | undefined {
    try {
      const children = readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, 'utf8').split(' ');
      const runner = children.find((pid) => commandOf(pid).includes('bin/swarmexec'));
      return runner === undefined ? undefined : Number(runner);
    } catch {
      return undefined; // it has ended
    }
  }

  /** Resident memory, bytes. */
  get residentBytes(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return Number(/VmRSS:\s*(\d+)/.exec(status)?.[1]) * 1024;
  }

  /** CPU time that it has used, ms. */
  get cpuMs(): number {
    const text = readFileSync(`/proc/${this.pid}/stat`, 'utf8');
    const [user = 0, system = 0] = text.slice(text.lastIndexOf(')')).split(' ').slice(12, 14).map(Number);
    return (user + system) * 10;
  }

  /** Fails if it does not answer as it should. */
  async assertWell(): Promise<void> {
    assert.equal(this.#running.child.exitCode, null, 'it runs');
    const status = await check([buildswarm, 'status', '--json'], { env: this.env });
    assert.ok(status.includes('"jobs"'));
  }

  #addressSaid(): string | undefined {
    return /"(\/ip4\/127\.0\.0\.1\/tcp\/\d+)".*"ready"/.exec(this.#said)?.[1];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.hasExited) this.#running.signalGroup('SIGKILL');
    await this.#running.ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}
