/** What files outside the shares contain, whatever was read before them. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { identities, outsideAnswers } from '../../../src/share/blocking/identities.ts';

const directory = mkdtempSync(join(tmpdir(), 'identities-'));
after(() => rmSync(directory, { recursive: true, force: true }));

test('a file is what all of it contains, and nothing of the one that was read before', () => {
  const sizes = [300_000, 10, 0, 16_384, 16_383, 16_385, 600_000, 5];
  const files = sizes.map((size) => {
    const path = join(directory, `of-${size}`);
    const content = randomBytes(size);
    writeFileSync(path, content);
    return { path, identity: `sha256:${createHash('sha256').update(content).digest('hex')}` };
  });
  const asked = identities(files.map(({ path }) => ({ path, stamp: undefined })));
  assert.deepEqual(
    asked.map((each) => (each.kind === 'found' ? each.file.identity : each.kind)),
    files.map(({ identity }) => identity),
  );
  const looked = outsideAnswers(files.map(({ path }) => ({ look: 'content', path })));
  assert.deepEqual(
    looked,
    files.map(({ identity }) => ({ answer: identity })),
  );
});

test('a link counts as what it leads to, and where that is nothing as absent', () => {
  const [file, link, nowhere] = ['file', 'link', 'nowhere'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(file, 'x');
  symlinkSync('file', link);
  symlinkSync('none', nowhere);
  const answers = outsideAnswers(
    [file, link, nowhere, '/dev/null'].map((path) => ({ look: 'content', path })),
  );
  assert.deepEqual(answers[1], answers[0]);
  assert.deepEqual(answers[2], { answer: 'absent' });
  assert.deepEqual(answers[3], { answer: 'device 259' });
});
