/* The mounts of this machine: to see that one was made or went, for which there is no event of inotify. */
#ifndef BUILDSWARM_SWARMTREE_MOUNTS_H
#define BUILDSWARM_SWARMTREE_MOUNTS_H

#include <stddef.h>

#include "../tree/map.h"

struct mounts {
  int fd;           /* of /proc/self/mountinfo; polled for POLLPRI. -1: cannot be told here */
  struct map lines; /* by the hash of what a line says: its path, owned */
};

void mounts_open(struct mounts *mounts);

/* Calls `changed` with the path of each mount that came or went since the last time; 1 if there was one. */
int mounts_changed(struct mounts *mounts, void (*changed)(void *context, const char *path), void *context);

#endif
