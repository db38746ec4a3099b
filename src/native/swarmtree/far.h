/*
 * Mounts that may wait for another machine, or for a program: each is looked at by a thread of its own before anybody else
 * looks, as nothing else can give up such a look.
 */
#ifndef BUILDSWARM_SWARMTREE_FAR_H
#define BUILDSWARM_SWARMTREE_FAR_H

#include "../tree/map.h"

/* By the type that begins this text, as mountinfo names it: all that is not known to be a disk, memory or the kernel's own. */
int is_far(const char *type);

/*
 * `far`: by the hash of the path, of each mount, of which `mount` tells it from another one there. What memory does not suffice for
 * is taken to answer.
 */
void far_add(struct map *far, const char *path, uint64_t mount);
int far_answers(struct map *far, const char *path);
/* Calls `changed` with the path of each that was said not to answer and has answered since; 1 if there was one. */
int far_answered(struct map *far, void (*changed)(void *context, const char *path), void *context);
/* Takes over what was known of those that are still there. */
void far_keep(struct map *far, struct map *before);
void far_clear(struct map *far);

#endif
