/** A program that prints, as JSON, what the peer of this machine knows of every job so far: see SwarmRig.explainJobs. */
import { localSocket } from '../../src/cli/local-socket.ts';
import { requestOne } from '../../src/local/client.ts';

/** What `buildswarm why` tells of one job. */
export interface Explanation {
  readonly job: number;
  readonly command: string;
  readonly cwd: string;
  /** Name of a machine, or `inline`. */
  readonly place: string;
  readonly ending: string;
  readonly reasons: readonly { readonly reason: string; readonly peer: string }[];
  readonly details: readonly string[];
}

const explained: Explanation[] = [];
for (let job = 1; ; job += 1) {
  const { jobs } = (await requestOne(localSocket(), { op: 'why', job })) as { jobs: Explanation[] };
  if (jobs.length === 0) break;
  explained.push(...jobs);
}
process.stdout.write(JSON.stringify(explained));
