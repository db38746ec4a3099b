/** Holds the architecture: which folder may import which, that core and wire are pure, and that files stay small. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const source = join(root, 'src');

/** Folder below src: folders that it may import, besides itself. */
const layers: Readonly<Record<string, readonly string[]>> = {
  core: [],
  wire: ['core'],
  swarm: ['core', 'wire'],
  local: ['core', 'wire'],
  share: ['core', 'wire'],
  tree: ['core', 'wire', 'share'],
  work: ['core', 'wire'],
  machine: ['core', 'wire'],
  native: [],
  pairing: ['core', 'wire'],
  wrapper: ['wire'],
  peer: ['core', 'wire', 'swarm', 'local', 'share', 'tree', 'work', 'machine', 'pairing'],
  // What is shown in a browser.
  web: ['core', 'wire'],
  // The CLI speaks to the peer; `daemon` becomes one, `start` and `share` do their own part of the work.
  cli: ['core', 'wire', 'local', 'machine', 'native', 'pairing', 'peer', 'share', 'swarm', 'web'],
};

interface SourceFile {
  readonly path: string;
  readonly layer: string;
  readonly text: string;
  readonly imports: readonly string[];
}

const files: readonly SourceFile[] = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.tsx?$/.test(name))
  .map((name) => {
    const text = readFileSync(join(source, name), 'utf8');
    const found = text.matchAll(
      /^(?:import|export)\b[^;']*\bfrom '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'/gm,
    );
    const imports = [...found].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
    return { path: name, layer: name.split('/')[0] ?? '', text, imports };
  });

/** C: sources and headers, with what they include by quotes. */
const programs = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.[ch]$/.test(name))
  .map((name) => {
    const text = readFileSync(join(source, name), 'utf8');
    const includes = [...text.matchAll(/^\s*#\s*include\s*"([^"]+)"/gm)].map((match) => match[1] ?? '');
    return { path: name, text, includes: includes.map((file) => join(dirname(name), file)) };
  });

test('imports between folders run one way', () => {
  const wrong = files.flatMap(({ path, layer, imports }) =>
    imports
      .filter((name) => name.startsWith('.'))
      .map((name) => relative(source, resolve(source, dirname(path), name)).split('/')[0] ?? '')
      .filter((target) => target !== layer && !(layers[layer] ?? []).includes(target))
      .map((target) => `${path} imports ${target}`),
  );
  assert.deepEqual(wrong, []);
});

/** Rooms of src/peer that may not see one another; all may see what stands on top. */
const strangers: readonly (readonly [string, string])[] = [
  ['submit', 'serve'],
  ['serve', 'submit'],
  ['trust', 'submit'],
  ['trust', 'serve'],
];

test('the two sides of a peer do not know each other, and trust knows neither', () => {
  const wrong = files.flatMap(({ path, imports }) =>
    imports
      .map((name) => relative(source, resolve(source, dirname(path), name)))
      .filter((target) =>
        strangers.some(([from, to]) => path.startsWith(`peer/${from}/`) && target.startsWith(`peer/${to}/`)),
      )
      .map((target) => `${path} imports ${target}`),
  );
  assert.deepEqual(wrong, []);
});

test('src/peer has at most twelve entries', () => {
  assert.ok(readdirSync(join(source, 'peer')).length <= 12);
});

test('every folder has its place in the table', () => {
  assert.deepEqual(
    [...new Set(files.map(({ layer }) => layer))].filter((layer) => layers[layer] === undefined),
    [],
  );
});

test('core and wire do no I/O and know no clock, timer or chance', () => {
  const forbidden =
    /from 'node:(?!path')|Date\.now\(|performance\.|setTimeout\(|setInterval\(|Math\.random\(|\bprocess\./;
  const wrong = files
    .filter(({ layer, text }) => (layer === 'core' || layer === 'wire') && forbidden.test(text))
    .map(({ path }) => path);
  assert.deepEqual(wrong, []);
});

test('libp2p is seen in swarm only', () => {
  const wrong = files
    .filter(({ layer }) => layer !== 'swarm')
    .filter(({ imports }) => imports.some((name) => /^(?!\.).*(?:libp2p|multiformats)/.test(name)))
    .map(({ path }) => path);
  assert.deepEqual(wrong, []);
});

test('C lies in native only; a program includes its own headers and the shared ones', () => {
  const isShared = (path: string): boolean => /^native\/(?:tree\/)?[^/]+\.h$/.test(path);
  const isOwn = (path: string, from: string): boolean =>
    dirname(from) !== 'native' && dirname(path) === dirname(from);
  const wrong = programs.flatMap(({ path, includes }) =>
    includes
      .filter((target) => !isShared(target) && !isOwn(target, path))
      .map((target) => `${path} includes ${target}`),
  );
  assert.deepEqual(wrong, []);
  assert.deepEqual(
    programs.filter(({ path }) => !path.startsWith('native/')).map(({ path }) => path),
    [],
  );
});

test('calls between the sources of a program in C run one way', () => {
  const folders = [...new Set(programs.map(({ path }) => dirname(path)))];
  const tied = folders.flatMap((folder) => {
    const own = programs.filter(({ path }) => dirname(path) === folder);
    const headers = own.filter(({ path }) => path.endsWith('.h'));
    const told = headers.flatMap(({ text }) => [
      ...text.matchAll(/\b(\w+)\([^;{}()]*(?:\([^()]*\)[^;{}()]*)*\);/g),
    ]);
    const names = new Set(told.map((match) => match[1] ?? ''));
    const sources = own.filter(({ path }) => path.endsWith('.c'));
    const placeOf = new Map(
      sources.flatMap(({ path, text }) =>
        [...text.matchAll(/^(?!static)[a-z][^;{}()=]*\b(\w+)\([^;{}]*\)\s*\{/gm)].map((match) => [
          match[1] ?? '',
          path,
        ]),
      ),
    );
    const left = new Map(
      sources.map(({ path, text }) => {
        const called = [...text.matchAll(/\b(\w+)\(/g)].map((match) => match[1] ?? '');
        const places = called.filter((name) => names.has(name)).map((name) => placeOf.get(name) ?? path);
        return [path, new Set(places.filter((place) => place !== path))];
      }),
    );
    // What calls nobody that is left is taken away, until only circles and what calls into them are.
    const free = (): string | undefined =>
      [...left].find(([, places]) => [...places].every((place) => !left.has(place)))?.[0];
    for (let path = free(); path !== undefined; path = free()) left.delete(path);
    return [...left.keys()];
  });
  assert.deepEqual(tied, []);
});

test('no file is longer than 400 lines', () => {
  const long = [...files, ...programs]
    .filter(({ text }) => text.split('\n').length > 401)
    .map(({ path }) => path);
  assert.deepEqual(long, []);
});
