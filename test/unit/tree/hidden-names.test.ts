/** Hidden names of a peer that was killed are found by its journal, and nothing else is touched. */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { asideName, noteDirectory, sweepJournal } from '../../../src/share/blocking/hidden-journal.ts';
import { HiddenNames } from '../../../src/tree/hidden-names.ts';

/** As whoever makes a name in a directory does. */
async function note(names: HiddenNames, directory: string): Promise<void> {
  const { journal, known } = await names.of('', [directory]);
  if (!known.includes(directory) && noteDirectory(journal, directory)) names.noted([directory]);
}

test('what a killed peer has staged is removed, and what it has moved out of the way is put back', async (t) => {
  const top = realpathSync(mkdtempSync(path.join(tmpdir(), 'hidden-')));
  t.after(() => rmSync(top, { recursive: true, force: true }));
  const journal = path.join(top, 'journal');
  const place = (...parts: readonly string[]): string => path.join(top, ...parts);
  for (const directory of ['one', 'two\n', 'gone', 'linked', 'unnoted']) mkdirSync(place(directory));
  const names = new HiddenNames(journal);
  const [first, second] = [names.freshPrefix(), names.freshPrefix()];
  assert.notEqual(first, second);
  const noted = ['one', 'two\n', 'gone', 'linked', 'one'];
  await Promise.all(noted.map(async (directory) => await note(names, place(directory))));

  writeFileSync(place('one', `${first}1`), '');
  writeFileSync(place('two\n', `${second}1`), '');
  symlinkSync('/', place('one', `${first}2`));
  mkdirSync(place('one', asideName(`${first}3`, 'd=e'), 'kept'), { recursive: true });
  mkdirSync(place('one', asideName(`${first}4`, 'back'), 'x'), { recursive: true });
  mkdirSync(place('one/back'));
  const foreign = new HiddenNames().freshPrefix();
  writeFileSync(place('one', `${foreign}1`), '');
  writeFileSync(place('one', 'file'), '');
  rmSync(place('gone'), { recursive: true });
  // By way of a link nothing is removed: it may lead to what is another's.
  renameSync(place('linked'), place('elsewhere'));
  symlinkSync('elsewhere', place('linked'));
  writeFileSync(place('elsewhere', `${first}1`), '');
  writeFileSync(place('unnoted', `${first}1`), '');
  // Cut off by the end of its writer.
  appendFileSync(journal, place('unnoted'));

  sweepJournal(journal);
  assert.deepEqual(readdirSync(place('one')).toSorted(), [`${foreign}1`, 'back', 'd=e', 'file'].toSorted());
  assert.deepEqual(readdirSync(place('one/d=e')), ['kept']);
  assert.deepEqual(readdirSync(place('two\n')), []);
  assert.deepEqual(readdirSync(place('elsewhere')), [`${first}1`]);
  assert.deepEqual(readdirSync(place('unnoted')), [`${first}1`]);
});

test('a journal that is none, or says what a peer does not, makes nothing be removed', async (t) => {
  const top = realpathSync(mkdtempSync(path.join(tmpdir(), 'hidden-')));
  t.after(() => rmSync(top, { recursive: true, force: true }));
  writeFileSync(path.join(top, 'file'), '');
  sweepJournal(path.join(top, 'none'));
  for (const prefix of ['', 'f', '.buildswarm-']) {
    writeFileSync(path.join(top, 'journal'), `${prefix}\0${top}\0`);
    sweepJournal(path.join(top, 'journal'));
  }
  assert.deepEqual(readdirSync(top), ['file', 'journal']);
});

test('where no journal can be kept, names are given all the same, and noted as soon as one can', async (t) => {
  await note(new HiddenNames(), '/');
  const top = realpathSync(mkdtempSync(path.join(tmpdir(), 'hidden-')));
  t.after(() => rmSync(top, { recursive: true, force: true }));
  const names = new HiddenNames(path.join(top, 'later/journal'));
  await note(names, top);
  mkdirSync(path.join(top, 'later'));
  await note(names, top);
  writeFileSync(path.join(top, `${names.freshPrefix()}1`), '');
  sweepJournal(path.join(top, 'later/journal'));
  assert.deepEqual(readdirSync(top), ['later']);
});
