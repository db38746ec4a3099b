/** `buildswarm logs`: what the peer of this machine has logged. */
import { closeSync, existsSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { SwarmError } from '../core/swarm-error.ts';
import { visibleField } from '../core/visible.ts';
import { action } from './exit.ts';
import { localSocket } from './local-socket.ts';
import { keptFiles, rotatedPath } from './log-file.ts';
import { jsonLogLine, renderLogLine } from './logs-view.ts';

/** Between two looks whether there is more. */
const followMs = 250;

/** The log of a peer that was started in the background, beside its socket. */
export function logPath(socket: string): string {
  return join(dirname(socket), 'peer.log');
}

/** What Node itself said before the peer ended, if it did: a fault that nothing has caught. */
export function lastWordsPath(log: string): string {
  return log.replace(/\.log$/, '.err');
}

export function addLogs(program: Command): void {
  program
    .command('logs')
    .description('prints what the peer in the background has logged, the oldest first')
    .option('-f, --follow', 'goes on with what it logs from now on, until Ctrl-C')
    .option('--json', 'prints one JSON object a line, for programs')
    .action(
      action(async ({ follow, json }: { follow?: boolean; json?: boolean }) => {
        const path = logPath(localSocket());
        const print = (line: string): void => {
          // What other machines say of themselves goes to a terminal.
          process.stdout.write(`${visibleField(json ? jsonLogLine(line) : renderLogLine(line))}\n`);
        };
        const rotated = Array.from({ length: keptFiles }, (_, index) => rotatedPath(path, keptFiles - index));
        const files = [...rotated, path].filter((file) => existsSync(file));
        if (files.length === 0)
          throw new SwarmError(
            'E_NO_LOG',
            `There is no log at ${path}; a peer that \`buildswarm start\` starts writes there, one of \`daemon\` to stderr.`,
          );
        let end: FileEnd = { inode: 0, sizeBytes: 0 };
        for (const file of files) end = printFrom(file, 0, print);
        const last = lastWordsPath(path);
        if (existsSync(last)) printFrom(last, 0, print);
        if (follow) await goOn(path, end, print);
      }),
    );
}

interface FileEnd {
  readonly inode: number;
  /** Up to which all was printed. */
  readonly sizeBytes: number;
}

/** Prints whole lines from an offset on. */
function printFrom(path: string, fromBytes: number, print: (line: string) => void): FileEnd {
  const descriptor = openSync(path, 'r');
  try {
    const { ino: inode, size } = fstatSync(descriptor);
    const bytes = Buffer.alloc(Math.max(0, size - fromBytes));
    const length = readSync(descriptor, bytes, 0, bytes.length, fromBytes);
    const whole = bytes.subarray(0, length).lastIndexOf('\n') + 1;
    const text = bytes.toString('utf8', 0, whole);
    for (const line of text.split('\n').slice(0, -1)) print(line);
    return { inode, sizeBytes: fromBytes + whole };
  } finally {
    closeSync(descriptor);
  }
}

async function goOn(path: string, from: FileEnd, print: (line: string) => void): Promise<void> {
  let end = from;
  for (;;) {
    await sleep(followMs);
    if (!existsSync(path)) continue; // it is just being rotated, or the peer is starting
    if (statSync(path).ino !== end.inode) {
      const before = rotatedPath(path, 1);
      // What it still got before it was rotated away.
      if (existsSync(before) && statSync(before).ino === end.inode) printFrom(before, end.sizeBytes, print);
      end = { inode: statSync(path).ino, sizeBytes: 0 };
    }
    end = printFrom(path, end.sizeBytes, print);
  }
}
