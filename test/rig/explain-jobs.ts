/** A program that prints, as JSON, what the peer of this machine knows of every job so far: see SwarmRig.explainJobs. */
import { localSocket } from '../../src/cli/local-socket.ts';
import { requestOne } from '../../src/local/client.ts';
import type { Explanation } from '../../src/wire/cli-messages.ts';

const explained: Explanation[] = [];
for (let job = 1; ; job += 1) {
  const { jobs } = await requestOne(localSocket(), { op: 'why', job });
  if (jobs.length === 0) break;
  explained.push(...jobs);
}
process.stdout.write(JSON.stringify(explained));
