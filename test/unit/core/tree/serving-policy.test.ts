import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type WorkingPlace, writableAreas } from '../../../../src/core/tree/serving-policy.ts';

const ann: WorkingPlace = {
  realPath: '/home/ann/project/build',
  owned: ['/home/ann', '/home/ann/project', '/home/ann/project/build'],
  home: '/home/ann',
  temporary: ['/tmp', '/var/tmp'],
  isRoot: false,
};

test('a job may write below the topmost directory of its user, but not all of the home directory', () => {
  assert.deepEqual(writableAreas(ann), ['/home/ann/project', '/tmp', '/var/tmp']);
  const disk = { ...ann, realPath: '/data/ann/a/b', owned: ['/data/ann', '/data/ann/a', '/data/ann/a/b'] };
  assert.deepEqual(writableAreas(disk), ['/data/ann', '/tmp', '/var/tmp']);
  // A directory of somebody else between two of the user's is passed.
  assert.deepEqual(writableAreas({ ...ann, owned: ['/home/ann', '/home/ann/project/build'] }), [
    '/home/ann/project/build',
    '/tmp',
    '/var/tmp',
  ]);
});

test('a job in a share may write in all of it', () => {
  const share = { ...ann, share: '/home/ann/project/build' };
  assert.deepEqual(writableAreas(share), ['/home/ann/project/build', '/tmp', '/var/tmp']);
  assert.deepEqual(writableAreas({ ...share, share: '/opt/p', realPath: '/opt/p/a' })[0], '/opt/p');
});

test('a job that works among temporary files writes below these alone', () => {
  const place = { ...ann, realPath: '/var/tmp/x', owned: ['/var/tmp/x'] };
  assert.deepEqual(writableAreas(place), ['/var/tmp', '/tmp']);
  // Where one leads to the other there is one.
  assert.deepEqual(writableAreas({ ...place, realPath: '/tmp/x', temporary: ['/tmp'] }), ['/tmp']);
  // What lies below the project belongs to it.
  assert.deepEqual(writableAreas({ ...ann, temporary: ['/tmp', '/home/ann/project/tmp'] }), [
    '/home/ann/project',
    '/tmp',
  ]);
});

test('a job in the home directory itself, among system files or among others’ files may write nowhere', () => {
  assert.match(
    String(writableAreas({ ...ann, realPath: '/home/ann', owned: ['/home/ann'] })),
    /home directory itself/,
  );
  assert.match(String(writableAreas({ ...ann, realPath: '/usr/src', owned: [] })), /directory of the system/);
  assert.match(String(writableAreas({ ...ann, realPath: '/', owned: [] })), /directory of the system/);
  assert.match(String(writableAreas({ ...ann, realPath: '/data/bob', owned: [] })), /another user/);
});

test('of root only what lies in a top-level directory is taken for a project', () => {
  const root = { ...ann, home: '/root', isRoot: true };
  assert.deepEqual(
    writableAreas({ ...root, realPath: '/srv/p/sub', owned: ['/', '/srv', '/srv/p', '/srv/p/sub'] }),
    ['/srv/p', '/tmp', '/var/tmp'],
  );
  assert.deepEqual(writableAreas({ ...root, realPath: '/work', owned: ['/', '/work'] }), [
    '/work',
    '/tmp',
    '/var/tmp',
  ]);
  assert.deepEqual(writableAreas({ ...root, realPath: '/root/p', owned: ['/', '/root', '/root/p'] }), [
    '/root/p',
    '/tmp',
    '/var/tmp',
  ]);
  assert.equal(typeof writableAreas({ ...root, realPath: '/root', owned: ['/', '/root'] }), 'string');
});

test('a job in what no worker is shown may write nowhere, in a share too', () => {
  for (const [realPath, closed] of [
    ['/dev/shm/build', '/dev'],
    ['/run/user/1000', '/run'],
    ['/home/ann/project/.docker/image', '.docker'],
    ['/home/ann/.config/gh', '.config/gh'],
  ] as const) {
    const place = { ...ann, realPath, owned: [realPath] };
    assert.equal(writableAreas(place), `what lies in ${closed} is never shown to workers`);
    assert.equal(writableAreas({ ...place, share: realPath }), writableAreas(place));
  }
  const like = { ...ann, realPath: '/home/ann/run/.dockers', owned: ['/home/ann/run'] };
  assert.deepEqual(writableAreas(like)[0], '/home/ann/run');
});
