#define _GNU_SOURCE
#include "faults.h"

#include <stdio.h>

#include "asker.h"

void report_fault(struct fs *fs, int kind, int error, const struct node *node, const char *name) {
  char path[PATH_MAX], job[NAME_MAX + 1];
  find_job((pid_t)fs->asker, fs->scratch, job);
  if (!node || node_path(node, path) != 0) snprintf(path, sizeof path, "%s", node ? node->name : "");
  struct bytes *to = &fs->link.outgoing;
  size_t start = frame_start(to, FRAME_TREE_FAULT);
  add_u8(to, (uint8_t)kind);
  add_u32(to, (uint32_t)error);
  add_text(to, path);
  add_text_of(to, name, strnlen(name, NAME_MAX));
  add_text(to, job);
  frame_finish(to, start);
  fs->figures.faults++;
}
