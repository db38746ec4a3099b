#define _GNU_SOURCE
#include "notifier.h"

#include <errno.h>
#include <limits.h>
#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct notice {
  struct notice *next;
  uint64_t parent, node;
  char name[];
};

/* No file has this name: the kernel takes the directory's lock for it, and finds nothing. */
static const char no_name[] = "/";

static int tell(const struct notifier *notifier, const void *message, size_t length) {
  ssize_t done;
  do done = write(notifier->device, message, length);
  while (done < 0 && errno == EINTR);
  return done < 0 && errno != ENOENT ? -1 : 0;
}

static int tell_name(const struct notifier *notifier, uint64_t parent, const char *name) {
  struct {
    struct fuse_out_header header;
    struct fuse_notify_inval_entry_out entry;
    char name[NAME_MAX + 1];
  } message;
  memset(&message, 0, sizeof message);
  message.entry.parent = parent;
  message.entry.namelen = (uint32_t)strlen(name);
  memcpy(message.name, name, strlen(name));
  message.header.error = FUSE_NOTIFY_INVAL_ENTRY;
  message.header.len = (uint32_t)(sizeof message.header + sizeof message.entry + strlen(name) + 1);
  return tell(notifier, &message, message.header.len);
}

static int tell_node(const struct notifier *notifier, uint64_t node) {
  struct {
    struct fuse_out_header header;
    struct fuse_notify_inval_inode_out inode;
  } message;
  memset(&message, 0, sizeof message);
  message.inode.ino = node; /* offset and length 0: all of it */
  message.header.error = FUSE_NOTIFY_INVAL_INODE;
  message.header.len = sizeof message;
  return tell(notifier, &message, sizeof message);
}

static int tell_notice(const struct notifier *notifier, const struct notice *notice) {
  if (!notice->node) return tell_name(notifier, notice->parent, notice->name);
  int failed = notice->parent ? tell_name(notifier, notice->parent, no_name) : 0;
  return tell_node(notifier, notice->node) | failed;
}

static void *tell_all(void *argument) {
  struct notifier *notifier = argument;
  pthread_mutex_lock(&notifier->lock);
  for (;;) {
    while (!notifier->first) pthread_cond_wait(&notifier->wake, &notifier->lock);
    struct notice *notice = notifier->first;
    notifier->first = notice->next;
    if (!notifier->first) notifier->last = &notifier->first;
    pthread_mutex_unlock(&notifier->lock);
    int failed = tell_notice(notifier, notice) != 0;
    free(notice);
    pthread_mutex_lock(&notifier->lock);
    notifier->told++;
    notifier->failures += (uint64_t)failed;
    uint64_t one = 1;
    if (!notifier->first && write(notifier->wake_fd, &one, sizeof one) < 0) continue; /* raised already */
  }
  return NULL;
}

int notifier_start(struct notifier *notifier, int device) {
  notifier->device = device;
  notifier->last = &notifier->first;
  notifier->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (notifier->wake_fd < 0) return -1;
  pthread_mutex_init(&notifier->lock, NULL);
  pthread_cond_init(&notifier->wake, NULL);
  errno = pthread_create(&notifier->thread, NULL, tell_all, notifier);
  return errno ? -1 : 0;
}

static void queue(struct notifier *notifier, uint64_t parent, uint64_t node, const char *name) {
  struct notice *notice = malloc(sizeof *notice + strlen(name) + 1);
  if (!notice) abort(); /* to go on without it would be to serve what is not so */
  *notice = (struct notice){.parent = parent, .node = node};
  strcpy(notice->name, name);
  pthread_mutex_lock(&notifier->lock);
  *notifier->last = notice;
  notifier->last = &notice->next;
  notifier->queued++;
  pthread_cond_signal(&notifier->wake);
  pthread_mutex_unlock(&notifier->lock);
}

void notify_name(struct notifier *notifier, uint64_t parent, const char *name) {
  queue(notifier, parent, 0, name);
}

void notify_node(struct notifier *notifier, uint64_t parent, uint64_t node) {
  queue(notifier, parent, node, "");
}

uint64_t notifier_told(struct notifier *notifier) {
  pthread_mutex_lock(&notifier->lock);
  uint64_t told = notifier->told;
  pthread_mutex_unlock(&notifier->lock);
  return told;
}
