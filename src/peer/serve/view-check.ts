/** Makes this machine see a share as a job's submitter does: carries out what core/view decides of an offer. */
import type { Fact } from '../../core/fact.ts';
import type { NamedFact } from '../../core/view/contract.ts';
import { continueOffer, type OfferEvent, takeOffer } from '../../core/view/worker.ts';
import type { Disk } from '../../share/disk.ts';
import { readFacts } from '../../share/facts.ts';
import { refreshDirectories } from '../../share/refresh.ts';
import type { Offer } from '../../wire/job-messages.ts';

/** What was refreshed and looked at once already, in the offer's order. */
export interface FirstSight {
  readonly refreshed: readonly Fact[];
  readonly looked: readonly Fact[];
}

/**
 * Refreshes, compares, and waits a little where that may help.
 *
 * @param first - undefined: nothing has been looked at yet.
 * @returns files that are not seen as the submitter sees them; `isFirst`: all were so at first sight.
 */
export async function staleFiles(
  disk: Disk,
  now: () => number,
  offer: Offer,
  first: FirstSight | undefined,
): Promise<{ readonly stale: readonly NamedFact[]; readonly isFirst: boolean }> {
  let sight = first;
  let [state, action] = takeOffer(offer.share, offer.view);
  while (action.type !== 'answer') {
    let event: OfferEvent;
    switch (action.type) {
      case 'refresh': {
        const { directories } = action;
        const facts = sight?.refreshed ?? (await refreshed(disk, directories));
        event = { type: 'refreshed', unopened: unopened(offer, directories, facts) };
        break;
      }
      case 'look':
        event = {
          type: 'looked',
          facts: named(action.paths, sight?.looked ?? (await look(disk, action.paths))),
        };
        break;
      case 'wait': {
        sight = undefined;
        const afterMs = Math.max(1, action.untilMs - now());
        await new Promise((resolve) => setTimeout(resolve, afterMs));
        event = { type: 'woken' };
        break;
      }
    }
    [state, action] = continueOffer(state, event, now());
  }
  const { answer } = action;
  return { stale: answer.kind === 'ready' ? [] : answer.files, isFirst: sight !== undefined };
}

async function refreshed(disk: Disk, directories: readonly string[]): Promise<(Fact | undefined)[]> {
  const facts = await refreshDirectories(disk, directories);
  return directories.map((path) => facts.get(path));
}

/** @returns those of the directories that could not be refreshed. */
function unopened(
  offer: Offer,
  directories: readonly string[],
  facts: readonly (Fact | undefined)[],
): string[] {
  // An opaque command is told of every directory that this build has written to; some are deleted meanwhile.
  const passes = offer.traced ? 'directory' : 'absent';
  return directories.filter((_, at) => {
    const kind = facts[at]?.kind;
    return kind !== 'directory' && kind !== passes;
  });
}

function look(disk: Disk, paths: readonly string[]): Promise<Fact[]> {
  return readFacts(disk, paths, { fresh: true });
}

function named(paths: readonly string[], facts: readonly Fact[]): NamedFact[] {
  return paths.flatMap((path, index) => {
    const fact = facts[index];
    return fact === undefined ? [] : [{ path, fact }];
  });
}
