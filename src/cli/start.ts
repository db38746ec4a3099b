/** `buildswarm start`: the peer in the background, ready when this returns. */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { SwarmError } from '../core/swarm-error.ts';
import { prepareSocketDirectory } from '../local/socket-path.ts';
import { refuseTaken } from '../local/socket-taken.ts';
import { packageRoot } from '../machine/package-root.ts';
import { buildPrograms } from '../native/build.ts';
import type { Flags } from '../peer/settings.ts';
import { action } from './exit.ts';
import { presentSockets } from './local-socket.ts';
import { lastWordsPath, logPath } from './logs.ts';
import { addPeerFlags, settingsOf } from './peer-flags.ts';
import { Progress } from './progress.ts';

/** A first start may compile the wrapper, on a machine that has much else to do; a peer itself is ready in well under a second. */
const startTimeoutMs = 60_000;

export function addStart(program: Command): void {
  addPeerFlags(program.command('start'))
    .description('starts the peer in the background; returns when it is ready')
    .action(
      action(async (flags: Flags) => {
        using progress = new Progress('starting the peer:');
        const settings = await settingsOf(flags);
        await buildMissing();
        // Before its files are touched: a peer that runs has its last words there, not those of one that cannot start beside it.
        for (const path of presentSockets()) await refuseTaken(path);
        prepareSocketDirectory(settings.socketPath, process.getuid?.() ?? 0);
        const log = logPath(settings.socketPath);
        closeInherited();
        progress.text = `waiting until the peer is ready (log: ${log}):`;
        const answer = await launch(log);
        if (answer !== 'ready\n') {
          throw new SwarmError(
            'E_NOT_STARTED',
            `${answer.trim() || `The peer ended before it was ready.`} (log: ${log})`,
          );
        }
      }),
    );
}

/** Where `npm run build` could not run, the wrapper and the runner are made now. */
async function buildMissing(): Promise<void> {
  if (existsSync(join(packageRoot, 'bin', 'swarmrun'))) return;
  try {
    await buildPrograms({ root: packageRoot });
  } catch (cause) {
    throw new SwarmError(
      'E_NOT_STARTED',
      `bin/swarmrun is missing and cannot be built here (${String(cause)}); run \`npm run build\` in ${packageRoot}.`,
      { cause },
    );
  }
}

async function launch(log: string): Promise<string> {
  // The log itself rotates, so that it is the peer that opens it.
  const descriptor = openSync(lastWordsPath(log), 'w', 0o600);
  const child = spawn(
    process.execPath,
    // With the same flags of Node as this process, which are those of bin/buildswarm.
    [...process.execArgv, join(packageRoot, 'bin', 'buildswarm'), 'daemon', ...process.argv.slice(3)],
    {
      detached: true,
      cwd: '/',
      stdio: ['ignore', descriptor, descriptor, 'pipe'],
      // As in bin/buildswarm
      env: { MALLOC_ARENA_MAX: '2', ...process.env, BUILDSWARM_READY_FD: '3', BUILDSWARM_LOG: log },
    },
  );
  closeSync(descriptor);
  const pipe = child.stdio[3] as NodeJS.ReadableStream;
  return await new Promise<string>((resolve, reject) => {
    let answer = '';
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(
        new SwarmError('E_NOT_STARTED', `The peer was not ready after ${startTimeoutMs} ms; see ${log}.`),
      );
    }, startTimeoutMs);
    const done = (): void => {
      clearTimeout(timer);
      child.unref();
      (pipe as unknown as { destroy(): void }).destroy();
      resolve(answer);
    };
    pipe.on('data', (chunk: Buffer) => {
      answer += chunk.toString('utf8');
      if (answer.endsWith('\n')) done();
    });
    pipe.on('end', done);
    child.once('error', (cause) => {
      clearTimeout(timer);
      reject(new SwarmError('E_NOT_STARTED', `The peer could not be started: ${cause.message}.`, { cause }));
    });
  });
}

/**
 * Closes what this process was given above stderr, so that the peer does not keep a pipe of the caller open (ninja and
 * make wait for the end of theirs). Node's own descriptors are close-on-exec; what is not was inherited.
 */
function closeInherited(): void {
  for (const name of readdirSync('/proc/self/fd')) {
    const descriptor = Number(name);
    if (descriptor <= 2) continue;
    try {
      const info = readFileSync(`/proc/self/fdinfo/${name}`, 'latin1');
      const flags = Number.parseInt(/flags:\s*(\d+)/.exec(info)?.[1] ?? '0', 8);
      if ((flags & 0o2000000) === 0) closeSync(descriptor);
    } catch {
      // The descriptor of this very listing: gone by now.
    }
  }
}
