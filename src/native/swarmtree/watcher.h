/*
 * Sees what changes, by inotify: an event is queued inside the system call that makes the change, so that a drained
 * queue holds all that happened before. The generation rises with every drain that found something: an answer that
 * carries generation g holds nothing of what is reported with a later one.
 */
#ifndef BUILDSWARM_SWARMTREE_WATCHER_H
#define BUILDSWARM_SWARMTREE_WATCHER_H

#include "changes.h"
#include "mounts.h"
#include "places.h"

struct watcher {
  int inotify;
  struct places places;
  struct changes changes;
  struct mounts mounts;
  uint64_t generation;
  uint64_t events, overflows, limits;
};

/* 0, or -1 with errno. */
int watcher_open(struct watcher *watcher);

/* Takes in all events that are queued, and changes of the mounts. */
void watcher_drain(struct watcher *watcher);

/* Watches what `fd` (O_PATH) is, or `name` in it, as `place`; sets `place->unwatched` if that cannot be. */
void watcher_watch(struct watcher *watcher, struct place *place, int fd, const char *name);

/* Nobody has anything of `place` and below any more. */
void watcher_forget(struct watcher *watcher, struct place *place);

#endif
