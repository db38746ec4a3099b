import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { absent } from '../../src/core/fact.ts';
import {
  awaitFacts,
  awaitWritten,
  commitOutputs,
  readPiece,
  removeHidden,
  SentOutput,
  sweepHidden,
} from '../../src/share/commit.ts';
import { readFacts } from '../../src/share/facts.ts';
import { scanBelow } from '../../src/share/scan.ts';
import { shareClockMs } from '../../src/share/share-clock.ts';
import { sharedRig, shareRig } from './share-rig.ts';

type Rig = ReturnType<typeof shareRig>;
type Role = 'object' | 'dependencies';
const isRoot = process.getuid?.() === 0;

async function hiddenOutput(rig: Rig, name: string, text: string, role: Role = 'object') {
  const hidden = join(rig.directory, `.buildswarm-1-t-${name}`);
  writeFileSync(hidden, text);
  const [fact = absent] = await readFacts(rig.disk, [hidden], { fresh: true });
  return { hidden, path: join(rig.directory, name), role, fact };
}

async function outputObstacles(rig: Rig, outputs: readonly { readonly path: string; readonly role: Role }[]) {
  const named = { inputs: [], outputs: [], mayShare: false };
  return (await rig.disk.run('obstacles', { named, outputs })).outputs;
}

async function obstacle(rig: Rig, name: string, role: Role): Promise<string> {
  return (await outputObstacles(rig, [{ path: join(rig.directory, name), role }]))[0] ?? 'none';
}

test('outputs that are seen as reported are renamed, and nothing is left under hidden names', async () => {
  await using rig = shareRig();
  writeFileSync(join(rig.directory, 'a.o'), 'the old object');
  const outputs = [
    await hiddenOutput(rig, 'a.o', 'new'),
    await hiddenOutput(rig, 'a.d', 'a.o: a.c', 'dependencies'),
  ];
  assert.deepEqual(await commitOutputs(rig.disk, outputs), { kind: 'committed' });
  assert.equal(readFileSync(join(rig.directory, 'a.o'), 'utf8'), 'new');
  assert.deepEqual(readdirSync(rig.directory).toSorted(), ['a.d', 'a.o']);
});

test('an output that is not seen as reported leaves every old one untouched', async () => {
  await using rig = shareRig();
  writeFileSync(join(rig.directory, 'a.o'), 'the old object');
  const object = await hiddenOutput(rig, 'a.o', 'new');
  const missing = {
    ...object,
    hidden: join(rig.directory, '.buildswarm-1-t-a.d'),
    path: join(rig.directory, 'a.d'),
  };
  const result = await commitOutputs(rig.disk, [object, missing], { timeoutMs: 30 });
  assert.equal(result.kind, 'unseen');
  assert.deepEqual(result.kind === 'unseen' && result.unseen, [{ path: missing.hidden, seen: absent }]);
  assert.equal(readFileSync(join(rig.directory, 'a.o'), 'utf8'), 'the old object');
  // Any field that differs counts, unless the share is known not to agree on it.
  for (const field of ['inode', 'sizeBytes', 'mtimeNs', 'ctimeNs'] as const) {
    const other = { ...object, fact: { ...object.fact, [field]: field === 'sizeBytes' ? 99 : '1' } };
    assert.equal((await commitOutputs(rig.disk, [other], { timeoutMs: 5 })).kind, 'unseen', field);
  }
  const other = { ...object, fact: { ...object.fact, ctimeNs: '1' } };
  assert.deepEqual(await commitOutputs(rig.disk, [other], { fields: ['size', 'mtime'] }), {
    kind: 'committed',
  });
});

test('it waits for what becomes visible late', async () => {
  await using rig = shareRig();
  const path = join(rig.directory, 'late');
  const waiting = awaitFacts(rig.disk, [{ path, fact: { ...absent, kind: 'file', sizeBytes: 4 } }], {
    fields: ['size'],
    timeoutMs: 5_000,
  });
  writeFileSync(path, 'la');
  writeFileSync(path, 'late');
  assert.deepEqual(await waiting, []);
});

