/* Which job a process that asks for something belongs to. */
#ifndef BUILDSWARM_SWARMFS_ASKER_H
#define BUILDSWARM_SWARMFS_ASKER_H

#include <limits.h>
#include <sys/types.h>

/*
 * Finds the job of a process that waits for its answer: `name` is that of the job's directory in `scratch`, or empty if
 * it is not known, as of what the kernel asks for by itself.
 */
void find_job(pid_t asker, const char *scratch, char name[NAME_MAX + 1]);

/* Whether a thread that waits for its answer will never take it; 1 too if that cannot be told. */
int is_being_killed(pid_t thread);

#endif
