/* What a job must not be believed for. */
#ifndef BUILDSWARM_SWARMFS_FAULTS_H
#define BUILDSWARM_SWARMFS_FAULTS_H

#include "fs.h"

/* Tells the peer that the asker's job is not to be believed: which path, as far as there is one. */
void report_fault(struct fs *fs, int kind, int error, const struct node *node, const char *name);

#endif
