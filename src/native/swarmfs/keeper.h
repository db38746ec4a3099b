/*
 * The keeper: a process beside swarmfs that outlives it for a moment, however it ends. Where swarmfs is killed while
 * its notifier waits in the kernel for a lock, nothing would end the wait; the keeper ends the mount by force, and
 * removes what jobs left in the scratch directory.
 */
#ifndef BUILDSWARM_SWARMFS_KEEPER_H
#define BUILDSWARM_SWARMFS_KEEPER_H

#include <sys/types.h>

/* Starts it, from the main thread, before there are others. -1 with errno on failure. */
pid_t keeper_start(const char *point, const char *scratch, const int *close_fds, int close_count);

#endif
