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
import { TreeServer } from '../../src/tree/tree-server.ts';
import { checkout } from '../rig/child.ts';
import { text, u32 } from '../rig/tree-bytes.ts';

/** What was told and what changed, of one directory `d`. */
class Compared {
  readonly directory: string;
  readonly #server: TreeServer;
  readonly #eventless: Set<string>;

  private constructor(directory: string, server: TreeServer, eventless: Set<string>) {
    this.directory = directory;
    this.#server = server;
    this.#eventless = eventless;
  }

  static async start(t: TestContext): Promise<Compared> {
    const share = realpathSync(mkdtempSync(path.join(tmpdir(), 'tree-compared-')));
    t.after(() => rmSync(share, { recursive: true, force: true }));
    const directory = path.join(share, 'a/b/c/d');
    mkdirSync(directory, { recursive: true });
    writeFileSync(path.join(directory, 'f'), '1');
    mkdirSync(path.join(directory, 'sub'));
    // Limits of watches are those of a user namespace; the directories above take the few that there are.
    const program = path.join(share, 'few-watches');
    const few = `echo 3 >/proc/sys/user/max_inotify_watches && exec ${path.join(checkout, 'bin/swarmtree')}`;
    writeFileSync(program, `#!/bin/sh\nexec unshare -Ur sh -c '${few}'\n`, { mode: 0o755 });
    const eventless = new Set<string>();
    const server = await TreeServer.start({
      program,
      shares: [share],
      never: [],
      onListed: (listed, isEventless) => (isEventless ? eventless.add(listed) : eventless.delete(listed)),
      onLost: (why) => assert.fail(why),
    });
    t.after(() => server.close());
    return new Compared(directory, server, eventless);
  }

  /** A worker asks what there is. */
  async tell(): Promise<void> {
    const ask = Buffer.concat([u32(1), Buffer.of(0), text(this.directory), text('')]);
    await new Promise<void>((resolve) => {
      this.#server.relay('TREE_LIST', ask, (_type, _payload, last) => last && resolve());
    });
  }

  /** A worker asks for one name. */
  async look(name: string): Promise<void> {
    const ask = Buffer.concat([u32(1), text(this.directory), text(name)]);
    await new Promise<void>((resolve) => {
      this.#server.relay('TREE_LOOK', ask, (_type, _payload, last) => last && resolve());
    });
  }

  /** What a barrier tells of the directory, as `kind name`, sorted. */
  async changes(): Promise<string[]> {
    this.#server.compare([...this.#eventless]);
    const parts = await this.#server.barrier();
    return parts
      .flatMap(({ changes }) => changes)
      .filter(({ directory }) => directory === this.directory)
      .map(({ kind, name }) => `${kind} ${name}`)
      .toSorted();
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
  test(`a file that was told and is ${what} is told of once, as events would`, async (t) => {
    const tree = await Compared.start(t);
    await tree.tell();
    await tree.changes();
    change(tree);
    assert.deepEqual(await tree.changes(), told);
    assert.deepEqual(await tree.changes(), []);
  });

for (const [what, change, told] of edits)
  test(`so it is if a worker asked meanwhile: a file that is ${what}`, async (t) => {
    const tree = await Compared.start(t);
    await tree.tell();
    await tree.changes();
    change(tree);
    await tree.tell();
    assert.deepEqual(await tree.changes(), told);
    assert.deepEqual(await tree.changes(), []);
  });

test('so it is if a worker asked for that name alone, of which another knows all names', async (t) => {
  const tree = await Compared.start(t);
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
