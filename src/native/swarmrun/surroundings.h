/* Whether the command would find around it what the peer finds around itself. */
#ifndef SWARMRUN_SURROUNDINGS_H
#define SWARMRUN_SURROUNDINGS_H

#include <sys/socket.h>

/* NULL, or what is not as at the peer: what a command finds or makes elsewhere is as the peer would. */
const char *difference_from(const struct ucred *peer);

#endif
