#define _GNU_SOURCE
#include "supply.h"

#include "faults.h"
#include "reply.h"

int wait_for(struct fs *fs, struct node *node, const void *request, size_t length) {
  struct supply *supply = &fs->supply;
  struct waiting *waiting = malloc(sizeof *waiting + length);
  if (!waiting) return -1;
  *waiting = (struct waiting){.node = node, .length = length, .unique = kernel_unique(request)};
  memcpy(waiting->request, request, length);
  struct waiting **last = &node->waiting;
  while (*last) last = &(*last)->next_of_node;
  *last = waiting;
  waiting->next = supply->waiting;
  if (supply->waiting) supply->waiting->previous = waiting;
  supply->waiting = waiting;
  supply->waiting_count++;
  node->holds++;
  return 0;
}

static void leave_all(struct fs *fs, struct waiting *waiting) {
  if (waiting->previous) waiting->previous->next = waiting->next;
  else fs->supply.waiting = waiting->next;
  if (waiting->next) waiting->next->previous = waiting->previous;
  fs->supply.waiting_count--;
}

struct waiting *waiting_take(struct fs *fs, struct node *node) {
  struct waiting *first = node->waiting;
  node->waiting = NULL;
  for (struct waiting *waiting = first; waiting; waiting = waiting->next_of_node) {
    leave_all(fs, waiting);
    node->holds--;
  }
  return first;
}

void waiting_free(struct waiting *waiting) { free(waiting); }

struct waiting *waiting_find(struct fs *fs, uint64_t unique) {
  struct waiting *waiting = fs->supply.waiting;
  while (waiting && waiting->unique != unique) waiting = waiting->next;
  return waiting;
}

struct waiting *waiting_interrupted(struct fs *fs, uint64_t unique) {
  struct waiting *waiting = waiting_find(fs, unique);
  if (!waiting) return NULL;
  struct waiting **link = &waiting->node->waiting;
  while (*link != waiting) link = &(*link)->next_of_node;
  *link = waiting->next_of_node;
  leave_all(fs, waiting);
  waiting->node->holds--;
  node_release(&fs->nodes, waiting->node);
  return waiting;
}

void fail_waiting(struct fs *fs, struct node *node, int error) {
  node->holds++;
  fs->supply.wanted(fs, node, 0);
  for (struct waiting *waiting = waiting_take(fs, node), *next; waiting; waiting = next) {
    next = waiting->next_of_node;
    kernel_reply(fs, waiting->unique, error, NULL, 0);
    waiting_free(waiting);
  }
  node->holds--;
  node_release(&fs->nodes, node);
}

void fault_waiting(struct fs *fs, struct node *node, int kind, int fault, int error) {
  /* Where nobody waits any more, it is not known which job may have had half of an answer. */
  fs->asker = 0;
  const struct ask *answering = fs->supply.answering;
  if (!node->waiting && !(answering && answering->is_ahead)) report_fault(fs, kind, fault, node, "");
  for (struct waiting *waiting = node->waiting; waiting; waiting = waiting->next_of_node) {
    fs->asker = kernel_asker(waiting->request);
    report_fault(fs, kind, fault, node, "");
  }
  fail_waiting(fs, node, error);
}

void stale_waiting(struct fs *fs, struct node *node) {
  for (struct waiting *waiting = node->waiting; waiting; waiting = waiting->next_of_node) {
    if (kernel_looks_up(waiting->request)) continue;
    fs->asker = kernel_asker(waiting->request);
    report_fault(fs, FAULT_STALE, ESTALE, node, "");
  }
  fail_waiting(fs, node, ESTALE);
}

void wake_waiting(struct fs *fs, struct node *node) {
  node->holds++;
  for (struct waiting *waiting = waiting_take(fs, node), *next; waiting; waiting = next) {
    next = waiting->next_of_node;
    fs->supply.handle(fs, waiting->request, waiting->length);
    waiting_free(waiting);
  }
  fs->supply.wanted(fs, node, 1);
  node->holds--;
  node_release(&fs->nodes, node);
}

static struct ask *start_ask(struct fs *fs, enum ask_kind kind, struct node *node) {
  struct supply *supply = &fs->supply;
  struct ask *ask = calloc(1, sizeof *ask);
  if (!ask) abort();
  do ask->id = ++supply->next_id;
  while (ask->id == 0 || map_get(&supply->asks, ask->id));
  ask->kind = kind;
  ask->node = node;
  ask->is_ahead = supply->asking_ahead;
  if (ask->is_ahead) {
    supply->ahead_count++;
    fs->figures.ahead++;
  }
  if (map_set(&supply->asks, ask->id, ask) != 0) abort();
  node->holds++;
  fs->figures.asks++;
  return ask;
}

int ask_list(struct fs *fs, struct node *node, int mode, const char *hint) {
  char path[PATH_MAX];
  struct directory *directory = node_directory(node);
  if (!directory) abort();
  if (directory->asked > mode) return 0;
  if (node_path(node, path) != 0) return -1;
  directory->asked = mode + 1;
  struct ask *ask = start_ask(fs, ASK_LIST, node);
  ask->mode = mode;
  fs->figures.lists++;
  struct bytes *to = &fs->link.outgoing;
  size_t start = frame_start(to, FRAME_TREE_LIST);
  add_u32(to, ask->id);
  add_u8(to, (uint8_t)mode);
  add_text(to, path);
  add_text(to, hint);
  frame_finish(to, start);
  return 0;
}

int ask_look(struct fs *fs, struct node *node) {
  char path[PATH_MAX];
  if (node->asked) return 0;
  if (!node->parent || node_path(node->parent, path) != 0) return -1;
  node->asked = 1;
  struct ask *ask = start_ask(fs, ASK_LOOK, node);
  fs->figures.looks++;
  struct bytes *to = &fs->link.outgoing;
  size_t start = frame_start(to, FRAME_TREE_LOOK);
  add_u32(to, ask->id);
  add_text(to, path);
  add_text(to, node->name);
  frame_finish(to, start);
  return 0;
}

int ask_read(struct fs *fs, struct node *node, uint32_t piece, uint64_t offset, uint32_t length,
             const unsigned char *candidates, int candidate_count) {
  char path[PATH_MAX];
  if (node_path(node, path) != 0) return -1;
  struct ask *ask = start_ask(fs, ASK_READ, node);
  ask->piece = piece;
  ask->length = length;
  if (ask->is_ahead) fs->supply.ahead_bytes += length;
  fs->figures.reads++;
  struct bytes *to = &fs->link.outgoing;
  size_t start = frame_start(to, FRAME_TREE_READ);
  add_u32(to, ask->id);
  add_u64(to, offset);
  add_u32(to, length);
  add_u8(to, 1);
  add_attr(to, &node->attr);
  add_u8(to, (uint8_t)candidate_count);
  bytes_add(to, candidates, (size_t)candidate_count * HASH_BYTES);
  add_text(to, path);
  frame_finish(to, start);
  return 0;
}

struct ask *ask_take(struct fs *fs, uint32_t id) {
  struct ask *ask = map_get(&fs->supply.asks, id);
  if (ask) map_remove(&fs->supply.asks, id);
  fs->supply.answering = ask;
  return ask;
}

void ask_free(struct fs *fs, struct ask *ask) {
  struct supply *supply = &fs->supply;
  if (ask->is_ahead) {
    supply->ahead_count--;
    supply->ahead_bytes -= ask->length;
  }
  supply->answering = NULL;
  ask->node->holds--;
  node_release(&fs->nodes, ask->node);
  free(ask);
}
