/* READDIR and READDIRPLUS. */
#ifndef BUILDSWARM_SWARMFS_DIRECTORY_H
#define BUILDSWARM_SWARMFS_DIRECTORY_H

#include <linux/fuse.h>

#include "fs.h"

/* Answers with some entries, or keeps the request until its directory is told. */
void handle_readdir(struct fs *fs, struct node *node, const struct fuse_in_header *header, size_t length);

#endif
