import assert from 'node:assert/strict';
import { test } from 'node:test';
import { foreignFault, mountOf, parseMountInfo } from '../../../src/share/mounts.ts';
import { mountFault } from '../../../src/share/shares.ts';

const text = [
  '20 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard',
  '30 20 0:40 / /home rw,relatime shared:2 - nfs4 server:/home rw,vers=4.2,rsize=131072,hard,proto=tcp,addr=10.0.0.1',
  '31 20 0:41 / /old rw,relatime - nfs server:/old rw,vers=3,acregmin=1,acregmax=2,acdirmin=3,acdirmax=4,hard',
  '32 20 0:42 / /fast rw,relatime - nfs4 server:/fast rw,vers=4.1,nocto,hard',
  '33 20 0:43 / /sync rw,relatime - nfs4 server:/sync rw,sync,vers=4.2,noac,hard',
  '34 30 0:44 / /home/a\\040b\\134c rw - tmpfs none rw',
  '35 20 0:45 / /ro ro,relatime - nfs4 server:/ro rw,vers=4.2',
  'nonsense',
  '',
].join('\n');
const mounts = parseMountInfo(text);
const at = (path: string) => mountOf(mounts, path);

test('mounts of NFS say version, attribute times and options', () => {
  const home = at('/home/user/src');
  assert.equal(home?.fsType, 'nfs4');
  assert.equal(home?.nfsVersion, '4.2');
  assert.deepEqual([home?.isNetwork, home?.nocto, home?.acdirmaxS, home?.acregmaxS], [true, false, 60, 60]);
  assert.deepEqual([at('/old')?.nfsVersion, at('/old')?.acdirmaxS, at('/old')?.acregmaxS], ['3', 4, 2]);
  assert.deepEqual([at('/sync/x')?.acdirmaxS, at('/sync/x')?.acregmaxS], [0, 0], 'noac keeps nothing');
  assert.equal(at('/usr/include')?.isNetwork, false);
  assert.equal(mounts.length, 7, 'lines that are not understood are left out');
});

test('names of mount points are unescaped, and only whole names count', () => {
  assert.equal(at('/home/a b\\c/x')?.fsType, 'tmpfs');
  assert.equal(at('/home2')?.id, 20);
  assert.equal(at('/homes')?.mountPoint, '/');
});

test('a mount that a later one hides is not taken', () => {
  const stacked = parseMountInfo(
    [
      '20 1 1:0 / / rw - ext4 /dev/a rw',
      '21 20 0:1 / /m/inner rw - nfs4 s:/a rw,vers=4.2',
      '22 20 0:2 / /m rw - ext4 /dev/b rw',
      '23 22 0:3 / /m rw - xfs /dev/c rw',
    ].join('\n'),
  );
  assert.equal(mountOf(stacked, '/m/inner/x')?.id, 23);
  assert.equal(mountOf(stacked, '/m')?.id, 23);
  assert.equal(mountOf(stacked, '/n')?.id, 20);
});

test('mounts in a container, whose root has a parent that is not listed, are found', () => {
  const inside = parseMountInfo(
    '700 650 0:9 / / rw - overlay overlay rw\n701 700 0:10 / /src rw - nfs s:/x rw,vers=3',
  );
  assert.equal(mountOf(inside, '/src/a')?.id, 701);
  assert.equal(mountOf([], '/src/a'), undefined);
});

test('what cannot be refreshed or written is refused with the way out', () => {
  assert.match(mountFault(at('/fast')) ?? '', /nocto.*remount/);
  assert.match(mountFault(at('/ro')) ?? '', /read-only/);
  assert.equal(mountFault(at('/home')), undefined);
  assert.notEqual(mountFault(undefined), undefined);
});

test('no stranger leads into names of the kernel, nor where others choose what is mounted', () => {
  const table = parseMountInfo(
    [
      '20 1 1:0 / / rw - ext4 /dev/a rw',
      '21 20 0:1 / /proc rw - proc proc rw',
      '22 20 0:2 / /jail/proc rw - proc proc rw',
      '23 20 0:3 / /net rw - autofs -hosts rw,indirect',
      '24 20 0:4 / /home rw - autofs auto.home rw,indirect',
      '25 20 0:5 / /mnt/u rw - fuse.sshfs mallory@h:/ rw,user_id=4711',
    ].join('\n'),
  );
  const fault = (path: string) => foreignFault(table, path, 1000);
  for (const path of [
    '/proc/self/root/x',
    '/proc',
    '/sys/x',
    '/dev/fd/3',
    '/jail/proc/1/cwd',
    '/net/evil/x',
    '/mnt/u/x',
  ])
    assert.notEqual(fault(path), undefined, path);
  for (const path of ['/home/me/x', '/process/x', '/developer', '/x'])
    assert.equal(fault(path), undefined, path);
});
