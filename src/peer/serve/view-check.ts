/** Makes this machine see a share as a job's submitter does: carries out what core/view decides of an offer. */
import type { NamedFact } from '../../core/view/contract.ts';
import { continueOffer, type OfferEvent, takeOffer } from '../../core/view/worker.ts';
import type { Disk } from '../../share/disk.ts';
import { readFacts } from '../../share/facts.ts';
import { refreshDirectories } from '../../share/refresh.ts';
import type { Offer } from '../../wire/job-messages.ts';

/** Refreshes, compares, and waits a little where that may help. @returns files that are not seen as the submitter sees them. */
export async function staleFiles(disk: Disk, now: () => number, offer: Offer): Promise<readonly NamedFact[]> {
  let [state, action] = takeOffer(offer.share, offer.view);
  while (action.type !== 'answer') {
    let event: OfferEvent;
    switch (action.type) {
      case 'refresh':
        event = { type: 'refreshed', unopened: await unopened(disk, offer, action.directories) };
        break;
      case 'look':
        event = { type: 'looked', facts: await look(disk, action.paths) };
        break;
      case 'wait': {
        const afterMs = Math.max(1, action.untilMs - now());
        await new Promise((resolve) => setTimeout(resolve, afterMs));
        event = { type: 'woken' };
        break;
      }
    }
    [state, action] = continueOffer(state, event, now());
  }
  return action.answer.kind === 'ready' ? [] : action.answer.files;
}

/** @returns those of the directories that could not be refreshed. */
async function unopened(disk: Disk, offer: Offer, directories: readonly string[]): Promise<string[]> {
  const facts = await refreshDirectories(disk, directories);
  // An opaque command is told of every directory that this build has written to; some are deleted meanwhile.
  const passes = offer.traced ? 'directory' : 'absent';
  return directories.filter((path) => {
    const kind = facts.get(path)?.kind;
    return kind !== 'directory' && kind !== passes;
  });
}

async function look(disk: Disk, paths: readonly string[]): Promise<NamedFact[]> {
  const facts = await readFacts(disk, paths, { fresh: true });
  return paths.flatMap((path, index) => {
    const fact = facts[index];
    return fact === undefined ? [] : [{ path, fact }];
  });
}
