#ifndef BUILDSWARM_TREE_REMOVE_H
#define BUILDSWARM_TREE_REMOVE_H

/* Removes a directory and all below, whatever its modes; for scratch of jobs, that are over. 0, or an errno. */
int remove_tree(const char *path);

#endif
