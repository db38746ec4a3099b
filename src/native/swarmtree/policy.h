/*
 * What may be served of this machine. The peer decides who is served at all; this is the second line, by real path:
 * the shares, and outside them what everybody on this machine may read; never what the lists name.
 */
#ifndef BUILDSWARM_SWARMTREE_POLICY_H
#define BUILDSWARM_SWARMTREE_POLICY_H

#include <sys/stat.h>
#include <sys/types.h>

#include "../tree/settings.h"

enum {
  TREE_GROUPS = 64
}; /* as many of the user's groups are told to workers: src/peer/submit/served/own-tree.ts */

struct policy {
  char **shares, **never; /* lists that end with NULL */
  uid_t uid;              /* whose files are served */
  gid_t gid, groups[TREE_GROUPS];
  int group_count;
};

/* How far a path may be served, before the modes of files are looked at. */
enum reach {
  REACH_NEVER,  /* by the lists */
  REACH_PUBLIC, /* what everybody may read */
  REACH_SHARE,  /* what the user may read */
};

/*
 * From the settings `share` (absolute paths) and `never`: a path that begins with a slash forbids itself and all
 * below; any other value, such as `.ssh` or `.config/browser`, forbids such parts anywhere. 0, or -1.
 */
int policy_read(struct policy *policy, const struct settings *settings);

enum reach policy_reach(const struct policy *policy, const char *path);

/* Does the way to a share go through this directory? */
int policy_leads_to_share(const struct policy *policy, const char *path);

/*
 * A directory that the list names by its path, such as /proc or /run: it stands in its place, for a worker to put its
 * own there, and of its names is told only whether there are such.
 */
int is_own_ground(const struct policy *policy, const char *path, const struct stat *of);

/* May everybody on this machine read it (`is_directory`: list it and go through it)? Links always. */
int is_public(const struct stat *of);

/*
 * May the user read or search here what a worker's kernel, which goes by owner, group and mode alone, would deny it: by an access
 * list, by one group of very many, or as root what belongs to others?
 */
int is_withheld(const struct policy *policy, int directory, const char *name, const struct stat *of);

/* Does it belong to another person, neither to the system nor to the user? */
int is_of_another_person(const struct policy *policy, const struct stat *of);

#endif
