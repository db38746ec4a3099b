/**
 * What swarmtree and swarmfs decide, in C, and what the shells around core do by their order; the models follow it, rule by
 * rule. Each can be broken too, which shows that the models see what it is there for.
 */
export interface HelperRules {
  // swarmtree
  /** reach.c, watch_directory: a directory is watched before anything in it is looked at. */
  readonly watchesFirst: boolean;
  /** manifest.c, open_listing: what is told of a directory itself is looked at when it is watched. */
  readonly looksWhenWatched: boolean;
  /** manifest.c, watch_itself: a file with several names is watched itself. */
  readonly watchesLinks: boolean;
  /** manifest.c, watch_itself: so is a directory, as what is made in it changes its times without an event above. */
  readonly watchesDirectories: boolean;
  /** content.c, read_reached: a file whose content is read is watched itself. */
  readonly watchesRead: boolean;
  /** content.c, try_read: the file must be the same before and after it is read. */
  readonly looksTwice: boolean;
  /** watcher.c, start_anew: when events were lost, all that was told is void. */
  readonly voidsAll: boolean;
  /** manifest.c, remember: where no events come, what is told anew is compared with what was told before, maybe to another worker. */
  readonly comparesTold: boolean;
  /** watcher.c, watcher_watch: what was told without events is compared even if events come by now. */
  readonly staysCompared: boolean;
  /** places.c, places_of_watch: a file of two names is two places with one watch, and both have changed. */
  readonly tellsAllPlaces: boolean;
  /** barrier.c: what has changed is looked at when all events before the barrier were taken in. */
  readonly looksAfterDrain: boolean;
  /** barrier.c, is_quiet: all of it is told as it was at one moment. */
  readonly looksInQuiet: boolean;
  /** barrier.c, enter: where no events come, what has changed is not told with what it is now. */
  readonly leavesEventless: boolean;

  // swarmfs
  /** manifest.c and content.c: an answer that is older than what is known to have changed is dropped. */
  readonly dropsOld: boolean;
  /** manifest.c, tells_of: what is told of a directory that took another's place is not added to what is known of that one. */
  readonly leavesOther: boolean;
  /** changes.c, answer_later: changes count as taken in when the kernel was told of them. */
  readonly answersWhenTold: boolean;
  /** changes.c, doubt: where a name changed, the directory's own attributes did too. */
  readonly doubtsDirectory: boolean;
  /** changes.c, change_name: a name without a node counts as absent in a directory that is known whole. */
  readonly makesUnknown: boolean;
  /** changes.c, is_told_later: what was seen at a barrier counts where no later answer came before it. */
  readonly leavesOlder: boolean;
  /** content.c, keep_piece: a content is known by its file's times only when these are old. */
  readonly keepsSettled: boolean;
  /** manifest.c, left_tree: whoever waits to read a file whose name leads to another now fails, and is not believed. */
  readonly faultsReaders: boolean;

  // the worker's peer
  /** served-jobs.ts, conclude: what swarmfs has to tell of a job is waited for, as it comes on another way than its end. */
  readonly awaitsFaults: boolean;

  // the submitter's peer
  /** served-settling.ts: a job of which a fault was told is not believed. */
  readonly mindsFaults: boolean;
  /** own-tree.ts: what is sent along with an offer counts as given. */
  readonly countsPushed: boolean;
}

export const helperRules: HelperRules = {
  watchesFirst: true,
  looksWhenWatched: true,
  watchesLinks: true,
  watchesDirectories: true,
  watchesRead: true,
  looksTwice: true,
  voidsAll: true,
  comparesTold: true,
  staysCompared: true,
  tellsAllPlaces: true,
  looksAfterDrain: true,
  looksInQuiet: true,
  leavesEventless: true,
  dropsOld: true,
  leavesOther: true,
  answersWhenTold: true,
  doubtsDirectory: true,
  makesUnknown: true,
  leavesOlder: true,
  keepsSettled: true,
  faultsReaders: true,
  awaitsFaults: true,
  mindsFaults: true,
  countsPushed: true,
};
