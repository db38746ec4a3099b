/* The kernel's side: requests come from /dev/fuse, answers go there. */
#ifndef BUILDSWARM_SWARMFS_KERNEL_H
#define BUILDSWARM_SWARMFS_KERNEL_H

#include "fs.h"

/* Reads and handles the requests that are there; -1 when the connection is over. */
int kernel_serve(struct fs *fs);

/* Handles one request, or keeps it until its node is answered. */
void kernel_handle(struct fs *fs, const unsigned char *request, size_t length);

#endif
