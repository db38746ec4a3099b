/* Places that are built ahead of the jobs that run in them, each for one job. */
#ifndef BUILDSWARM_SWARMJOB_READY_H
#define BUILDSWARM_SWARMJOB_READY_H

#include <sys/stat.h>

#include "job.h"
#include "pool.h"

/* Where a place has something of its own. */
enum { OWN_PARTS = 4 };

/* A directory of the tree over which a layer lies. */
struct covered {
  int is_there;
  dev_t lower_device, layer_device;
  ino_t lower_inode;
};

struct ready_place {
  struct place place;
  char name[POOL_NAME_BYTES]; /* of its directory in the pool's */
  struct covered areas[MOST_AREAS];
  dev_t parts[OWN_PARTS];
};

/* Where places are built: our own namespaces, to come back to, and the tree as it is seen from them. */
struct workshop {
  struct place home;
  int tree;
};

/* 0, or -1 with errno. */
int workshop_open(struct workshop *workshop, const struct job *job);

/*
 * Builds a place for the areas of `job` in its scratch, which is there and is the directory `ready->name`. 0, or -1: then
 * nothing of it is left but what lies in its directory.
 */
int ready_make(struct ready_place *ready, const struct workshop *workshop, const struct job *job);

/*
 * Is it as one would be that was built now? The kernel takes mounts away when what they cover is not what its name leads
 * to any more. Directories that only changed get their times here.
 */
int ready_is_fresh(const struct ready_place *ready, const struct workshop *workshop, const struct job *job);

/* Gives its namespaces up; they end with the last process in them. */
void ready_close(struct ready_place *ready);

#endif