test('of what a command has written, what was changed or deleted since need not be seen as it was', async () => {
  await using rig = shareRig();
  const paths = ['same', 'changed', 'deleted'].map((name) => join(rig.directory, name));
  for (const path of paths) writeFileSync(path, 'one');
  symlinkSync('same', join(rig.directory, 'link'));
  const { changed: expected } = await scanBelow(rig.disk, [rig.directory], 0);
  assert.deepEqual(expected.map(({ path }) => path.slice(rig.directory.length)).toSorted(), [
    '',
    '/changed',
    '/deleted',
    '/link',
    '/same',
  ]);
  assert.equal(expected[0]?.path, rig.directory, 'a directory comes before what is in it');
  writeFileSync(join(rig.directory, 'changed'), 'another');
  rmSync(join(rig.directory, 'deleted'));
  assert.deepEqual(await awaitWritten(rig.disk, expected, { timeoutMs: 2_000 }), []);

  // What is older than reported is a stale look.
  const ahead = expected.map(({ path, fact }) => ({ path, fact: { ...fact, ctimeNs: `9${fact.ctimeNs}` } }));
  const unseen = await awaitWritten(rig.disk, ahead, { timeoutMs: 50 });
  assert.deepEqual(unseen.map(({ path }) => path.slice(rig.directory.length + 1)).toSorted(), [
    'changed',
    'link',
    'same',
  ]);
});

test('hidden names that are not wanted are gone when the outputs are committed, and only then', async () => {
  await using rig = shareRig();
  const output = await hiddenOutput(rig, 'a.o', 'new');
  const unwanted = [(await hiddenOutput(rig, 'a.o.d', 'a.o: a.c')).hidden];
  const wrong = { ...output, fact: { ...output.fact, inode: '1' } };
  assert.equal((await commitOutputs(rig.disk, [wrong], { unwanted, timeoutMs: 20 })).kind, 'unseen');
  assert.equal(readdirSync(rig.directory).length, 2);
  assert.equal((await commitOutputs(rig.disk, [output], { unwanted })).kind, 'committed');
  assert.deepEqual(readdirSync(rig.directory), ['a.o']);
});

test('of many attempts at one output, the name always shows one of them whole', async () => {
  await using rig = shareRig();
  const path = join(rig.directory, 'a.o');
  writeFileSync(path, 'x'.repeat(10_000));
  const attempts = await Promise.all(
    Array.from({ length: 40 }, async (_, n) => {
      const one = await hiddenOutput(rig, `a${n}.o`, String(n % 10).repeat(10_000));
      return { ...one, path };
    }),
  );
  const commit = { isDone: false };
  const commits = Promise.all(attempts.map((one) => commitOutputs(rig.disk, [one]))).finally(() => {
    commit.isDone = true;
  });
  for (let reads = 0; !commit.isDone || reads === 0; reads++) {
    const text = readFileSync(path, 'utf8');
    assert.equal(text, text.charAt(0).repeat(10_000));
    await new Promise(setImmediate);
  }
  for (const result of await commits) assert.deepEqual(result, { kind: 'committed' });
});

test('a target that became something else since is refused, and what was before it is told', async () => {
  await using rig = shareRig();
  const outputs = [
    await hiddenOutput(rig, 'a.o', 'new'),
    await hiddenOutput(rig, 'a.d', 'new', 'dependencies'),
  ];
  symlinkSync('elsewhere', join(rig.directory, 'a.d'));
  const result = await commitOutputs(rig.disk, outputs);
  assert.equal(result.kind, 'failed');
  if (result.kind !== 'failed') return;
  assert.deepEqual([result.renamed, result.code, result.path], [1, 'OBSTACLE', join(rig.directory, 'a.d')]);
  assert.equal(readlinkSync(join(rig.directory, 'a.d')), 'elsewhere');
});

test('what is no plain file of ours is written in place', async () => {
  await using rig = shareRig();
  const at = (name: string) => join(rig.directory, name);
  mkdirSync(at('directory'));
  assert.equal(spawnSync('mkfifo', [at('fifo')]).status, 0);
  writeFileSync(at('readonly'), 'x', { mode: 0o444 });
  writeFileSync(at('full'), 'x');
  writeFileSync(at('empty'), '');
  writeFileSync(at('linked'), 'x');
  linkSync(at('linked'), at('linked2'));
  writeFileSync(at('emptylinked'), '');
  linkSync(at('emptylinked'), at('emptylinked2'));
  symlinkSync('full', at('to-full'));
  symlinkSync('empty', at('to-empty'));
  symlinkSync('nowhere', at('to-nowhere'));
  symlinkSync('/dev/null', at('to-null'));
  const expected: [string, RegExp, RegExp][] = [
    ['new', /^none/, /^none/],
    ['full', /^none/, /^none/],
    ['empty', /is empty/, /^none/],
    ['directory', /not a regular/, /not a regular/],
    ['fifo', /not a regular/, /not a regular/],
    ['../../../../dev/null', /not a regular/, /not a regular/],
    ['readonly', /read-only/, /read-only/],
    ['linked', /^none/, /2 hard links/],
    ['emptylinked', /is empty/, /2 hard links/],
    ['to-full', /^none/, /written through/],
    ['to-empty', /empty file/, /written through/],
    ['to-nowhere', /leads nowhere/, /written through/],
    ['to-null', /no regular file/, /written through/],
    ['missing/x', /directory/, /directory/],
  ];
  for (const [name, object, dependencies] of expected) {
    assert.match(await obstacle(rig, name, 'object'), object, `object ${name}`);
    assert.match(await obstacle(rig, name, 'dependencies'), dependencies, `dependency file ${name}`);
  }
  if (isRoot) {
    chownSync(at('full'), 12_345, 0);
    assert.match(await obstacle(rig, 'full', 'object'), /belongs to user 12345/);
  }
});

