import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import {
  checkMember,
  listMembers,
  type Member,
  removeMemberFile,
  sweepMembers,
  writeMemberFile,
} from '../../src/share/members.ts';
import { sharedRig } from './share-rig.ts';

const peerId = `12D3KooW${'a'.repeat(44)}`;
const publicKey = Buffer.alloc(36, 7).toString('base64');
const member: Member = { peerId, publicKey, host: 'one', addresses: ['/ip4/10.0.0.1/tcp/4001'] };
const isRoot = process.getuid?.() === 0;

async function memberRig() {
  const rig = await sharedRig();
  assert.deepEqual(await writeMemberFile(rig.disk, rig.root, member), { ok: true });
  return { ...rig, file: join(rig.peers, peerId) };
}

/** Runs `code` with `workerData` in another thread, so that it changes files during the checks of this one. */
function swapping(code: string, workerData: object) {
  const worker = new Worker(code, { eval: true, workerData });
  let isRunning = true;
  worker.once('exit', () => {
    isRunning = false;
  });
  return {
    isRunning: () => isRunning,
    [Symbol.asyncDispose]: async () => {
      await worker.terminate();
    },
  };
}

async function assertRefused(rig: Awaited<ReturnType<typeof memberRig>>, why: RegExp) {
  const verdict = await checkMember(rig.disk, rig.root, { peerId, publicKey });
  assert.equal(verdict.ok, false, 'the member was accepted');
  assert.match(verdict.ok ? '' : verdict.why, why);
}

test('a peer with its file is a member, and the file is private', async () => {
  await using rig = await memberRig();
  assert.deepEqual(await checkMember(rig.disk, rig.root, { peerId, publicKey }), {
    ok: true,
    addresses: member.addresses,
  });
  assert.equal(lstatSync(rig.file).mode & 0o7777, 0o600);
  assert.deepEqual(readdirSync(rig.peers), [peerId], 'no temporary file is left');
});

test('a peer without a file is refused, and accepted once it is written', async () => {
  await using rig = await memberRig();
  await removeMemberFile(rig.disk, rig.root, peerId);
  await assertRefused(rig, /no member file/);
  await writeMemberFile(rig.disk, rig.root, member);
  assert.equal((await checkMember(rig.disk, rig.root, { peerId, publicKey })).ok, true);
});

test('another key, another name inside, damaged text and an oversize file are refused', async () => {
  await using rig = await memberRig();
  const other = await checkMember(rig.disk, rig.root, { peerId, publicKey: `${publicKey}x` });
  assert.match(other.ok ? '' : other.why, /another public key/);
  writeFileSync(rig.file, JSON.stringify({ ...member, peerId: `12D3KooW${'b'.repeat(44)}` }));
  await assertRefused(rig, /names another peer/);
  writeFileSync(rig.file, '{"peerId":');
  await assertRefused(rig, /damaged/);
  writeFileSync(rig.file, JSON.stringify({ ...member, addresses: Array(17).fill('/ip4/1.2.3.4/tcp/1') }));
  await assertRefused(rig, /damaged/);
  writeFileSync(rig.file, `${JSON.stringify(member)}${' '.repeat(20_000)}`);
  await assertRefused(rig, /larger than/);
});

test('a link, a hard link, a directory and a FIFO are refused', async () => {
  await using rig = await memberRig();
  const elsewhere = join(rig.root, 'elsewhere');
  renameSync(rig.file, elsewhere);
  symlinkSync(elsewhere, rig.file);
  await assertRefused(rig, /is a link/);
  rmSync(rig.file);
  linkSync(elsewhere, rig.file);
  await assertRefused(rig, /2 links/);
  rmSync(rig.file);
  mkdirSync(rig.file);
  await assertRefused(rig, /not a regular file/);
  rmSync(rig.file, { recursive: true });
  assert.equal(spawnSync('mkfifo', ['-m', '600', rig.file]).status, 0);
  await assertRefused(rig, /not a regular file/);
});

test('a file that others may read or write is refused', async () => {
  await using rig = await memberRig();
  for (const mode of [0o640, 0o604, 0o620, 0o700, 0o400, 0o4600]) {
    chmodSync(rig.file, mode);
    await assertRefused(rig, /must be 0600/);
  }
});

test('a file or directory of another owner is refused', {
  skip: isRoot ? false : 'needs root to change owners',
}, async () => {
  await using rig = await memberRig();
  for (const path of [rig.file, rig.peers, join(rig.root, '.buildswarm')]) {
    chownSync(path, 12_345, 0);
    await assertRefused(rig, /belongs to user 12345/);
    chownSync(path, 0, 0);
  }
  assert.equal((await checkMember(rig.disk, rig.root, { peerId, publicKey })).ok, true);
});

test('directories with other modes are refused', async () => {
  await using rig = await memberRig();
  for (const path of [rig.peers, join(rig.root, '.buildswarm')])
    for (const mode of [0o755, 0o750, 0o701, 0o2700, 0o1700]) {
      chmodSync(path, mode);
      await assertRefused(rig, /must be 0700/);
      chmodSync(path, 0o700);
    }
});

