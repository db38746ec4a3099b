/* The namespaces of a tree, and its mount in them. */
#ifndef BUILDSWARM_SWARMFS_MOUNT_H
#define BUILDSWARM_SWARMFS_MOUNT_H

#include "fs.h"

/* Where something could not be done: for the peer, which says what to do about it. */
struct mount_failure {
  const char *step; /* NULL: none */
  int error;
};

/*
 * Enters a user and a mount namespace of its own and mounts the tree at `point`; sets fs->device and
 * fs->identity.all. Then tries whether an overlay can be mounted in the directory `overlay`, if it is given. Only
 * while there is one thread.
 */
struct mount_failure mount_tree(struct fs *fs, const char *device, const char *point, const char *overlay);

#endif