/** What names, links, modes and contents a directory holds; inode numbers as which names share one. */
function shapeOf(directory: string): string[] {
  return readdirSync(directory)
    .toSorted()
    .map((name) => {
      const stats = lstatSync(join(directory, name));
      const kind = stats.isSymbolicLink()
        ? `-> ${readlinkSync(join(directory, name))}`
        : `links ${stats.nlink}`;
      const mode = stats.isSymbolicLink() ? '' : (stats.mode & 0o7777).toString(8);
      return `${name} ${kind} ${mode} size ${stats.isSymbolicLink() ? '' : stats.size}`;
    });
}

for (const compiler of ['gcc', 'clang'])
  test(`where a rename is allowed, files end up as ${compiler} itself leaves them`, {
    skip: spawnSync(compiler, ['--version']).status === 0 ? false : `${compiler} is missing`,
  }, async (t) => {
    const before: Record<string, (at: (name: string) => string) => void> = {
      'nothing there': () => {},
      'files there, with odd modes': (at) => {
        for (const name of ['a.o', 'a.d']) writeFileSync(at(name), 'old', { mode: 0o640 });
      },
      'executable files there': (at) => {
        for (const name of ['a.o', 'a.d']) {
          writeFileSync(at(name), 'old');
          chmodSync(at(name), 0o711);
        }
      },
      'empty files there, private': (at) => {
        for (const name of ['a.o', 'a.d']) writeFileSync(at(name), '', { mode: 0o600 });
      },
      'hard links': (at) => {
        for (const name of ['a.o', 'a.d']) {
          writeFileSync(at(name), 'old');
          linkSync(at(name), at(`${name}2`));
        }
      },
      'links to full files': (at) => {
        for (const name of ['a.o', 'a.d']) {
          writeFileSync(at(`${name}2`), 'old');
          symlinkSync(`${name}2`, at(name));
        }
      },
      'links to empty files': (at) => {
        for (const name of ['a.o', 'a.d']) {
          writeFileSync(at(`${name}2`), '');
          symlinkSync(`${name}2`, at(name));
        }
      },
      'links that lead nowhere': (at) => {
        for (const name of ['a.o', 'a.d']) symlinkSync(`${name}2`, at(name));
      },
      'read-only files': (at) => {
        for (const name of ['a.o', 'a.d']) writeFileSync(at(name), 'old', { mode: 0o444 });
      },
    };
    for (const [name, prepare] of Object.entries(before)) {
      await using plain = shareRig();
      await using swarm = shareRig();
      for (const rig of [plain, swarm]) {
        prepare((file) => join(rig.directory, file));
        writeFileSync(join(rig.directory, 'a.c'), 'int x;\n');
      }
      const compile = (directory: string, object: string, dependencies: string) => {
        const run = spawnSync(
          compiler,
          ['-c', 'a.c', '-o', object, '-MMD', '-MF', dependencies, '-MT', 'a.o'],
          {
            cwd: directory,
            encoding: 'utf8',
          },
        );
        return run.status;
      };
      const status = compile(plain.directory, 'a.o', 'a.d');
      const roles = { 'a.o': 'object', 'a.d': 'dependencies' } as const;
      const files = Object.keys(roles) as (keyof typeof roles)[];
      const obstacles = await outputObstacles(
        swarm,
        files.map((file) => ({ path: join(swarm.directory, file), role: roles[file] })),
      );
      const isRenamed = obstacles.map((one) => one === undefined);
      const names = files.map((file, n) => (isRenamed[n] ? `.buildswarm-1-t-${file}` : file));
      assert.equal(compile(swarm.directory, names[0] ?? '', names[1] ?? ''), status, name);
      const hidden = files
        .filter((_, n) => isRenamed[n])
        .map((file) => join(swarm.directory, `.buildswarm-1-t-${file}`));
      const facts = await readFacts(swarm.disk, hidden, { fresh: true });
      const outputs = files
        .filter((_, n) => isRenamed[n])
        .map((file, n) => ({
          hidden: hidden[n] ?? '',
          path: join(swarm.directory, file),
          role: roles[file],
          fact: facts[n] ?? absent,
        }));
      assert.deepEqual(await commitOutputs(swarm.disk, outputs), { kind: 'committed' }, name);
      assert.deepEqual(shapeOf(swarm.directory), shapeOf(plain.directory), name);
      t.diagnostic(
        `${name}: object ${isRenamed[0] ? 'renamed' : 'in place'}, dependency file ${isRenamed[1] ? 'renamed' : 'in place'}`,
      );
    }
  });

