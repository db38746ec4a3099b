/* What is read in a request of the kernel, and what is answered. */
#ifndef BUILDSWARM_SWARMFS_REPLY_H
#define BUILDSWARM_SWARMFS_REPLY_H

#include <linux/fuse.h>

#include "fs.h"

/* How long the kernel may believe an answer: until it is told otherwise. */
static const uint64_t forever_s = (uint64_t)1 << 40;

uint64_t kernel_unique(const void *request);
/* Is it a lookup of a name, which the kernel makes again if it fails with ESTALE? */
int kernel_looks_up(const void *request);
/* The process that waits for the answer, by its number in our namespace; 0 if there is none. */
uint32_t kernel_asker(const void *request);
/* `error` is an errno, or 0. */
void kernel_reply(struct fs *fs, uint64_t unique, int error, const void *data, size_t length);

/* An entry of the kernel's for a node, which it then has once more. */
void kernel_fill_entry(struct fs *fs, struct fuse_entry_out *out, struct node *node);
void kernel_fill_attr(const struct fs *fs, struct fuse_attr *out, const struct tree_attr *attr);
uint64_t kernel_inode(const struct fs *fs, const struct tree_attr *attr);

#endif
