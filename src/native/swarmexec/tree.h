/* All processes below this one: setsid and double forks hide none, since this process is their subreaper. */
#ifndef SWARMEXEC_TREE_H
#define SWARMEXEC_TREE_H

#include <stddef.h>

/* Sends a signal (0: none) to every process below this one; returns how many there are. */
size_t tree_signal(int number);

#endif
