/** Names outside a share that are known to hold: by what they are found by, and in histories by chance. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom, nextInteger, nextRandom } from '../../../../src/core/random.ts';
import { HeldNames } from '../../../../src/core/view/held-names.ts';
import { type OutsideName, outsideLooks } from '../../../../src/core/view/outside-name.ts';
import { ToldFiles } from '../../../rig/told-files.ts';

/** What is there, by path; all of it tells of its changes unless it is said to be silent. */
type There = Readonly<Record<string, 'file' | 'directory' | 'other' | `>${string}`>>;

/** Looks until there is nothing more to be looked at. @returns what was watched */
function hold(held: HeldNames, names: readonly OutsideName[], there: There, silent = /^$/): string[] {
  const watched: string[] = [];
  for (let steps = 0; steps < 50; steps += 1) {
    const wanted = held.wanted(names);
    if (wanted === undefined) return watched;
    const sight = (path: string) => {
      const what = there[path] ?? 'absent';
      return what.startsWith('>')
        ? { path, kind: 'link' as const, target: what.slice(1) }
        : { path, kind: what as 'file' | 'absent' };
    };
    held.saw(held.epoch, wanted.watched.map(sight), (path) => !silent.test(path));
    held.saw(held.epoch, wanted.plain.map(sight));
    watched.push(...wanted.watched);
  }
  throw new Error('there is always more to be looked at');
}

const holds = (held: HeldNames, name: OutsideName): boolean => held.holds([name])[0] === true;
const content = (path: string): OutsideName => ({ look: 'content', path });
const usr: There = {
  '/usr': 'directory',
  '/usr/lib': 'directory',
  '/usr/lib/x.so': 'file',
  '/lib': '>usr/lib',
};

describe('a name holds', () => {
  for (const [what, name, there, watched] of [
    ['by its way and its content', content('/usr/lib/x.so'), usr, ['/usr', '/usr/lib', '/usr/lib/x.so']],
    ['through a link', content('/lib/x.so'), usr, ['/lib', '/usr', '/usr/lib', '/usr/lib/x.so']],
    ['that leads up', content('/usr/lib/../lib/./x.so'), usr, ['/usr', '/usr/lib', '/usr/lib/x.so']],
    ['where nothing is', content('/usr/lib/none'), usr, ['/usr', '/usr/lib']],
    ['where nothing is on its way', content('/usr/none/x'), usr, ['/usr', '/usr/none']],
    ['below a file', content('/usr/lib/x.so/y'), usr, ['/usr', '/usr/lib', '/usr/lib/x.so']],
    ['as a directory, by its way alone', content('/usr/lib'), usr, ['/usr']],
    ['as a directory with its names', { look: 'names', path: '/usr/lib/.' }, usr, ['/usr', '/usr/lib']],
    ['as a place, whatever is in it', { look: 'place', path: '/usr/lib/x.so' }, usr, ['/usr', '/usr/lib']],
  ] as const satisfies [string, OutsideName, There, string[]][])
    it(what, () => {
      const held = new HeldNames('/share');
      assert.deepEqual(hold(held, [name], there), watched);
      assert.equal(holds(held, name), true);
    });

  it('unless it is too long, of which nobody is asked', () => {
    const held = new HeldNames('/share');
    const long = content(`/usr/${'x'.repeat(256)}/y`);
    assert.deepEqual(hold(held, [long], usr), ['/usr']);
    assert.equal(holds(held, long), false);
  });

  it('in the root directory, once names there are told of', () => {
    const held = new HeldNames('/share');
    assert.deepEqual(hold(held, [content('/tmp')], { '/tmp': 'directory' }), []);
    assert.equal(holds(held, content('/tmp')), false);
    const names = { look: 'names', path: '/usr/..' } as const;
    const top = { look: 'names', path: '/' } as const;
    assert.deepEqual([holds(held, top), holds(held, content('/'))], [false, true]);
    hold(held, [content('/usr/lib'), names], usr);
    assert.deepEqual([holds(held, top), holds(held, names)], [true, true]);
    assert.deepEqual(hold(held, [content('/tmp')], { '/tmp': 'directory' }), []);
    assert.equal(holds(held, content('/tmp')), true);
  });
});

describe('a name does not hold', () => {
  for (const [what, name, there, silent] of [
    ['that leads into the share', content('/usr/to/x'), { ...usr, '/usr/to': '>/share/d' }, undefined],
    ['in the share', content('/share/x'), { '/share': 'directory' }, undefined],
    ['of a device', content('/usr/null'), { ...usr, '/usr/null': 'other' }, undefined],
    ['below a device', content('/usr/null/x'), { ...usr, '/usr/null': 'other' }, undefined],
    ['in a circle of links', content('/usr/a'), { ...usr, '/usr/a': '>b', '/usr/b': '>a' }, undefined],
    ['where its directory tells nothing', content('/usr/lib/x.so'), usr, /^\/usr\/lib/],
    ['where nothing is in such a directory', content('/usr/lib/none'), usr, /^\/usr\/lib/],
    ['whose content cannot be watched', content('/usr/lib/x.so'), usr, /x\.so$/],
    ['by a link that cannot', content('/lib/x.so'), usr, /^\/lib$/],
    ['as a directory whose names cannot', { look: 'names', path: '/usr/lib' }, usr, /^\/usr\/lib$/],
  ] as const satisfies [string, OutsideName, There, RegExp | undefined][])
    it(what, () => {
      const held = new HeldNames('/share');
      hold(held, [name], there, silent);
      assert.equal(holds(held, name), false);
    });
});

