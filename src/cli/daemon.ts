/** `buildswarm daemon`: the peer in the foreground. */
import { writeSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import type { Command } from 'commander';
import { type Logger, pino } from 'pino';
import { SwarmError } from '../core/swarm-error.ts';
import type { ViewRules } from '../core/view/rules.ts';
import { visibleJson } from '../core/visible.ts';
import type { Flags } from '../peer/settings.ts';
import { fail } from './exit.ts';
import { LogFile } from './log-file.ts';
import { addPeerFlags, settingsOf } from './peer-flags.ts';

/** Set by `start`: the descriptor on which it waits for `ready` or an error. */
const readyVariable = 'BUILDSWARM_READY_FD';
/** Set by `start`: the file to log to; otherwise the log goes to stderr. */
const logVariable = 'BUILDSWARM_LOG';

export function addDaemon(program: Command): void {
  addPeerFlags(program.command('daemon'))
    .description('runs the peer in the foreground, for systemd; logs to stderr')
    .action((flags: Flags) => runDaemon(flags));
}

/**
 * By how much, in percent, what is kept may have grown before V8 looks for what can go. By itself it waits until that has doubled or
 * more, so that a peer would keep several times what it needs.
 */
const heapGrowth = 25;

/**
 * After so many calls V8's quick optimizer takes a function, if it has one that is on by itself. It waits for 400 otherwise, and 500 more after
 * something new was seen: most functions of a peer are called once a job, and for its first thousand jobs that took a tenth more.
 */
const callsBeforeOptimized = 20;
const firstV8WithQuickOptimizer = 13;

/**
 * Bytes that small buffers share, as on Node 20; on 24 they are eight times as many. One that outlives a collection of young objects keeps all of
 * them: memory outside of V8's heap grew by 0.5 MB from one to the next, and by 0.07 with this (measured).
 */
const sharedByBuffers = 8_192;

/**
 * Runs a peer in this process until it is stopped, and ends the process with it.
 *
 * @param rules - what its views take for proof; only tests give others.
 */
export async function runDaemon(flags: Flags, rules?: ViewRules): Promise<void> {
  setFlagsFromString(`--heap-growing-percent=${heapGrowth}`);
  if (Number.parseInt(process.versions.v8, 10) >= firstV8WithQuickOptimizer) {
    setFlagsFromString(`--invocation-count-for-maglev=${callsBeforeOptimized}`);
    setFlagsFromString(`--minimum-invocations-after-ic-update=${callsBeforeOptimized}`);
  }
  Buffer.poolSize = sharedByBuffers;
  const tell = readyTeller();
  const destination = openLog();
  const log = pino(
    { level: process.env['BUILDSWARM_DEBUG'] === '1' ? 'debug' : 'info', base: null },
    // What other machines say is logged, and logs are read in terminals.
    { write: (line) => destination.write(visibleJson(line)) },
  );
  const faults = new Faults(log);
  // A fault of ours in one job must not take the others along; that one job has its deadlines.
  process.on('unhandledRejection', (reason) => faults.add(reason));
  try {
    // Loaded here only: the other commands have no need of libp2p, which takes longer to load than they to run.
    const { createPeer } = await import('../peer/peer.ts');
    const peer = await createPeer(await settingsOf(flags), log, { rules, faults: () => faults.count });
    // Its parts hear of their own errors; this is for what nobody thought of. Only its own decision ends a peer.
    process.on('uncaughtException', (error) => faults.add(error));
    let asked = 0;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        asked += 1;
        peer.stop({ now: signal === 'SIGINT' || asked > 1 });
      });
    }
    tell('ready\n');
    // So that a service manager starts again what was lost, and leaves alone what was stopped.
    const end = await peer.ended;
    await destination.close();
    process.exit(end === 'asked' ? 0 : 1);
  } catch (error) {
    if (error instanceof SwarmError) tell(`${error.message}\n`);
    else tell(`The peer ended with a fault of its own: ${String(error)}\n`);
    fail(error);
    await destination.close();
    process.exit();
  }
}

/** Faults that no part of the peer has heard of: counted, and told in the log once a second at most. */
class Faults {
  count = 0;
  readonly #log: Logger;
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(log: Logger) {
    this.#log = log;
  }

  add(fault: unknown): void {
    this.count += 1;
    const nowMs = performance.now();
    if (nowMs - this.#toldMs < 1_000) return;
    this.#toldMs = nowMs;
    const error = fault instanceof Error ? (fault.stack ?? String(fault)) : String(fault);
    this.#log.error({ error, count: this.count }, 'internal fault');
  }
}

interface LogDestination {
  write(line: string): void;
  close(): Promise<void>;
}

function openLog(): LogDestination {
  const path = process.env[logVariable];
  delete process.env[logVariable];
  if (path?.startsWith('/')) return new LogFile(path);
  const destination = pino.destination({ dest: 2, sync: true });
  // A full disk must not end the peer: then it goes on without words.
  destination.on('error', () => undefined);
  return {
    write: (line) => destination.write(line),
    close: () => Promise.resolve(),
  };
}

function readyTeller(): (text: string) => void {
  const descriptor = Number(process.env[readyVariable]);
  delete process.env[readyVariable];
  if (!Number.isInteger(descriptor) || descriptor < 3) return () => undefined;
  return (text) => {
    try {
      writeSync(descriptor, text);
    } catch {
      // `start` was interrupted and nobody listens: the peer runs all the same.
    }
  };
}
