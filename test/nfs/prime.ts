/**
 * Runs on a worker's guest beside its peer: keeps looking at the tree as other programs do, so that the kernel's caches
 * are full of what was true a moment ago: names that were missing, attributes, files held open.
 *
 * Usage: prime TREE OVER: until there is a file OVER.
 */
import fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const [, , tree = '', over = ''] = process.argv;
const held: number[] = [];
const everyMs = 40;
const maxHeld = 16;

function pick<Item>(items: readonly Item[]): Item | undefined {
  return items[Math.floor(Math.random() * items.length)];
}

/** By a listing, which NFS does not keep. */
function isOver(): boolean {
  return fs.readdirSync(dirname(over)).includes(basename(over));
}

function touchOne(): void {
  const directory = join(tree, pick(['a', 'b', 'a/sub', 'b/sub', 'swap', 'gen', 'src', 'out']) ?? '');
  const name = `${pick(['h', 'g', 'm', 'f'])}${Math.floor(Math.random() * 12)}.${pick(['h', 'o', 'c'])}`;
  const path = join(directory, name);
  switch (pick(['stat', 'open', 'hold', 'list', 'read'])) {
    case 'stat':
      fs.statSync(path, { throwIfNoEntry: false });
      break;
    case 'hold':
      held.push(fs.openSync(path, 'r'));
      if (held.length > maxHeld) fs.closeSync(held.shift() ?? 0);
      break;
    case 'list':
      fs.readdirSync(directory);
      break;
    case 'read':
      fs.readFileSync(path);
      break;
    default:
      fs.closeSync(fs.openSync(path, 'r'));
  }
}

while (!isOver()) {
  try {
    touchOne();
  } catch {
    // Missing now is the point: the kernel remembers that.
  }
  await sleep(everyMs);
}
