/**
 * Hands in jobs to the peer of this machine as fast as it takes them, from one process: the frames that `swarmrun` sends, by
 * the code of its twin in src/wrapper and src/wire, without a process a job, which would need more CPU than the peer.
 */
import { connect } from 'node:net';
import { localSocket } from '../src/cli/local-socket.ts';
import { fromBytes, joinNul } from '../src/wire/bytes.ts';
import { encodeFrame, FrameDecoder } from '../src/wire/frame.ts';
import { encodeWrapperJob, parseExit } from '../src/wire/wrapper-messages.ts';
import { describeSelf } from '../src/wrapper/self-description.ts';

/** A command, and whether it must not run here, as with `swarmrun --remote`. */
export interface LoadCommand {
  readonly argv: readonly string[];
  readonly force: '' | 'remote';
}

/** How jobs came out. */
export interface LoadCounts {
  elsewhere: number;
  /** Told to run here, which this process does not do: such a job ends at once. */
  here: number;
}

/** The same, where a job may go wrong. */
export interface RateCounts extends LoadCounts {
  /** Without an answer within a minute, dropped, or ended otherwise than with 0. */
  failed: number;
  readonly tookMs: number;
}

const deadlineMs = 60_000;

/** Hands in so many jobs, these commands in turn, so many at a time. @throws Error if one fails */
export async function handIn(
  commands: readonly LoadCommand[],
  jobs: number,
  inFlight: number,
): Promise<LoadCounts> {
  const counts: LoadCounts = { elsewhere: 0, here: 0 };
  let left = jobs;
  await keepInFlight(commands, inFlight, {
    wantsMore: () => left-- > 0,
    ended: (outcome) => {
      if (outcome instanceof Error) throw outcome;
      counts[outcome] += 1;
    },
  });
  return counts;
}

/** Hands in jobs for so long, these commands in turn, so many at a time; waits for the last ones, and goes on if one fails. */
export async function handInFor(
  commands: readonly LoadCommand[],
  ms: number,
  inFlight: number,
): Promise<RateCounts> {
  const counts = { elsewhere: 0, here: 0, failed: 0 };
  const startedMs = performance.now();
  await keepInFlight(commands, inFlight, {
    wantsMore: () => performance.now() - startedMs < ms,
    ended: (outcome) => {
      counts[outcome instanceof Error ? 'failed' : outcome] += 1;
    },
  });
  return { ...counts, tookMs: performance.now() - startedMs };
}

async function keepInFlight(
  commands: readonly LoadCommand[],
  inFlight: number,
  {
    wantsMore,
    ended,
  }: { readonly wantsMore: () => boolean; readonly ended: (outcome: keyof LoadCounts | Error) => void },
): Promise<void> {
  const requests = commands.map(requestOf);
  let begun = 0;
  const oneAfterTheOther = async (): Promise<void> => {
    while (wantsMore()) {
      const request = requests[begun % requests.length];
      begun += 1;
      if (request !== undefined) ended(await runOne(request));
    }
  };
  await Promise.all(Array.from({ length: inFlight }, oneAfterTheOther));
}

/** What `swarmrun` says first, with stdout and stderr as this process has them. */
function requestOf({ argv, force }: LoadCommand): Buffer {
  const environment = Object.entries(process.env).map(([name, value]) => `${name}=${value ?? ''}`);
  const bytes = (words: readonly string[]) => joinNul(words.map((word) => fromBytes(Buffer.from(word))));
  return Buffer.concat([
    encodeFrame('ARGV', bytes(argv)),
    encodeFrame('ENV', bytes(environment)),
    encodeFrame('JOB', encodeWrapperJob(describeSelf(argv, force))),
  ]);
}

function runOne(request: Buffer): Promise<keyof LoadCounts | Error> {
  return new Promise((resolve) => {
    const socket = connect(localSocket());
    const decoder = new FrameDecoder(['INLINE', 'STDIN_TAKEN', 'STDOUT', 'STDERR', 'EXIT', 'BEAT']);
    const end = (outcome: keyof LoadCounts | Error): void => {
      socket.destroy();
      resolve(outcome);
    };
    socket.setTimeout(deadlineMs, () => end(new Error('a job has not ended in time')));
    socket.once('error', end);
    socket.once('close', () => end(new Error('the peer has dropped a job')));
    socket.on('data', (chunk) => {
      for (const { type, payload } of decoder.push(chunk)) {
        if (type === 'INLINE') end('here');
        if (type !== 'EXIT') continue;
        const ending = parseExit(payload);
        const isRight = ending.kind === 'exited' && ending.status === 0;
        end(isRight ? 'elsewhere' : new Error(`a job came out wrong: ${JSON.stringify(ending)}`));
      }
    });
    socket.write(request);
  });
}