it('what is told of what has weight ends it all, and nothing else does', () => {
  for (const [path, isOver] of [
    ['/usr/lib/x.so', true],
    ['/usr/lib', true],
    ['/usr', true],
    ['/usr/lib/none', true],
    ['/usr/lib/another', false],
    ['/usr/include/h.h', true],
    ['/usr/include/deep/h.h', false],
    ['/home/me', false],
  ] as const)
    for (const kind of ['name', 'node'] as const) {
      const held = new HeldNames('/share');
      const names = [
        content('/usr/lib/x.so'),
        content('/usr/lib/none'),
        { look: 'names', path: '/usr/include' } as const,
      ];
      hold(held, names, { ...usr, '/usr/include': 'directory' });
      held.told({ everything: false, changes: [] }, 5);
      const { epoch } = held;
      assert.deepEqual([held.isCurrent(epoch, 5), held.isCurrent(epoch, 6)], [true, false]);
      held.told({ everything: false, changes: [{ kind, path }] }, 7);
      assert.equal(held.isCurrent(epoch, 7), !isOver, path);
      held.told({ everything: true, changes: [] }, 8);
      assert.equal(held.isCurrent(epoch, 0), false);
    }
});

it('what was seen before everything was forgotten is of no weight after', () => {
  const held = new HeldNames('/share');
  const name = content('/usr/x');
  assert.deepEqual(held.wanted([name]), { watched: ['/usr'], plain: [] });
  const { epoch } = held;
  held.told({ everything: false, changes: [{ kind: 'name', path: '/usr' }] }, 1);
  held.saw(epoch, [{ path: '/usr', kind: 'absent' }], () => true);
  assert.deepEqual(held.wanted([name]), { watched: ['/usr'], plain: [] });
});

it('no more paths are kept than may be', () => {
  const held = new HeldNames('/share', 10);
  const { epoch } = held;
  for (let n = 0; n < 12; n += 1) hold(held, [content(`/usr/n${n}`)], usr);
  assert.notEqual(held.epoch, epoch);
  assert.equal(holds(held, content('/usr/n11')), true);
});

it('histories by chance: whatever is said to hold is as it was', () => {
  let held = 0;
  let changed = 0;
  for (let seed = 1; seed <= 3_000; seed += 1) {
    const random = createRandom(seed);
    const files = new ToldFiles(random);
    const names = new HeldNames('/share');
    const seen = new Map<OutsideName, { readonly epoch: number; readonly stamp: string }>();
    let nowMs = 0;
    const maybeChange = (): void => {
      if (nextInteger(random, 12) === 0) files.change();
    };
    const hear = (): void => {
      nowMs += 1;
      names.told({ everything: false, changes: files.hear() }, nowMs);
    };
    const maybeHear = (): void => {
      if (nextInteger(random, 6) === 0) hear();
    };
    for (let job = 0; job < 8; job += 1) {
      const wantedNames = Array.from({ length: 6 }, () => ({
        look: outsideLooks[nextInteger(random, outsideLooks.length)] ?? 'content',
        path: files.somePath(),
      }));
      for (let wanted = names.wanted(wantedNames); wanted !== undefined; wanted = names.wanted(wantedNames)) {
        const { epoch } = names;
        const sights = wanted.watched.map((path) => {
          maybeChange();
          const { tells } = files.watch(path);
          return { path, ...files.look(path), tells };
        });
        maybeHear();
        const plain = wanted.plain.map((path) => ({ path, ...files.look(path) }));
        maybeChange();
        maybeHear();
        names.saw(epoch, sights, (path) => sights.find((sight) => sight.path === path)?.tells === true);
        names.saw(epoch, plain);
      }
      const { epoch } = names;
      maybeChange();
      maybeHear();
      const hold = names.holds(wantedNames);
      for (const [at, name] of wantedNames.entries())
        if (hold[at] === true) seen.set(name, { epoch, stamp: files.stampOf(name.look, name.path) });
      if (nextRandom(random) < 0.5) files.change();
      hear();
      for (const [name, { epoch: of, stamp }] of seen) {
        if (files.stampOf(name.look, name.path) !== stamp) changed += 1;
        if (!names.isCurrent(of, nowMs)) continue;
        held += 1;
        assert.equal(files.stampOf(name.look, name.path), stamp, `seed ${seed}: ${name.look} ${name.path}`);
      }
    }
  }
  assert.ok(held > 10_000 && changed > 10_000, `${held} held, ${changed} changed`);
});
