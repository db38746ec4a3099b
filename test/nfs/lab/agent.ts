/** Runs on each client of the NFS lab: runs shell commands for the tests, as sshd would. Listens in the lab only. */
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';

/** What a test sends, as a line of JSON, to have a command run. */
export interface GuestCommand {
  readonly command: string;
  /** Then it is killed. */
  readonly timeoutMs: number;
}

/** The answer, a line of JSON, when the command has ended and closed its outputs. */
export interface GuestEnd {
  /** 128 and the number of the signal, where one ended it; as a shell says it. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

const signalNumbers = new Map(Object.entries(constants.signals));

/** It may have ended, while what it left in other groups has not: that is no error of this program, which all tests need. */
function killGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, 'SIGKILL');
  } catch {
    return;
  }
}

function runCommand({ command, timeoutMs }: GuestCommand): Promise<GuestEnd> {
  return new Promise((resolve) => {
    const child = spawn('bash', ['-c', command], { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    const end = (status: number): void => {
      clearTimeout(timer);
      resolve({ status, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() });
    };
    const timer = setTimeout(() => {
      stderr.push(Buffer.from(`killed after ${timeoutMs} ms\n`));
      killGroup(child.pid);
      // What it left in a group of its own may keep its outputs open for ever: they are not waited for.
      end(128 + constants.signals.SIGKILL);
      child.stdout.destroy();
      child.stderr.destroy();
    }, timeoutMs);
    child.on('error', (error) => {
      stderr.push(Buffer.from(`${error.message}\n`));
      end(127);
    });
    child.on('close', (status, signal) => end(status ?? 128 + (signalNumbers.get(signal ?? '') ?? 0)));
  });
}

createServer((socket) => {
  // One command a connection; a caller that has gone away needs no answer.
  socket.on('error', () => socket.destroy());
  createInterface({ input: socket }).once('line', (line) => {
    void runCommand(JSON.parse(line) as GuestCommand).then((end) => socket.end(JSON.stringify(end)));
  });
}).listen(Number(process.argv[2]));
