/**
 * Looks at many paths in programs of our own (src/native/swarmlook), which do it at a tenth of what a thread of Node takes.
 * They are kept as threads are, see ./hanging-pool.ts; one that hangs is killed, and dies when the file server comes back.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { DiskError } from './disk-error.ts';
import { HangingPool, type Servant, type ServantEvents } from './hanging-pool.ts';
import { type LookRequest, type Looks, packRequest, parseLooks } from './look-answer.ts';
import { type Answers, packQuestions, parseAnswers, type Questions } from './question-answer.ts';
import { packWalk, parseWalked, type Walked, type WalkRequest } from './walk-answer.ts';

/** Length and errno. */
const headBytes = 8;

export interface LookerOptions {
  /** swarmlook, compiled. */
  readonly program: string;
  /** That work at the same time. @default 4 */
  readonly maxPrograms?: number;
  /** That hang besides; beyond that, requests fail at once. @default 12 */
  readonly maxHung?: number;
}

/** Where the package has it, unless it could not be compiled. */
export function lookProgramIn(packageRoot: string): string | undefined {
  const program = join(packageRoot, 'bin', 'swarmlook');
  return existsSync(program) ? program : undefined;
}

/** A request, with what reads its answer. */
interface Asked<Answer = unknown> {
  readonly request: Buffer;
  readonly parse: (answer: Buffer) => Answer;
}

/** The programs that look for a peer. {@link Looker.close} ends them. */
export class Looker {
  readonly #programs: HangingPool<Asked, unknown>;

  constructor({ program, maxPrograms = 4, maxHung = 12 }: LookerOptions) {
    this.#programs = new HangingPool({
      maxServants: maxPrograms,
      maxHung,
      start: (events) => startProgram(program, events),
    });
  }

  /** @throws DiskError with the errno's name, or `HUNG` if `timeoutMs` passed, the wait for a program included. */
  look(request: LookRequest, timeoutMs: number): Promise<Looks> {
    const asked = {
      request: packRequest(request),
      parse: (answer: Buffer): Looks => parseLooks(answer, request),
    };
    return this.#programs.run(asked, 'a look', timeoutMs) as Promise<Looks>;
  }

  /** Links among what is looked at anew are told as they are, not with what they lead to. @throws as look */
  ask(questions: Questions, timeoutMs: number): Promise<Answers> {
    const asked = {
      request: packQuestions(questions),
      parse: (answer: Buffer): Answers => parseAnswers(answer, questions),
    };
    return this.#programs.run(asked, 'a look', timeoutMs) as Promise<Answers>;
  }

  /** Links among what changed are told as they are, not with what they lead to. @throws as look */
  walk(request: WalkRequest, timeoutMs: number): Promise<Walked> {
    const asked = { request: packWalk(request), parse: parseWalked };
    return this.#programs.run(asked, 'a walk', timeoutMs) as Promise<Walked>;
  }

  /** Has a request answered that somebody else packs. @throws as look */
  take<Answer>(asked: Asked<Answer>, what: string, timeoutMs: number): Promise<Answer> {
    return this.#programs.run(asked, what, timeoutMs) as Promise<Answer>;
  }

  close(): Promise<void> {
    return this.#programs.close();
  }
}

function startProgram(path: string, events: ServantEvents<unknown>): Servant<Asked> {
  const child: ChildProcess = spawn(path, [], { stdio: ['pipe', 'pipe', 'ignore'], cwd: '/', env: {} });
  const received: Buffer[] = [];
  let receivedBytes = 0;
  let asked: Asked | undefined;
  const lost = (why: string): void => {
    child.kill('SIGKILL');
    events.onLost(`${path}: ${why}`);
  };
  // Both are missing where it could not be started for want of descriptors, whatever their types say.
  child.stdout?.on('data', (data: Buffer) => {
    received.push(data);
    receivedBytes += data.length;
    if (receivedBytes < headBytes) return;
    const answer = received.length === 1 ? data : Buffer.concat(received);
    received.splice(0, Infinity, answer);
    if (receivedBytes < 4 + answer.readUInt32LE(0)) return;
    received.length = 0;
    receivedBytes = 0;
    if (asked !== undefined) events.onAnswer(readAnswer(answer, asked));
  });
  // Told by 'exit' and 'error' as well, but a write to who is gone must not be an uncaught error.
  child.stdin?.on('error', (error) => lost(error.message));
  child.on('error', (error) => lost(error.message));
  child.on('exit', (status, signal) => lost(`${status ?? signal}`));
  return {
    ask: (request) => {
      asked = request;
      child.stdin?.write(request.request);
    },
    setAside: () => child.kill('SIGKILL'),
    end: () => child.kill('SIGKILL'),
  };
}

function readAnswer(answer: Buffer, { parse }: Asked): unknown {
  const errno = answer.readInt32LE(4);
  if (errno !== 0) {
    const code = Object.entries(constants.errno).find(([, number]) => number === errno)?.[0];
    const path = answer.toString('utf8', headBytes);
    return new DiskError(`${path} cannot be looked at: ${code ?? `errno ${errno}`}`, code ?? 'INTERNAL');
  }
  try {
    return parse(answer.subarray(headBytes));
  } catch (error) {
    return error; // not what was asked: that look fails, the next may be well
  }
}
