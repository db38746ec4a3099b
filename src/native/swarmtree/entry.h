/* One name of a directory, as it is told. */
#ifndef BUILDSWARM_SWARMTREE_ENTRY_H
#define BUILDSWARM_SWARMTREE_ENTRY_H

#include "server.h"

/* A directory that is being told. */
struct listing {
  struct server *server;
  const char *path;
  const struct reached *reached;
  struct place *place;
  int fd;        /* for lookups in it; O_PATH will do */
  int is_listed; /* the names that are looked at were read from it */
  int is_alias;  /* the name that was looked at last is listed by other letters */
};

/*
 * Writes what there is of a name, but for its hash, and watches it where it must be. Returns its state; `attr` and `stat` are set if
 * it is present.
 */
int add_entry(struct listing *listing, struct bytes *to, const char *name, struct tree_attr *attr,
              struct stat *stat);

/* Its changes may raise no event: what was told of it is remembered, and compared. */
static inline int needs_comparing(const struct place *place) { return place->network || place->unwatched; }

#endif
