/*
 * The mounts of this machine: to see that one was made or went, for which there is no event of inotify; and which of them may wait
 * for another machine.
 */
#ifndef BUILDSWARM_SWARMTREE_MOUNTS_H
#define BUILDSWARM_SWARMTREE_MOUNTS_H

#include <stddef.h>

#include "../tree/map.h"

struct mounts {
  int fd;           /* of /proc/self/mountinfo; -1: cannot be told here */
  int is_news;      /* it was told that it is another one, and was not read since */
  struct map lines; /* by the hash of what a line says: its path, owned */
  struct map far;   /* by the hash of the path: what is known of a mount that may wait for another machine */
};

void mounts_open(struct mounts *mounts);

/*
 * What poll() said of `fd`, asked for POLLPRI; 1 if a mount came or went since the table was read. The kernel says it to
 * the first who polls, and once.
 */
int mounts_polled(struct mounts *mounts, short revents);
/* The same, asked now. */
int mounts_are_news(struct mounts *mounts);

/* Calls `changed` with the path of each mount that came or went since the last time; 1 if there was one. */
int mounts_changed(struct mounts *mounts, void (*changed)(void *context, const char *path), void *context);

/*
 * Does what is mounted at a path, if anything is, answer within some seconds? Who looks at it himself may have to wait for ever,
 * as for a file server that is gone. One that did not answer is not waited for again until it does; then `mounts_changed` tells of it.
 */
int mounts_answer(struct mounts *mounts, const char *path);

#endif
