import assert from 'node:assert/strict';
import { test } from 'node:test';
import { foreignFault, parseMountInfo } from '../../../src/share/mounts.ts';

const mounts = parseMountInfo(
  [
    '1 0 8:1 / / rw - ext4 /dev/sda1 rw',
    '2 1 0:40 / /home rw - autofs /etc/auto.home rw',
    '3 2 0:41 / /home/ann rw - nfs4 filer:/home/ann rw,vers=4.2',
    '4 1 0:42 / /net rw - autofs -hosts rw',
    '5 4 0:43 / /net/evil/export rw - nfs4 evil:/export rw,vers=4.2',
    '6 1 0:44 / /any rw - autofs /etc/auto.net rw',
    '7 1 0:45 / /afs rw - afs none rw',
    '8 1 0:46 / /home2/mallory/m rw - fuse.sshfs evil: rw,user_id=1002,allow_other',
    '9 1 0:47 / /home2/ann/m rw - fuse.sshfs filer: rw,user_id=1001',
    '10 1 0:48 / /ceph rw - fuse.ceph ceph rw,user_id=0,allow_other',
  ].join('\n'),
);

test('a stranger names no place where it may decide what is mounted, and so who owns the files', () => {
  for (const path of [
    '/net/evil/export',
    '/net/other',
    '/any/evil',
    '/afs/evil.org/share',
    '/home2/mallory/m/x',
  ])
    assert.ok(foreignFault(mounts, path, 1001) !== undefined, path);
  for (const path of ['/home/ann/src', '/home/bob', '/home2/ann/m/src', '/ceph/x', '/srv/net', '/network'])
    assert.equal(foreignFault(mounts, path, 1001), undefined, path);
});
