import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { keptFiles, LogFile, rotatedPath } from '../../../src/cli/log-file.ts';
import { jsonLogLine, renderLogLine } from '../../../src/cli/logs-view.ts';
import { until } from '../../rig/until.ts';

function folder() {
  const path = mkdtempSync(join(tmpdir(), 'log-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

test('a flood fills no more than the files that are kept', async () => {
  using at = folder();
  const path = join(at.path, 'peer.log');
  const log = new LogFile(path, { size: '10K' });
  const all = [path, rotatedPath(path, 1), rotatedPath(path, 2)];
  const isRotated = () => existsSync(rotatedPath(path, keptFiles));
  for (let round = 0; round < 40; round += 1) {
    for (let line = 0; line < 20; line += 1) log.write(`${'x'.repeat(99)}\n`);
    // A file rotates between turns of the loop, as it does in a peer.
    await new Promise(setImmediate);
  }
  await until(isRotated, 10_000, 'it has rotated twice');
  await log.close();
  assert.equal(existsSync(rotatedPath(path, keptFiles + 1)), false);
  assert.equal(statSync(rotatedPath(path, 1)).mode & 0o777, 0o600);
  for (const file of all.slice(1)) {
    const { size } = statSync(file);
    assert.ok(size >= 10 * 1024 && size < 90_000, `${file} has ${size} bytes`);
  }
});

test('where nothing can be written the lines are dropped, and it is tried again later', async () => {
  using at = folder();
  const clock = { nowMs: 0 };
  const folderPath = join(at.path, 'folder');
  const path = join(folderPath, 'peer.log');
  // A file stands where the folder is to be.
  writeFileSync(folderPath, '');
  const log = new LogFile(path, { now: () => clock.nowMs });
  log.write('lost\n');
  await until(() => log.hasFailed, 10_000, 'the file could not be opened');
  log.write('lost too\n');
  rmSync(folderPath);
  clock.nowMs += 1_000;
  mkdirSync(folderPath);
  log.write('kept\n');
  await log.close();
  const lines = readFileSync(path, 'utf8').split('\n');
  assert.match(lines[0] ?? '', /"dropped":1,"msg":"lines were dropped"/);
  assert.equal(lines[1], 'kept');
});

test('a folder that was removed is not made again: it is that of the sockets, and has their mode', async () => {
  using at = folder();
  const folderPath = join(at.path, 'folder');
  const log = new LogFile(join(folderPath, 'peer.log'));
  log.write('lost\n');
  await until(() => log.hasFailed, 10_000, 'there is no folder');
  await log.close();
  assert.equal(existsSync(folderPath), false);
});

test('lines are shown with time, level, message and facts, and others as they are', () => {
  const line = JSON.stringify({ level: 30, time: 0, peer: '12D3', count: 2, msg: 'peer ready' });
  assert.match(renderLogLine(line), /^\d\d:\d\d:\d\d\.000 info {2}peer ready peer=12D3 count=2$/);
  assert.equal(renderLogLine('FATAL ERROR: heap'), 'FATAL ERROR: heap');
  assert.equal(renderLogLine('[1]'), '[1]');
});

test('each line is a JSON object for programs, what Node itself wrote too', () => {
  const ours = '{"level":30,"msg":"ready"}';
  assert.equal(jsonLogLine(ours), ours);
  for (const line of ['RangeError: out of "memory"', '', '7', '[]', 'null'])
    assert.deepEqual(JSON.parse(jsonLogLine(line)), { level: 60, msg: line });
});
