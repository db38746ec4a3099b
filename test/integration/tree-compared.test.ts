/**
 * swarmtree where it may watch next to nothing, so that no event tells what changed: each directory is compared with what was told
 * of it, to whichever worker.
 */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { type TreeRequest, TreeServer } from '../../src/tree/tree-server.ts';
import { swarmtreeWithFewWatches } from '../rig/few-watches.ts';
import { text, u32, u64 } from '../rig/tree-bytes.ts';
import { treeObstacle } from '../rig/tree-lab.ts';

const skip = treeObstacle() ?? false;
const attributesBytes = 80;
/** Of the flags of a content: the file is another than the worker thinks, which so looks again. */
const changedFlag = 4;
/** State of an entry that was not looked at. */
const untold = 3;

/** What was told and what changed, of the directory `a/b/c/d` of a share, with a file `f` and a directory `sub`. */
class Compared {
  readonly share: string;
  readonly directory: string;
  readonly #server: TreeServer;
  readonly #eventless: Set<string>;
  #generation = 0;

  private constructor(share: string, server: TreeServer, eventless: Set<string>) {
    this.share = share;
    this.directory = path.join(share, 'a/b/c/d');
    this.#server = server;
    this.#eventless = eventless;
  }

  /** @param watchesBelow - how many directories and files may be watched, besides the share and those above it. */
  static async start(t: TestContext, watchesBelow: number): Promise<Compared> {
    const share = realpathSync(mkdtempSync(path.join(tmpdir(), 'tree-compared-')));
    t.after(() => rmSync(share, { recursive: true, force: true }));
    const directory = path.join(share, 'a/b/c/d');
    mkdirSync(directory, { recursive: true });
    writeFileSync(path.join(directory, 'f'), '1');
    mkdirSync(path.join(directory, 'sub'));
    const program = swarmtreeWithFewWatches(share, share.split('/').length + watchesBelow);
    const eventless = new Set<string>();
    const server = await TreeServer.start({
      program,
      shares: [share],
      never: [],
      onListed: (listed, kind) => (kind.eventless ? eventless.add(listed) : eventless.delete(listed)),
      onLost: (why) => assert.fail(why),
    });
    t.after(() => server.close());
    return new Compared(share, server, eventless);
  }

  /** A worker asks what there is. */
  async tell(directory = this.directory): Promise<void> {
    await this.#ask('TREE_LIST', u32(1), Buffer.of(0), text(directory), text(''));
  }

  /** A worker asks for one name. */
  async look(name: string): Promise<void> {
    await this.#ask('TREE_LOOK', u32(1), text(this.directory), text(name));
  }

  /** A worker asks what a file holds. @returns whether it is told to look again */
  async read(name: string): Promise<boolean> {
    const unknown = [Buffer.of(0), Buffer.alloc(attributesBytes), Buffer.of(0)];
    const file = text(path.join(this.directory, name));
    const answer = await this.#ask('TREE_READ', u32(1), u64(0), u32(10), ...unknown, file);
    return ((answer[12] ?? 0) & changedFlag) !== 0;
  }

  async #ask(type: TreeRequest, ...parts: readonly Buffer[]): Promise<Uint8Array> {
    return await new Promise((resolve) => {
      this.#server.relay(type, Buffer.concat(parts), (_type, payload, last) => last && resolve(payload));
    });
  }

  /** What a barrier tells of the directory, as `kind name`, sorted. */
  async changes(): Promise<string[]> {
    this.#server.compare([...this.#eventless]);
    const parts = await this.#server.barrier();
    const generation = parts.at(-1)?.generation ?? 0;
    const isNews = parts.some(({ changes }) => changes.length > 0);
    assert.ok(generation > this.#generation || !isNews, 'what is new is of a new generation');
    this.#generation = generation;
    return parts
      .flatMap(({ changes }) => changes)
      .filter(({ directory }) => directory === this.directory)
      .map(({ kind, name }) => `${kind} ${name}`)
      .toSorted();
  }

  /** Has it compared now; changes are told by the next barrier. */
  async compare(): Promise<void> {
    this.#server.compare([...this.#eventless]);
    await this.#server.figures();
  }

  /** The states of the entries that a barrier tells of the directory. */
  async statesTold(): Promise<number[]> {
    const start = text(this.directory);
    return (await this.#server.barrier()).flatMap(({ payload }) => {
      const bytes = Buffer.from(payload);
      const states: number[] = [];
      for (let at = bytes.indexOf(start); at >= 0; at = bytes.indexOf(start, at + 1))
        states.push(bytes[at + start.length] ?? -1);
      return states;
    });
  }

  at(name: string): string {
    return path.join(this.directory, name);
  }
}

