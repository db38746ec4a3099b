/** Runs `buildswarm accept` on another machine, and says in a sentence what went wrong. */
import { spawn } from 'node:child_process';
import { SwarmError } from '../core/swarm-error.ts';

export interface OverSsh {
  readonly host: string;
  /** Of the user, for ssh. */
  readonly options: readonly string[];
  /** What starts buildswarm there. */
  readonly command: string;
  readonly input: string;
  readonly timeoutMs: number;
}

/** Kept of what it prints. */
const maxBytes = 64 * 1024;
/** ssh's own status for all that is not the command's. */
const sshFailed = 255;
/** A host that does not answer at all; what the user gives for ssh goes before it. */
const connectS = 20;

/**
 * @returns what the command printed.
 * @throws SwarmError `E_PAIRING`: there is no ssh, it did not get there, or the command failed.
 */
export async function runOverSsh(ssh: OverSsh): Promise<string> {
  const args = [...ssh.options, '-T', '-o', `ConnectTimeout=${connectS}`, ssh.host, `${ssh.command} accept`];
  const ended = await run(args, ssh);
  if (ended.status === 0) return ended.stdout;
  throw new SwarmError('E_PAIRING', sentenceOf(ssh, ended));
}

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(args: readonly string[], { host, input, timeoutMs }: OverSsh): Promise<Ended> {
  return await new Promise((resolve, reject) => {
    // What ssh asks, it asks on the terminal itself.
    const child = spawn('ssh', args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    const timer = setTimeout(() => {
      child.kill();
      reject(new SwarmError('E_PAIRING', `ssh to ${host} did not end within ${timeoutMs / 1000} s.`));
    }, timeoutMs);
    child.once('error', (cause: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      const why =
        cause.code === 'ENOENT'
          ? 'There is no ssh in the PATH; install it (openssh-client), or use `buildswarm pair` on both machines.'
          : `ssh could not be started: ${cause.message}.`;
      reject(new SwarmError('E_PAIRING', why, { cause }));
    });
    child.stdout.on('data', (chunk: Buffer) => {
      stdout = (stdout + chunk.toString()).slice(0, maxBytes);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString()).slice(-maxBytes);
      process.stderr.write(chunk);
    });
    child.once('close', (status) => {
      clearTimeout(timer);
      resolve({ status, stdout, stderr });
    });
    child.stdin.on('error', () => undefined); // it ended early: its status tells
    child.stdin.end(input);
  });
}

function sentenceOf({ host, command }: OverSsh, { status, stderr }: Ended): string {
  if (status === sshFailed) return `ssh did not reach ${host}: ${whyNoSsh(stderr)}`;
  if (status === 127 || status === 126)
    return (
      `${host} has no \`${command}\` that commands of ssh can start (it needs node in the PATH, too); ` +
      `install buildswarm there, or say where it is: buildswarm invite --command /path/to/buildswarm ${host}`
    );
  const refusal = /^buildswarm: (.*)$/m.exec(stderr)?.[1];
  if (refusal !== undefined) return `${host} does not accept: ${refusal}`;
  if (/unknown command/.test(stderr))
    return `buildswarm on ${host} is too old and does not know \`accept\`; install this version there.`;
  return `\`${command} accept\` on ${host} ended with status ${status}.`;
}

function whyNoSsh(stderr: string): string {
  if (/IDENTIFICATION HAS CHANGED/.test(stderr))
    return 'its host key is not the one that you have known. If you know why, remove the old one: ssh-keygen -R HOST';
  if (/Host key verification failed/.test(stderr))
    return 'its host key was not confirmed. Run ssh to it once by hand, and compare the key.';
  if (/Permission denied/.test(stderr)) return 'it did not let you in. See that ssh to it works by hand.';
  return 'see what ssh says above.';
}
