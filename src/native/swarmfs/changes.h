/* CHANGES frames: what the submitter's tree has become, taken in before a job starts. */
#ifndef BUILDSWARM_SWARMFS_CHANGES_H
#define BUILDSWARM_SWARMFS_CHANGES_H

#include "fs.h"

/* Takes a CHANGES frame; APPLIED is sent when the kernel was told all of it. -1 if it is not a proper one. */
int take_changes(struct fs *fs, const struct frame *frame);

/* Sends APPLIED for those of which the kernel was told all. */
void changes_settle(struct fs *fs);

/* Forgets all that was ever told, as when the submitter lost count of its changes. */
void drop_everything(struct fs *fs);

#endif
