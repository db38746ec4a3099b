/* swarmfs: all that it knows. One main loop owns this; the threads of notifier and store have their own parts. */
#ifndef BUILDSWARM_SWARMFS_FS_H
#define BUILDSWARM_SWARMFS_FS_H

#include "../tree/hash-index.h"
#include "../tree/link.h"
#include "../tree/settings.h"
#include "ahead.h"
#include "interrupts.h"
#include "nodes.h"
#include "notifier.h"
#include "store.h"
#include "supply.h"

enum { KERNEL_READ_BYTES = 1024 * 1024, REQUEST_BUFFER_BYTES = KERNEL_READ_BYTES + 4096 };

/* Numbers of users and groups as they are shown: one of each can be, unless all can (see mount.c). */
struct identity {
  uint32_t uid, gid;
  uint32_t groups[64]; /* the submitter's others, shown as `gid`, because it may what they may */
  size_t group_count;
  int all; /* every number is shown as it is */
};

/* CHANGES that were taken in and wait for the notifier. */
struct applying {
  struct applying *next;
  uint32_t id;
  uint64_t generation, notices;
};

struct fs {
  struct tree_link link;
  int device; /* /dev/fuse */
  struct nodes nodes;
  struct supply supply;
  struct interrupts interrupts;
  struct ahead ahead;
  struct notifier notifier;
  struct store store;
  struct hash_index index;
  struct identity identity;
  uint64_t tree;       /* number of the submitter's tree in the index */
  uint64_t plain_dev;  /* the device whose inode numbers are shown as they are; 0: that of the root */
  int use_own_files;   /* files of this machine may stand in for equal ones of the submitter */
  const char *scratch; /* where jobs write; "" if there is none */
  uint64_t everything_generation;
  struct applying *applying, **applying_last;
  unsigned char *read_buffer;    /* KERNEL_READ_BYTES: an answer */
  unsigned char *request_buffer; /* REQUEST_BUFFER_BYTES */
  uint32_t asker;                /* the process whose request is handled now */
  int ended;                     /* the connection to the kernel or the peer is over */
  struct {
    uint64_t requests, opcodes[64], asks, lists, looks, reads, own_files, own_bytes, fetched_bytes, faults,
        stale, ahead;
  } figures;
};

#endif
