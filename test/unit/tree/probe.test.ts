import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appArmorProfile } from '../../../src/native/apparmor-profile.ts';
import { servingCure } from '../../../src/tree/probe.ts';

test('what keeps jobs of other machines away is told with its cure', () => {
  const failed = (step: string): string =>
    `A helper of the served tree did not start: ${step.includes(':') ? step : `${step}: errno 1`}.`;
  const cases = [
    ['device', false, /\/dev\/fuse/],
    ['device', true, /\/dev\/fuse/],
    ['user-namespace', false, /max_user_namespaces/],
    ['user-namespace: errno 28', false, /max_user_namespaces/],
    // A profile of AppArmor that the programs of a user run under.
    ['user-namespace: errno 13', false, /doctor --apparmor .*apparmor_parser.* SELinux/],
    ['mount', false, /container/],
    ['overlay', false, /BUILDSWARM_CACHE/],
    // AppArmor lets a user namespace be made, and then nothing be mounted in it.
    ...['user-namespace', 'mount-namespace', 'mount', 'overlay'].map(
      (step) => [step, true, /doctor --apparmor .*apparmor_parser/] as const,
    ),
    ['process', true, /process: errno 1/],
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
