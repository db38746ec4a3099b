/** `buildswarm cache`: what is kept of other machines' files, and what of it nobody needs. */
import { Argument, type Command } from 'commander';
import { visibleText } from '../core/visible.ts';
import { listCaches, sweepCaches, treeCachesIn } from '../peer/serve/served/tree-caches.ts';
import { readSettings } from '../peer/settings.ts';
import { sweepJournal } from '../share/blocking/hidden-journal.ts';
import { action } from './exit.ts';
import { localSocket } from './local-socket.ts';

const bytesInMB = 1_000_000;

export function addCache(program: Command): void {
  program
    .command('cache')
    .description("shows what this machine keeps of other machines' files")
    .addArgument(
      new Argument('[prune]', 'removes what peers that were killed have left, also among your files').choices(
        ['prune'],
      ),
    )
    .action(action(async (what: string | undefined) => await (what === 'prune' ? prune() : show())));
}

async function show(): Promise<void> {
  const { cacheDirectory, treeCacheBytes } = await readSettings({}, process.env, localSocket());
  const all = treeCachesIn(cacheDirectory);
  const caches = await listCaches(all);
  for (const { path, sizeBytes, isAbandoned } of caches)
    process.stdout.write(`${inMB(sizeBytes)} ${isAbandoned ? 'abandoned' : 'in use'} ${visibleText(path)}\n`);
  const sum = caches.reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0);
  process.stdout.write(
    `${inMB(sum)} in ${visibleText(all)}; a tree keeps ${inMB(treeCacheBytes)} of contents at most\n`,
  );
}

async function prune(): Promise<void> {
  const { cacheDirectory } = await readSettings({}, process.env, localSocket());
  const all = treeCachesIn(cacheDirectory);
  const abandoned = (await listCaches(all)).filter((cache) => cache.isAbandoned);
  await sweepCaches(all, sweepJournal);
  const sum = abandoned.reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0);
  process.stdout.write(`removed ${inMB(sum)} of ${abandoned.length} peers that are gone\n`);
}

function inMB(sizeBytes: number): string {
  return `${Math.round(sizeBytes / bytesInMB)} MB`;
}
