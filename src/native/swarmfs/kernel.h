/* The kernel's side: requests come from /dev/fuse, answers go there. */
#ifndef BUILDSWARM_SWARMFS_KERNEL_H
#define BUILDSWARM_SWARMFS_KERNEL_H

#include <linux/fuse.h>

#include "fs.h"

/* Reads and handles the requests that are there; -1 when the connection is over. */
int kernel_serve(struct fs *fs);

/* Handles one request, or keeps it until its node is answered. */
void kernel_handle(struct fs *fs, const unsigned char *request, size_t length);

uint64_t kernel_unique(const void *request);
/* Is it a lookup of a name, which the kernel makes again if it fails with ESTALE? */
int kernel_looks_up(const void *request);
/* The process that waits for the answer, by its number in our namespace; 0 if there is none. */
uint32_t kernel_asker(const void *request);
/* `error` is an errno, or 0. */
void kernel_reply(struct fs *fs, uint64_t unique, int error, const void *data, size_t length);

/* For directory.c: an entry of the kernel's for a node, which it then has once more. */
void kernel_fill_entry(struct fs *fs, struct fuse_entry_out *out, struct node *node);
uint64_t kernel_inode(const struct fs *fs, const struct tree_attr *attr);
void handle_readdir(struct fs *fs, struct node *node, const struct fuse_in_header *header, size_t length);

#endif