const edits: readonly (readonly [what: string, change: (at: Compared) => void, told: readonly string[]])[] = [
  ['rewritten', (tree) => appendFileSync(tree.at('f'), '2'), ['node f']],
  [
    'replaced',
    (tree) => {
      writeFileSync(tree.at('../g'), '2');
      renameSync(tree.at('../g'), tree.at('f'));
    },
    ['name f'],
  ],
  ['removed', (tree) => rmSync(tree.at('f')), ['name f']],
  ['joined by another', (tree) => writeFileSync(tree.at('g'), '2'), ['name g']],
  ['given a second name', (tree) => linkSync(tree.at('f'), tree.at('g')), ['name g', 'node f']],
  ['joined by one in a directory beside it', (tree) => writeFileSync(tree.at('sub/g'), '2'), ['node sub']],
];

for (const [what, change, told] of edits)
  test(`a file that was told and is ${what} is told of once, as events would`, { skip }, async (t) => {
    const tree = await Compared.start(t, 0);
    await tree.tell();
    await tree.changes();
    change(tree);
    assert.deepEqual(await tree.changes(), told);
    assert.deepEqual(await tree.changes(), []);
  });

for (const [what, change, told] of edits)
  test(`so it is if a worker asked meanwhile: a file that is ${what}`, { skip }, async (t) => {
    const tree = await Compared.start(t, 0);
    await tree.tell();
    await tree.changes();
    change(tree);
    await tree.tell();
    assert.deepEqual(await tree.changes(), told);
    assert.deepEqual(await tree.changes(), []);
  });

test('so it is if a worker asked for that name alone, of which another knows all names', {
  skip,
}, async (t) => {
  const tree = await Compared.start(t, 0);
  await tree.tell();
  await tree.changes();
  appendFileSync(tree.at('f'), '2');
  await tree.look('f');
  await tree.look('none');
  assert.deepEqual(await tree.changes(), ['node f']);
  rmSync(tree.at('f'));
  await tree.look('f');
  assert.deepEqual(await tree.changes(), ['name f']);
  assert.deepEqual(await tree.changes(), []);
});

test('what raises no event is told without what it is now, as the next comparison is with what was told', {
  skip,
}, async (t) => {
  const tree = await Compared.start(t, 0);
  await tree.tell();
  await tree.changes();
  rmSync(tree.at('f'));
  await tree.compare();
  writeFileSync(tree.at('f'), 'is there again');
  assert.deepEqual(await tree.statesTold(), [untold]);
  rmSync(tree.at('f'));
  // A worker that was told of it by that barrier would never hear that it is gone: when it was compared it was.
  assert.deepEqual(await tree.changes(), []);
});

test('a directory that comes to be watched is compared as before', { skip }, async (t) => {
  const tree = await Compared.start(t, 4);
  const others = ['x', 'y', 'z'].map((name) => path.join(tree.share, name));
  for (const other of others) mkdirSync(other);
  // They and `a` have all the watches that are left.
  await tree.tell(tree.share);
  await tree.tell();
  await tree.changes();
  for (const other of others) rmSync(other, { recursive: true });
  appendFileSync(tree.at('f'), '2');
  await tree.look('none');
  assert.deepEqual(await tree.changes(), ['node f']);
});

test('a file that is read where no watch is left is told once more, and then compared', {
  skip,
}, async (t) => {
  const tree = await Compared.start(t, 4);
  rmSync(tree.at('sub'), { recursive: true });
  await tree.tell();
  assert.ok(await tree.read('f'), 'the worker is to look again');
  await tree.look('f');
  assert.equal(await tree.read('f'), false);
  await tree.changes();
  linkSync(tree.at('f'), path.join(tree.share, 'second'));
  appendFileSync(path.join(tree.share, 'second'), '2');
  assert.deepEqual(await tree.changes(), ['node f']);
});

test('what was told is no news, though a watch was not to be had in the middle of it', {
  skip,
}, async (t) => {
  const tree = await Compared.start(t, 4);
  await tree.tell();
  assert.deepEqual(await tree.changes(), []);
});

test('nor is what was told with events, where a name that comes cannot be watched', { skip }, async (t) => {
  const tree = await Compared.start(t, 4);
  rmSync(tree.at('sub'), { recursive: true });
  await tree.tell();
  await tree.changes();
  mkdirSync(tree.at('sub'));
  await tree.look('sub');
  assert.deepEqual(await tree.changes(), ['name sub']);
  assert.deepEqual(await tree.changes(), []);
});
