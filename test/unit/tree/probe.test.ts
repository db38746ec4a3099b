import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appArmorProfile } from '../../../src/native/apparmor-profile.ts';
import { servingCure } from '../../../src/tree/probe.ts';

test('what keeps jobs of other machines away is told with its cure', () => {
  const failed = (step: string): string => `A helper of the served tree did not start: ${step}: errno 13.`;
  const cases = [
    ['device', false, /\/dev\/fuse/],
    ['device', true, /\/dev\/fuse/],
    ['user-namespace', false, /max_user_namespaces/],
    ['mount', false, /container/],
    ['overlay', false, /BUILDSWARM_CACHE/],
    // AppArmor lets a user namespace be made, and then nothing be mounted in it.
    ...['user-namespace', 'mount-namespace', 'mount', 'overlay'].map(
      (step) => [step, true, /doctor --apparmor .*apparmor_parser/] as const,
    ),
    ['process', true, /process: errno 13/],
  ] as const;
  for (const [step, isRestricted, cure] of cases) assert.match(servingCure(failed(step), isRestricted), cure);
});

test('the profile names the helpers where they lie', () => {
  const profile = appArmorProfile('/opt/build swarm/bin');
  assert.match(
    profile,
    /^profile \S+ "\/opt\/build swarm\/bin\/\{swarmfs,swarmjob\}" flags=\(unconfined\) \{\n {2}userns,$/m,
  );
});
