/* Whether the command would find around it what the peer finds around itself. */
#ifndef SWARMRUN_SURROUNDINGS_H
#define SWARMRUN_SURROUNDINGS_H

#include <sys/socket.h>

/* "", or what is not as at the peer: what a command finds or makes elsewhere is as the peer would. One of JOB's words. */
const char *difference_from(const struct ucred *peer);

#endif
