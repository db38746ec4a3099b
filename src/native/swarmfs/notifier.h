/*
 * Tells the kernel what it must forget. The kernel takes locks for this that a lookup holds while it waits for an
 * answer of ours: so a thread of its own does it, while the main one goes on answering.
 */
#ifndef BUILDSWARM_SWARMFS_NOTIFIER_H
#define BUILDSWARM_SWARMFS_NOTIFIER_H

#include <pthread.h>
#include <stdint.h>

struct notice;

struct notifier {
  int device, wake_fd; /* /dev/fuse; an eventfd that is raised when all was told */
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  struct notice *first, **last;
  uint64_t queued, told; /* notices since the start */
  uint64_t failures;
};

/* Starts the thread; 0, or -1 with errno. */
int notifier_start(struct notifier *notifier, int device);

/* What `name` in directory `parent` leads to. */
void notify_name(struct notifier *notifier, uint64_t parent, const char *name);
/*
 * Attributes and pages of a node, or the listing of a directory. `parent` (0: none) is waited for first: a lookup
 * in it that was answered before may not have reached the kernel's table yet.
 */
void notify_node(struct notifier *notifier, uint64_t parent, uint64_t node);

/* How many of the notices queued so far were told; equal to `queued` if all. */
uint64_t notifier_told(struct notifier *notifier);

#endif
