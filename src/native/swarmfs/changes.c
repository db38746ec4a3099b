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

/* Is it asked for already, so that an answer comes that says what it is? */
static int is_awaited(const struct node *node) { return node->asked || node->waiting || node->wants; }

/* Was it told of later? Answers may come before the changes that were told before them; half of each is what never was. */
static int is_told_later(const struct node *node, uint64_t generation) {
  return node->told_generation >= generation;
}

/* What the name led to at that generation, where that was looked at. */
static void take_seen(struct fs *fs, struct node *directory, const struct tree_entry *entry,
                      uint64_t generation) {
  struct node *node = node_child(&fs->nodes, directory, entry->name);
  if (entry->state == ENTRY_UNTOLD || is_told_later(directory, generation)) return;
  if (node && (is_awaited(node) || is_told_later(node, generation))) return;
  /* In a directory of which all names are known, what has no node is absent; where they are not, it is asked for. */
  if (entry->state != ENTRY_ABSENT) set_entry(fs, directory, entry);
  else if (node && node->state == NODE_UNKNOWN) drop_name(fs, node);
}

static void change_name(struct fs *fs, struct node *directory, const struct tree_entry *entry,
                        uint64_t generation) {
  const char *name = entry->name;
  struct node *node = node_child(&fs->nodes, directory, name);
  if (node && node->state == NODE_UNKNOWN) {
    node->invalid_generation = generation;
    node->alias = 0;
    if (node_is_known(directory)) notify_name(&fs->notifier, directory->id, name);
  } else {
    if (node) drop_name(fs, node);
    else if (node_is_known(directory)) notify_name(&fs->notifier, directory->id, name);
    /* Where a name without a node would count as absent, one is needed to say that it is not known. */
    int is_gone = entry->state == ENTRY_ABSENT && !is_told_later(directory, generation);
    if (!is_gone && is_listed(directory->directory)) {
      node = node_make(&fs->nodes, directory, name);
      if (!node) abort();
      node->invalid_generation = generation;
    }
  }
  take_seen(fs, directory, entry, generation);
  doubt(fs, directory);
  if (directory->directory && directory->directory->unknown > MOST_UNKNOWN) forget_unknown(fs, directory);
}

static void change_node(struct fs *fs, struct node *directory, const struct tree_entry *entry,
                        uint64_t generation) {
  struct node *node = node_child(&fs->nodes, directory, entry->name);
  if (!node || node->state == NODE_ABSENT || node->state == NODE_REFUSED)
    return change_name(fs, directory, entry, generation);
  node->invalid_generation = generation;
  doubt(fs, node);
  if (entry->state == ENTRY_PRESENT) take_seen(fs, directory, entry, generation);
}

/* A directory in which names changed has other times, which were told to be so with those names. */
static void change_times(struct fs *fs, struct node *directory, const struct tree_entry *entry,
                         uint64_t generation) {
  struct node *node = node_child(&fs->nodes, directory, entry->name);
  if (node && node->state == NODE_PRESENT && entry->state == ENTRY_PRESENT)
    take_seen(fs, directory, entry, generation);
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

static void apply(struct fs *fs, int kind, const char *path, const struct tree_entry *entry,
                  uint64_t generation) {
  struct node *directory = node_find(&fs->nodes, path);
  /* What was never told needs no taking back. */
  if (!directory || directory->state != NODE_PRESENT) return;
  if (kind == CHANGE_TIMES) return change_times(fs, directory, entry, generation);
  directory->invalid_generation = generation;
  if (kind == CHANGE_LISTING) drop_children(fs, directory, generation);
  else if (kind == CHANGE_NAME) change_name(fs, directory, entry, generation);
  else change_node(fs, directory, entry, generation);
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
    if (!from.failed) apply(fs, kind, path, &entry, generation);
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
