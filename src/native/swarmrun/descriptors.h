/* What the descriptors are that the command was given. */
#ifndef SWARMRUN_DESCRIPTORS_H
#define SWARMRUN_DESCRIPTORS_H

#include "wrapper.h"

/* Moves a descriptor out of the way of 0-2, which may be closed and must stay so, and of the command's own. */
int to_high(int fd);

enum kind kind_of(int fd);

/* The same, where a file that holds nothing and is written from its beginning is FRESH. */
enum kind output_kind_of(int fd);

/* Do stdout and stderr lead to the same thing? */
int is_merged(const enum kind kinds[3]);

/* How many descriptors the command was given besides 0-2; 0 if that can't be seen. */
int count_descriptors(char **command);

#endif