test('directories that are links, and a root that is reached through one, are refused', async () => {
  await using rig = await memberRig();
  const real = join(rig.root, 'real');
  mkdirSync(join(rig.root, 'in'), { mode: 0o700 });
  for (const path of [rig.peers, join(rig.root, '.buildswarm')]) {
    renameSync(path, real);
    symlinkSync(real, path);
    await assertRefused(rig, /no directory of its own/);
    rmSync(path);
    renameSync(real, path);
  }
  const alias = join(rig.root, 'alias');
  symlinkSync(rig.root, alias);
  const last = await checkMember(rig.disk, alias, { peerId, publicKey });
  assert.match(last.ok ? '' : last.why, /no directory of its own/);
  const middle = await checkMember(rig.disk, join(alias, 'in'), { peerId, publicKey });
  assert.match(middle.ok ? '' : middle.why, /alias' is no directory of its own/);
});

test('what is no PeerId never becomes a file name', async () => {
  await using rig = await memberRig();
  for (const name of [
    '',
    '.',
    '..',
    '../peers',
    `${peerId}/`,
    `${peerId}\0`,
    `${peerId}\n`,
    'a'.repeat(52),
    peerId.slice(1),
  ]) {
    const verdict = await checkMember(rig.disk, rig.root, { peerId: name, publicKey });
    assert.match(verdict.ok ? '' : verdict.why, /not a PeerId/);
    const written = await writeMemberFile(rig.disk, rig.root, { ...member, peerId: name });
    assert.equal(written.ok, false);
    assert.equal((await removeMemberFile(rig.disk, rig.root, name)).ok, false);
  }
});

test('a file that is swapped during the check is never accepted with what it is not', async () => {
  await using rig = await memberRig();
  const elsewhere = join(rig.root, 'elsewhere');
  writeFileSync(elsewhere, readFileSync(rig.file), { mode: 0o600 });
  writeFileSync(rig.file, JSON.stringify({ ...member, publicKey: Buffer.alloc(36, 8).toString('base64') }));
  // Another thread keeps changing the name between a good file's link, a hard link and a file with another key.
  await using swapper = swapping(
    `const { workerData: w } = require('node:worker_threads'); const fs = require('node:fs');
     const other = fs.readFileSync(w.file); const t = w.file + '.t';
     for (let n = 0; n < 6000; n++) {
       fs.rmSync(t, { force: true });
       if (n % 3 === 0) fs.symlinkSync(w.elsewhere, t); else if (n % 3 === 1) fs.linkSync(w.elsewhere, t);
       else fs.writeFileSync(t, other, { mode: 0o600 });
       fs.renameSync(t, w.file);
     }`,
    { file: rig.file, elsewhere },
  );
  const reasons = new Set<string>();
  while (swapper.isRunning()) {
    const verdict = await checkMember(rig.disk, rig.root, { peerId, publicKey });
    assert.equal(verdict.ok, false);
    if (!verdict.ok) reasons.add(verdict.why.replace(/'.*'/, ''));
  }
  assert.ok(reasons.size >= 2, `the swaps were seen: ${[...reasons].join('; ')}`);
});

test('a peers directory that is swapped for a link during the check is never followed', async () => {
  await using rig = await memberRig();
  const forged = join(rig.root, 'forged');
  mkdirSync(forged, { mode: 0o755 });
  writeFileSync(join(forged, peerId), JSON.stringify({ ...member, publicKey: 'A'.repeat(48) }), {
    mode: 0o600,
  });
  await using swapper = swapping(
    `const { workerData: w } = require('node:worker_threads'); const fs = require('node:fs');
     for (let n = 0; n < 4000; n++) {
       fs.renameSync(w.peers, w.peers + '.real'); fs.symlinkSync(w.forged, w.peers);
       fs.unlinkSync(w.peers); fs.renameSync(w.peers + '.real', w.peers);
     }`,
    { peers: rig.peers, forged },
  );
  while (swapper.isRunning()) {
    const verdict = await checkMember(rig.disk, rig.root, { peerId, publicKey: 'A'.repeat(48) });
    assert.equal(verdict.ok, false);
  }
});

test('the address book lists proper files only', async () => {
  await using rig = await memberRig();
  const second = { ...member, peerId: `12D3KooW${'c'.repeat(44)}` };
  await writeMemberFile(rig.disk, rig.root, second);
  writeFileSync(join(rig.peers, `12D3KooW${'d'.repeat(44)}`), 'x', { mode: 0o600 });
  writeFileSync(join(rig.peers, `12D3KooW${'e'.repeat(44)}`), JSON.stringify(member), { mode: 0o644 });
  writeFileSync(join(rig.peers, 'stray'), JSON.stringify(member), { mode: 0o600 });
  const listed = await listMembers(rig.disk, rig.root);
  assert.deepEqual(listed.ok && listed.members.map((one) => one.peerId).toSorted(), [peerId, second.peerId]);
  const others = await listMembers(rig.disk, rig.root, [peerId]);
  assert.deepEqual(others.ok && others.members.map((one) => one.peerId), [second.peerId]);
});

test('files of dead peers are swept after a day, half-written ones too, those alive and strange ones never', async () => {
  await using rig = await memberRig();
  const [old, alive] = [`12D3KooW${'c'.repeat(44)}`, `12D3KooW${'d'.repeat(44)}`];
  const names = [old, alive, `.member-${old}-77`, 'stray'];
  for (const name of names) {
    writeFileSync(join(rig.peers, name), '{}', { mode: 0o600 });
    utimesSync(join(rig.peers, name), Date.now() / 1000 - 90_000, Date.now() / 1000 - 90_000);
  }
  const swept = await sweepMembers(rig.disk, rig.root, { alive: [alive] });
  assert.deepEqual(swept.ok && swept.removed.toSorted(), [`.member-${old}-77`, old]);
  assert.deepEqual(readdirSync(rig.peers).toSorted(), [peerId, alive, 'stray'].toSorted());
});
