#define _GNU_SOURCE
#include "changes.h"

#include "content.h"
#include "manifest.h"

enum { MOST_UNKNOWN = 512 }; /* names of a directory that changed and were not looked for since */

static void tell_node(struct fs *fs, struct node *node) {
  if (node_is_known(node)) notify_node(&fs->notifier, node->parent ? node->parent->id : 0, node->id);
}

/* Its attributes, its content, or what its listing says may be others now. */
static void doubt(struct fs *fs, struct node *node) {
  if (node->state != NODE_PRESENT) return;
  node->unsure = 1;
  if (S_ISREG(node->attr.mode)) content_forget(node);
  tell_node(fs, node);
}

/* A busy directory is listed anew when it is next looked into; what nobody looked for meanwhile is not kept. */
static void forget_unknown(struct fs *fs, struct node *node) {
  struct directory *directory = node->directory;
  directory->state = DIRECTORY_UNKNOWN;
  for (size_t i = directory->count; i-- > 0;) {
    struct node *child = i < directory->count ? directory->entries[i] : NULL;
    if (child && child->state == NODE_UNKNOWN && !child->asked && !child->waiting) drop_name(fs, child);
  }
}

static void change_name(struct fs *fs, struct node *directory, const char *name, uint64_t generation) {
  struct node *node = node_child(&fs->nodes, directory, name);
  if (node && node->state == NODE_UNKNOWN) {
    node->invalid_generation = generation;
    if (node_is_known(directory)) notify_name(&fs->notifier, directory->id, name);
  } else {
    if (node) drop_name(fs, node);
    else if (node_is_known(directory)) notify_name(&fs->notifier, directory->id, name);
    /* Where a name without a node would count as absent, one is needed to say that it is not known. */
    if (directory->directory && directory->directory->state == DIRECTORY_WHOLE) {
      node = node_make(&fs->nodes, directory, name);
      if (!node) abort();
      node->invalid_generation = generation;
    }
  }
  doubt(fs, directory);
  if (directory->directory && directory->directory->unknown > MOST_UNKNOWN) forget_unknown(fs, directory);
}

static void change_node(struct fs *fs, struct node *directory, const char *name, uint64_t generation) {
  struct node *node = node_child(&fs->nodes, directory, name);
  if (!node || node->state == NODE_ABSENT || node->state == NODE_REFUSED)
    return change_name(fs, directory, name, generation);
  node->invalid_generation = generation;
  doubt(fs, node);
}

static void drop_children(struct fs *fs, struct node *node, uint64_t generation) {
  struct directory *directory = node->directory;
  if (directory) {
    directory->state = DIRECTORY_UNKNOWN;
    for (size_t i = directory->count; i-- > 0;)
      if (i < directory->count && directory->entries[i]) {
        struct node *child = directory->entries[i];
        if (child->state == NODE_UNKNOWN) child->invalid_generation = generation;
        else drop_name(fs, child);
      }
  }
  node->invalid_generation = generation;
  doubt(fs, node);
}

void drop_everything(struct fs *fs) { drop_children(fs, fs->nodes.root, fs->everything_generation); }

static void apply(struct fs *fs, int kind, const char *path, const char *name, uint64_t generation) {
  struct node *directory = node_find(&fs->nodes, path);
  /* What was never told needs no taking back. */
  if (!directory || directory->state != NODE_PRESENT) return;
  directory->invalid_generation = generation;
  if (kind == CHANGE_LISTING || !*name) drop_children(fs, directory, generation);
  else if (kind == CHANGE_NAME) change_name(fs, directory, name, generation);
  else change_node(fs, directory, name, generation);
}

/* Answers when the notifier is done with what is queued now. */
static void answer_later(struct fs *fs, uint32_t id, uint64_t generation) {
  struct applying *applying = malloc(sizeof *applying);
  if (!applying) abort();
  *applying = (struct applying){.id = id, .generation = generation, .notices = fs->notifier.queued};
  *fs->applying_last = applying;
  fs->applying_last = &applying->next;
}

int take_changes(struct fs *fs, const struct frame *frame) {
  struct cursor from = cursor_of(frame);
  struct tree_entry entry;
  char path[PATH_MAX];
  uint32_t id = take_u32(&from);
  uint64_t generation = take_u64(&from);
  int flags = take_u8(&from);
  uint32_t count = take_u32(&from);
  if (flags & CHANGES_EVERYTHING) {
    fs->everything_generation = generation;
    drop_everything(fs);
  }
  for (uint32_t i = 0; i < count && !from.failed; i++) {
    int kind = take_u8(&from);
    take_path(&from, path);
    take_entry(&from, &entry);
    if (!from.failed) apply(fs, kind, path, entry.name, generation);
  }
  if (from.failed || cursor_left(&from)) return -1;
  if (!(flags & CHANGES_MORE)) answer_later(fs, id, generation);
  changes_settle(fs);
  return 0;
}

void changes_settle(struct fs *fs) {
  uint64_t told = fs->applying ? notifier_told(&fs->notifier) : 0;
  for (struct applying *first; (first = fs->applying) && first->notices <= told;) {
    struct bytes *to = &fs->link.outgoing;
    size_t start = frame_start(to, FRAME_TREE_APPLIED);
    add_u32(to, first->id);
    add_u64(to, first->generation);
    frame_finish(to, start);
    fs->applying = first->next;
    if (!fs->applying) fs->applying_last = &fs->applying;
    free(first);
  }
}
