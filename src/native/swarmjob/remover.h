/* A process beside the pool that removes directories: to remove what a job left may take long, and nobody is to wait. */
#ifndef BUILDSWARM_SWARMJOB_REMOVER_H
#define BUILDSWARM_SWARMJOB_REMOVER_H

#include <stdint.h>
#include <sys/types.h>

#include "../frame.h"

struct remover {
  pid_t pid;
  int socket;         /* readable when something is done */
  struct bytes asked; /* what the socket had no room for: of each a u16 of its length comes first */
  size_t sent;
};

/* Before there is anything else that it would inherit. 0, or -1 with errno. */
int remover_start(struct remover *remover);

/* Removes it and all below, after what was asked before; never waits. An id of 0 is not answered. */
void remover_ask(struct remover *remover, uint32_t id, const char *path);

/* What poll is to wait for. */
short remover_events(const struct remover *remover);

/* Sends what there is room for now. 0; -1: it has ended, or there was no memory for what was asked. */
int remover_go_on(struct remover *remover);

/* What was done: 1 and its id and errno; 0 if nothing more was; -1: it has ended. */
int remover_answer(const struct remover *remover, uint32_t *id, int *error);

/* Ends it, whatever is left to do. */
void remover_end(const struct remover *remover);

#endif
