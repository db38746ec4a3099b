/* MANIFEST frames: what the submitter tells of directories and names. */
#ifndef BUILDSWARM_SWARMFS_MANIFEST_H
#define BUILDSWARM_SWARMFS_MANIFEST_H

#include "fs.h"

/* Takes a MANIFEST frame; -1 if it is not a proper one. */
int take_manifest(struct fs *fs, const struct frame *frame);

/* What was asked for cannot be had: those who wait for it fail. -1 if the frame is not a proper one. */
int take_failed(struct fs *fs, const struct frame *frame);

/* The name means something else now, or nothing: the kernel is told, its node goes. */
void drop_name(struct fs *fs, struct node *node);

/* One name of a directory as it is now. Who waits for it is not woken yet. */
struct node *set_entry(struct fs *fs, struct node *directory, const struct tree_entry *entry);

#endif
