/** What opaque commands leave in places of their own for what is temporary, by the program that lists it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ApartPlaces } from '../../src/peer/serve/apart-places.ts';
import { HostedJob } from '../../src/peer/serve/hosted-job.ts';
import { joinNul, toBytes } from '../../src/wire/bytes.ts';
import { createChannelPair } from '../rig/fake-channel.ts';
import { plainOffer } from '../rig/plain-offer.ts';
import { builtPrograms } from '../rig/programs.ts';
import { SubmitterEnd } from '../rig/submitter-end.ts';

test('what cannot be listed as a whole is not sent home in part, and goes all the same', async () => {
  const apart = new ApartPlaces({ program: builtPrograms().swarmjob, socketPath: '/run/kept/socket' });
  const { submitter, worker } = createChannelPair({ submitter: 'a', worker: 'me' });
  const end = new SubmitterEnd('a', submitter);
  const offer = { ...plainOffer('/share'), traced: false };
  const job = new HostedJob('a', worker, { offer, argv: joinNul(['x']), environment: joinNul([]) });
  const { apart: scratch = '' } = apart.begin(job);
  const own = join(toBytes(scratch).toString(), '0/u');
  const deep = `mkdir 'left' or die $!; chdir 'left'; for (1..17) { my $n = 'x' x 250; mkdir $n or die $!; chdir $n or die $! }`;
  execFileSync('perl', ['-e', deep], { cwd: own });
  assert.match(
    (await apart.conclude(job, 0)) ?? '',
    /^it left \/tmp\/left there, which could not be sent: .*ENAMETOOLONG/,
  );
  assert.equal(end.has('WRITTEN'), false);
  assert.equal(existsSync(own), false);
});
