/* The connection to the peer of this machine and user. */
#ifndef SWARMRUN_PEER_H
#define SWARMRUN_PEER_H

#include <stddef.h>

/* A connection to the peer where it is to be found, or -1. `surroundings`: what is not as at the peer, see difference_from. */
int connect_peer(const char **surroundings);

/* 0, or -1 if the peer takes nothing more. */
int send_all(int peer, const unsigned char *data, size_t length);

/* That the peer is gone is seen, and dealt with, where its frames are read. */
void send_frame(int peer, int type, const void *payload, size_t length);

#endif
