/** Holds what the documents list against the code, so that they cannot rot. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { addCommands } from '../../src/cli/commands.ts';
import { proofs } from '../../src/core/command/proofs.ts';
import { reasons, refusalCodes } from '../../src/core/reason.ts';
import { readSettings } from '../../src/peer/settings.ts';
import { frameLimits, frameTypes } from '../../src/wire/frame.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

const page = (name: string): string => readFileSync(join(root, name), 'utf8');

/** Cells of all rows of the tables of a page, heads left out. */
function rowsOf(text: string): string[][] {
  return text
    .split('\n')
    .filter((line, index, lines) => line.startsWith('|') && !lines[index + 1]?.startsWith('|---'))
    .filter((line) => !line.startsWith('|---'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

const configuration = page('docs/CONFIGURATION.md');
const settingRows = rowsOf(configuration).filter((row) => row.length === 5);

function commandLine(): Command {
  const program = new Command().enablePositionalOptions();
  addCommands(program);
  return program;
}

test('every flag of every command has a row in CONFIGURATION, and every row a flag', () => {
  const listed = settingRows.flatMap(([flags = '', , commands = '']) =>
    [...flags.matchAll(/--[a-z-]+/g)].flatMap(([flag]) =>
      [...commands.matchAll(/`([a-z]+)`/g)].map(([, command]) => `${command} ${flag}`),
    ),
  );
  const real = commandLine().commands.flatMap((command) =>
    command.options.map((option) => `${command.name()} ${option.long}`),
  );
  const wrapper = ['swarmrun --local', 'swarmrun --remote'];
  assert.deepEqual(listed.toSorted(), [...real, ...wrapper].toSorted());
});

test('every variable that the code reads stands in CONFIGURATION, and no other does', () => {
  const named = /\b(?:BUILDSWARM_[A-Z]+(?:_[A-Z]+)*|FORCE_[A-Z]+)\b/g;
  const source = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(?:ts|c)$/.test(name))
    .map((name) => page(join('src', name)))
    .join('\n');
  // VERSION is a macro of the C programs.
  const read = new Set([...source.matchAll(named)].map(([name]) => name));
  read.delete('BUILDSWARM_VERSION');
  const listed = new Set([...configuration.matchAll(named)].map(([name]) => name));
  assert.deepEqual([...listed].toSorted(), [...read].toSorted());
});

test('settings come from the variables that CONFIGURATION names', async () => {
  const names = settingRows.flatMap(([, variable = '']) => /BUILDSWARM_[A-Z_]+/.exec(variable)?.[0] ?? []);
  const asked = new Set<string>();
  const env = new Proxy<NodeJS.ProcessEnv>(
    {},
    {
      get: (_target, name) => {
        asked.add(String(name));
        return undefined;
      },
    },
  );
  await readSettings({}, env, '/run/peer.sock');
  const unlisted = [...asked].filter(
    (name) => name.startsWith('BUILDSWARM_') && !name.includes('_TEST_') && !names.includes(name),
  );
  assert.deepEqual(unlisted, []);
  assert.ok(asked.has('BUILDSWARM_SLOTS'));
});

test('the code uses the names of the glossary', () => {
  const words = rowsOf(/^## Words$[^]*?^## /m.exec(page('docs/ARCHITECTURE.md'))?.[0] ?? '');
  assert.ok(words.length > 10);
  const source = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => page(join('src', name)))
    .join('\n');
  const missing = words
    .map(([, , name = '']) => name.replaceAll('`', ''))
    .filter((name) => name === '' || !new RegExp(`\\b${name}\\b`).test(source));
  assert.deepEqual(missing, []);
});

test('PROOFS says of each kind of command what proves it', () => {
  const listed = rowsOf(page('docs/PROOFS.md').split('\n## ')[0] ?? '').map(
    ([kind = '', , reads = '', writes = '']) => [kind.replaceAll('`', ''), { reads, writes }],
  );
  assert.deepEqual(Object.fromEntries(listed), proofs);
});

test('REASONS has every code with its sentence, and no other', () => {
  const listed = rowsOf(page('docs/REASONS.md')).map(([code = '', sentence = '']) => [
    code.replaceAll('`', ''),
    sentence,
  ]);
  assert.deepEqual(
    Object.fromEntries(listed),
    { ...reasons },
    'docs/REASONS.md and src/core/reason.ts differ',
  );
  assert.equal(listed.length, Object.keys(reasons).length);
  const refusals = page('docs/REASONS.md').split('## Refusals by a worker')[1]?.split('\n## ')[0] ?? '';
  assert.deepEqual(
    refusalCodes.filter((code) => !refusals.includes(`\`${code}\``)),
    [],
  );
});

test('PROTOCOL has every frame type with its number and limit, and no other', () => {
  const listed = rowsOf(/^## Frame types$[^]*?^## /m.exec(page('docs/PROTOCOL.md'))?.[0] ?? '').map(
    ([type = '', number, limit]) => [type.replaceAll('`', ''), Number(number), Number(limit)],
  );
  const real = Object.entries(frameTypes).map(([type, number]) => [
    type,
    number,
    frameLimits[type as keyof typeof frameTypes],
  ]);
  assert.deepEqual(listed, real);
});

const pages = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

test('links between the documents lead somewhere', () => {
  const broken = pages.flatMap((name) =>
    [...page(name).matchAll(/\]\(((?!https?:)[^)#]+)/g)]
      .map(([, link = '']) => link)
      .filter((link) => !existsSync(resolve(root, dirname(name), link)))
      .map((link) => `${name}: ${link}`),
  );
  assert.deepEqual(broken, []);
});

test('files that ARCHITECTURE and CONTRIBUTING name are there', () => {
  const text = page('docs/ARCHITECTURE.md') + page('CONTRIBUTING.md');
  const named = [...text.matchAll(/`([a-z-]+(?:\/[\w.-]+)+\.(?:ts|c))`/g)];
  const missing = named
    .map(([, path = '']) => path)
    .filter((path) => ![path, `src/${path}`].some((one) => existsSync(join(root, one))));
  assert.ok(named.length > 20);
  assert.deepEqual(missing, []);
});
