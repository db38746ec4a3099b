/* A process beside the pool that removes directories: to remove what a job left may take long, and nobody is to wait. */
#ifndef BUILDSWARM_SWARMJOB_REMOVER_H
#define BUILDSWARM_SWARMJOB_REMOVER_H

#include <stdint.h>
#include <sys/types.h>

struct remover {
  pid_t pid;
  int socket; /* readable when something is done */
};

/* Before there is anything else that it would inherit. 0, or -1 with errno. */
int remover_start(struct remover *remover);

/* Removes it and all below, after what was asked before. An id of 0 is not answered. */
void remover_ask(const struct remover *remover, uint32_t id, const char *path);

/* What was done: 1 and its id and errno; 0 if nothing more was. */
int remover_answer(const struct remover *remover, uint32_t *id, int *error);

/* Ends it, whatever is left to do. */
void remover_end(const struct remover *remover);

#endif
