/* Places that stand ready, between the pool and the jobs that ask for them. */
#ifndef BUILDSWARM_SWARMJOB_POOL_H
#define BUILDSWARM_SWARMJOB_POOL_H

enum { POOL_NAME_BYTES = 16 };

/* In the pool's directory. */
static const char pool_socket_name[] = "socket";
/* The answer of a pool that has none; otherwise the name of a place's directory, with its namespaces. */
static const char pool_has_none[] = "-";

#endif
