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

/** What becomes of what a script of Perl leaves in a job's own /tmp. */
async function concluded(
  script: string,
): Promise<{ why: string | undefined; isSent: boolean; isLeft: boolean }> {
  const apart = new ApartPlaces({ program: builtPrograms().swarmjob, socketPath: '/run/kept/socket' });
  const { submitter, worker } = createChannelPair({ submitter: 'a', worker: 'me' });
  const end = new SubmitterEnd('a', submitter);
  const offer = { ...plainOffer('/share'), traced: false };
  const job = new HostedJob('a', worker, { offer, argv: joinNul(['x']), environment: joinNul([]) });
  const { apart: scratch = '' } = apart.begin(job);
  const own = join(toBytes(scratch).toString(), '0/u');
  execFileSync('perl', ['-e', script], { cwd: own });
  const why = await apart.conclude(job, 0);
  return { why, isSent: end.has('WRITTEN'), isLeft: existsSync(own) };
}

const setxattr = process.arch === 'x64' ? 188 : 5;

for (const [what, script, error] of [
  [
    'cannot be listed as a whole',
    `mkdir 'left' or die $!; chdir 'left'; for (1..17) { my $n = 'x' x 250; mkdir $n or die $!; chdir $n or die $! }`,
    'ENAMETOOLONG',
  ],
  [
    'has attributes that do not travel',
    `open(F, '>', 'left'); my ($f, $n, $v) = ('left', 'user.kept', 'yes'); syscall(${setxattr}, $f, $n, $v, 3, 0) == 0 or die $!`,
    'extended attributes',
  ],
] as const)
  test(`what ${what} is not sent home in part, and goes all the same`, async () => {
    const { why, isSent, isLeft } = await concluded(script);
    assert.match(why ?? '', new RegExp(`^it left /tmp/left there, which could not be sent: .*${error}`));
    assert.deepEqual([isSent, isLeft], [false, false]);
  });

test('an access list that all get there is no attribute of its own', async () => {
  const entries = [
    [1, 7, 0xffffffff],
    [2, 7, 1000],
    [4, 7, 0xffffffff],
    [16, 7, 0xffffffff],
    [32, 5, 0xffffffff],
  ];
  const list = `pack('V', 2) . ${entries.map((entry) => `pack('vvV', ${entry.join(', ')})`).join(' . ')}`;
  const script = `my ($f, $n, $v) = ('.', 'system.posix_acl_default', ${list});
    syscall(${setxattr}, $f, $n, $v, length $v, 0) == 0 or die $!; open(F, '>', 'left')`;
  assert.deepEqual(await concluded(script), { why: undefined, isSent: true, isLeft: false });
});