test('an output whose bytes are sent is written whole, with its mode, and committed as any other', async () => {
  await using rig = shareRig();
  const source = join(rig.directory, 'source');
  const bytes = Buffer.alloc(150_000, 'abc');
  writeFileSync(source, bytes);
  const hidden = join(rig.directory, '.buildswarm-1-t-sent-a.o');
  const sent = new SentOutput(rig.disk, { hidden, mode: 0o640 });
  let fact = absent;
  for (let offset = 0; ; ) {
    const piece = await readPiece(rig.disk, source, offset);
    if (piece.length === 0) break;
    fact = await sent.append(piece);
    offset += piece.length;
  }
  const path = join(rig.directory, 'a.o');
  assert.deepEqual(await commitOutputs(rig.disk, [{ hidden, path, role: 'object', fact }]), {
    kind: 'committed',
  });
  assert.deepEqual(readFileSync(path), bytes);
  assert.equal(lstatSync(path).mode & 0o777, 0o640);
  await assert.rejects(new SentOutput(rig.disk, { hidden: path, mode: 0o600 }).append(bytes), {
    code: 'EEXIST',
  });
  assert.deepEqual(readFileSync(path), bytes, 'a file that was there already is not touched');
});

test('a full disk is told by its own name and leaves no short file', {
  skip: isRoot ? false : 'needs root to mount a small file system',
}, async () => {
  await using rig = shareRig();
  const small = join(rig.directory, 'small');
  mkdirSync(small);
  assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', small]).status, 0);
  try {
    const hidden = join(small, '.buildswarm-1-t-a.o');
    await assert.rejects(new SentOutput(rig.disk, { hidden, mode: 0o600 }).append(Buffer.alloc(100_000)), {
      code: 'ENOSPC',
    });
    assert.equal(existsSync(hidden), false);
  } finally {
    assert.equal(spawnSync('umount', [small]).status, 0);
  }
});

test('only hidden names are removed', async () => {
  await using rig = shareRig();
  const one = await hiddenOutput(rig, 'a.o', 'x');
  writeFileSync(one.path, 'real');
  assert.equal(await removeHidden(rig.disk, [one.hidden, join(rig.directory, '.buildswarm-1-t-gone')]), 1);
  await assert.rejects(removeHidden(rig.disk, [one.path]), /not a hidden name/);
  assert.equal(readFileSync(one.path, 'utf8'), 'real');
});

test('hidden names that are old are swept, others not', async () => {
  await using rig = await sharedRig();
  const at = (name: string) => join(rig.root, name);
  const nowMs = await shareClockMs(rig.disk, rig.root);
  assert.ok(Math.abs(nowMs - Date.now()) < 5_000);
  for (const name of ['.buildswarm-1-live-a.o', '.buildswarm-1-old-a.o', 'a.o']) writeFileSync(at(name), 'x');
  for (const name of ['.buildswarm-1-old-a.o', 'a.o']) utimesSync(at(name), 1_000, 1_000);
  const swept = await sweepHidden(rig.disk, [rig.root, at('missing')], nowMs);
  assert.deepEqual(swept, [at('.buildswarm-1-old-a.o')]);
  assert.deepEqual(readdirSync(rig.root).toSorted(), ['.buildswarm', '.buildswarm-1-live-a.o', 'a.o']);
  rmSync(at('a.o'));
});
