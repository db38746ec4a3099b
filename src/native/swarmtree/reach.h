/* Reaching a path without following a link, with a watch on every directory of the way, and what may be served there. */
#ifndef BUILDSWARM_SWARMTREE_REACH_H
#define BUILDSWARM_SWARMTREE_REACH_H

#include "policy.h"
#include "watcher.h"

/* What a path turned out to be. `fd` is O_PATH; close it with reached_close. */
struct reached {
  int fd;         /* -1: it is not there, or is refused */
  int error;      /* errno if fd is -1 and it is not refused: ENOENT, ENOTDIR, … */
  int refused;    /* may not be served */
  int public_way; /* everybody may go through every directory above */
  enum reach reach;
  struct stat stat;
  struct place *directory; /* the place of the directory that holds it (NULL for the root) */
};

struct reacher {
  struct watcher *watcher;
  const struct policy *policy;
};

/*
 * Goes to the directory that holds `path`, watching the way, then to the file itself.
 * The way of what is not public must lead through shares, or to one.
 */
void reach(const struct reacher *reacher, const char *path, struct reached *reached);
void reached_close(struct reached *reached);

/* May its content be taken: a directory be listed, a file be read? */
int may_take(const struct policy *policy, const struct reached *reached);

/* May the attributes of `path` be shown, found in a directory of which everybody may (or not) search the way? */
int may_show(const struct policy *policy, const char *path, int public_way);

/* The place of a directory that was reached, watched; NULL if memory ran out. */
struct place *watch_reached(const struct reacher *reacher, const struct reached *reached, const char *path);

/* The place of a file that was reached, with a watch of its own; NULL if memory ran out. */
struct place *watch_file(struct watcher *watcher, const struct reached *reached, const char *path);

/* Does every change of this file system raise an event here? Of one that is not known nobody can tell. */
int tells_changes(int fd);

/* Is it of a kind that finds names by other letters, too, or may? */
int folds_letters(int fd);

#endif
