/* The request to run the command: its words, its environment, and a description of ourselves. */
#ifndef SWARMRUN_REQUEST_H
#define SWARMRUN_REQUEST_H

#include "wrapper.h"

/*
 * Asks the peer to run the command; if that can't be done, runs it here. Signals end us here as they would end the
 * command, and so the job.
 */
void hand_over(struct wrapper *self);

#endif
