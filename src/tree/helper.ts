/** A helper program that speaks frames on its stdin and stdout, as both ends of a served tree have one. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { SwarmError } from '../core/swarm-error.ts';
import {
  encodeFrame,
  type Frame,
  FrameDecoder,
  type FrameName,
  type PayloadArguments,
} from '../wire/frame.ts';
import { parseTreeReady } from '../wire/tree-messages.ts';

const startTimeoutMs = 10_000;
const endTimeoutMs = 3_000;

export interface HelperOptions {
  /** Path of the program. */
  readonly program: string;
  /** @default none */
  readonly words?: readonly string[];
  /** Frames that it may send; any other ends it. */
  readonly allowed: readonly FrameName[];
  readonly onFrame: (frame: Frame) => void;
  /** It ended though nobody stopped it; called once. */
  readonly onLost: (why: string) => void;
}

/** Ends with its program; {@link Helper.close} ends that. */
export class Helper {
  readonly #child: ChildProcess;
  readonly #decoder: FrameDecoder;
  readonly #options: HelperOptions;
  #closing = false;
  #over = false;

  constructor(options: HelperOptions) {
    this.#options = options;
    this.#decoder = new FrameDecoder(options.allowed);
    this.#child = spawn(options.program, options.words ?? [], {
      stdio: ['pipe', 'pipe', 'inherit'],
      cwd: '/',
      env: {},
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => this.#take(chunk));
    // Told by 'exit' and 'error' as well, but a write to a program that is gone must not be an uncaught error.
    this.#child.stdin?.on('error', (error) => this.lose(error.message));
    this.#child.on('error', (error) => this.lose(error.message));
    this.#child.on('exit', (status, signal) => this.lose(signal ?? `status ${status}`));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** What is sent in one turn leaves as one, so that it is answered as one. */
  send<Type extends FrameName>(type: Type, ...rest: PayloadArguments<Type>): void {
    // Where there is no descriptor left there is none, whatever its type says.
    const stdin = this.#child.stdin ?? undefined;
    if (this.#over || stdin === undefined) return;
    if (stdin.writableCorked === 0) {
      stdin.cork();
      process.nextTick(() => stdin.uncork());
    }
    stdin.write(encodeFrame(type, ...rest));
  }

  /** What it says when it is up; one that does not come up is ended. @throws SwarmError `E_TREE` */
  async ready(readiness: Readiness): Promise<ReadonlyMap<string, string>> {
    try {
      return await readiness.promise;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Ends the program; resolves when it is gone. */
  async close(): Promise<void> {
    this.#closing = true;
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined)
      return;
    const gone = once(this.#child, 'exit');
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), endTimeoutMs);
    await gone;
    clearTimeout(timer);
  }

  #take(chunk: Buffer): void {
    try {
      for (const frame of this.#decoder.push(chunk)) this.#options.onFrame(frame);
    } catch (error) {
      this.lose(`it said what it should not: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** It is of no use any more: kills it, and tells why unless it was being closed. */
  lose(why: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#child.kill('SIGKILL');
    if (!this.#closing) this.#options.onLost(why);
  }
}

/** Gives each request a number, and hands its answer to who asked. */
export class Requests<Answer> {
  readonly #waiting = new Map<
    number,
    { resolve: (answer: Answer) => void; reject: (error: Error) => void }
  >();
  #next = 1;
  #lost: SwarmError | undefined;

  /** @throws SwarmError `E_TREE` if the helper is lost, or does not answer in time. */
  async ask(timeoutMs: number, send: (id: number) => void): Promise<Answer> {
    if (this.#lost !== undefined) throw this.#lost;
    const id = this.#next;
    this.#next = (this.#next % 0x7fff_ffff) + 1;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<Answer>((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject });
        timer = setTimeout(
          () =>
            reject(
              new SwarmError('E_TREE', `A helper of the served tree did not answer in ${timeoutMs} ms.`),
            ),
          timeoutMs,
        );
        send(id);
      });
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  /** Whether an answer is waited for. */
  get isAsked(): boolean {
    return this.#waiting.size > 0;
  }

  answer(id: number, answer: Answer): void {
    this.#waiting.get(id)?.resolve(answer);
  }

  lose(why: string): void {
    this.#lost = new SwarmError('E_TREE', `A helper of the served tree is gone: ${why}.`);
    for (const { reject } of this.#waiting.values()) reject(this.#lost);
  }
}

/** Resolves with what a helper says when it is up; the first frame settles it. */
export class Readiness {
  readonly #promise: Promise<ReadonlyMap<string, string>>;
  #settle: (result: ReadonlyMap<string, string> | SwarmError) => void = () => {};

  constructor(program: string) {
    this.#promise = new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.#settle(new SwarmError('E_TREE', `${program} did not start in ${startTimeoutMs} ms.`)),
        startTimeoutMs,
      );
      this.#settle = (result) => {
        clearTimeout(timer);
        if (result instanceof SwarmError) reject(result);
        else resolve(result);
      };
    });
  }

  get promise(): Promise<ReadonlyMap<string, string>> {
    return this.#promise;
  }

  frame(payload: Uint8Array): void {
    const ready = parseTreeReady(payload);
    const step = ready.get('failed');
    if (step === undefined) this.#settle(ready);
    else this.fail(`${step}: errno ${ready.get('errno')}`);
  }

  fail(why: string): void {
    this.#settle(new SwarmError('E_TREE', `A helper of the served tree did not start: ${why}.`));
  }
}
