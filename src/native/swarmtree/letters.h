/* Directories in which a name is found by other letters than it is listed by, as `readme` for `README`. */
#ifndef BUILDSWARM_SWARMTREE_LETTERS_H
#define BUILDSWARM_SWARMTREE_LETTERS_H

#include "entry.h"

/*
 * Finds out whether a directory is such a one, by a name that it lists, and notes it in its place: a worker must ask for each name
 * there. Changes are found by comparing, as their events name what is listed and not what was asked for.
 */
void look_at_letters(const struct listing *listing, char *const *names, size_t count);

#endif
