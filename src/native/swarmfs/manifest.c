#define _GNU_SOURCE
#include "manifest.h"

#include "content.h"

struct manifest {
  uint32_t id, count;
  uint64_t generation;
  int flags, error;
  struct tree_attr attr;
  char path[PATH_MAX];
  struct cursor entries;
};

static int parse(const struct frame *frame, struct manifest *manifest) {
  struct cursor from = cursor_of(frame);
  manifest->id = take_u32(&from);
  manifest->generation = take_u64(&from);
  manifest->flags = take_u8(&from);
  manifest->error = (int)take_u32(&from);
  manifest->count = take_u32(&from);
  take_attr(&from, &manifest->attr);
  take_path(&from, manifest->path);
  manifest->entries = from;
  struct tree_entry entry;
  for (uint32_t i = 0; i < manifest->count && !from.failed; i++) take_entry(&from, &entry);
  return from.failed || cursor_left(&from) ? -1 : 0;
}

static void left_tree(void *context, struct node *node) { stale_waiting(context, node); }

void drop_name(struct fs *fs, struct node *node) {
  if (node->parent && node_is_known(node->parent)) notify_name(&fs->notifier, node->parent->id, node->name);
  node_detach(&fs->nodes, node, left_tree, fs);
}

static int is_same_file(const struct tree_attr *one, const struct tree_attr *other) {
  return one->dev == other->dev && one->ino == other->ino && (one->mode & S_IFMT) == (other->mode & S_IFMT);
}

static int is_equal(const struct tree_attr *one, const struct tree_attr *other) {
  return memcmp(one, other, sizeof *one) == 0;
}

/* The attributes of a node as they are now; what the kernel keeps of others must go. */
static void set_attr(struct fs *fs, struct node *node, const struct tree_attr *attr) {
  int content_changed = !attr_is_same_content(&node->attr, attr);
  if (node_is_known(node) && !node->unsure && !is_equal(&node->attr, attr))
    notify_node(&fs->notifier, node->parent ? node->parent->id : 0, node->id);
  if (content_changed && S_ISREG(attr->mode)) content_forget(node);
  node->attr = *attr;
  node->unsure = 0;
}

static void set_present(struct fs *fs, struct node *node, const struct tree_entry *entry) {
  set_attr(fs, node, &entry->attr);
  free(node->target);
  node->target = S_ISLNK(entry->attr.mode) ? strdup(entry->target) : NULL;
  if (S_ISLNK(entry->attr.mode) && !node->target) abort();
  node_set_state(node, NODE_PRESENT);
  if (entry->has_hash && S_ISREG(entry->attr.mode) && entry->attr.size <= INT64_MAX)
    content_told(node, entry->hash);
}

struct node *set_entry(struct fs *fs, struct node *directory, const struct tree_entry *entry) {
  struct node *node = node_child(&fs->nodes, directory, entry->name);
  if (node && node->state == NODE_PRESENT &&
      (entry->state != ENTRY_PRESENT || !is_same_file(&node->attr, &entry->attr))) {
    drop_name(fs, node);
    node = NULL;
  }
  if (!node) node = node_make(&fs->nodes, directory, entry->name);
  if (!node) abort();
  node->alias = entry->is_alias;
  if (entry->state == ENTRY_PRESENT) set_present(fs, node, entry);
  else if (entry->state == ENTRY_UNTOLD) node_set_state(node, NODE_UNKNOWN);
  else node_set_state(node, entry->state == ENTRY_REFUSED ? NODE_REFUSED : NODE_ABSENT);
  return node;
}

static void note_told(struct node *node, uint64_t generation) {
  if (node->told_generation < generation) node->told_generation = generation;
}

static void set_entries(struct fs *fs, struct node *directory, const struct manifest *manifest) {
  note_told(directory, manifest->generation);
  struct cursor from = manifest->entries;
  struct tree_entry entry;
  for (uint32_t i = 0; i < manifest->count; i++) {
    take_entry(&from, &entry);
    struct node *node = set_entry(fs, directory, &entry);
    if (node->waiting || node->wants) wake_waiting(fs, node);
  }
}

static enum directory_state state_after(const struct manifest *manifest) {
  if (manifest->flags & MANIFEST_REFUSED) return DIRECTORY_REFUSED;
  if (!(manifest->flags & MANIFEST_WHOLE)) return DIRECTORY_PARTIAL;
  return manifest->flags & MANIFEST_FOLDED ? DIRECTORY_FOLDED : DIRECTORY_WHOLE;
}

/* Of what was listed whole, names that were not told are not there, or, where they may be aliases, are asked for when they are looked for. */
static void settle_unknown(struct fs *fs, struct node *node) {
  struct directory *directory = node->directory;
  for (size_t i = directory->count; i-- > 0 && directory->unknown > 0;) {
    struct node *child = i < directory->count ? directory->entries[i] : NULL;
    if (!child || child->state != NODE_UNKNOWN) continue;
    /* One that is being asked for is none that a listing has, whatever the answer. */
    if (child->asked) child->alias = directory->state == DIRECTORY_FOLDED;
    else if (directory->state == DIRECTORY_FOLDED) drop_name(fs, child);
    else node_set_state(child, NODE_ABSENT);
  }
}

/* Else its name leads to another directory now: what is known of the one before is none of its. */
static int tells_of(const struct manifest *manifest, const struct node *directory) {
  return !directory->parent || is_same_file(&directory->attr, &manifest->attr);
}

static void take_listing(struct fs *fs, struct node *node, const struct manifest *manifest) {
  struct directory *directory = node_directory(node);
  if (!directory) abort();
  int more = manifest->flags & MANIFEST_MORE;
  if (node->detached) return fail_waiting(fs, node, ESTALE);
  if (manifest->flags & MANIFEST_FAILED) {
    directory->asked = 0;
    return fault_waiting(fs, node, FAULT_FETCH, manifest->error, EIO);
  }
  uint64_t needed = node->invalid_generation > fs->everything_generation ? node->invalid_generation
                                                                         : fs->everything_generation;
  if (manifest->generation >= needed) {
    if (tells_of(manifest, node)) {
      set_attr(fs, node, &manifest->attr);
    } else if (!(manifest->flags & MANIFEST_REFUSED)) {
      node->holds++;
      fault_waiting(fs, node, FAULT_STALE, ESTALE, ESTALE);
      drop_name(fs, node);
      node->holds--;
      return node_release(&fs->nodes, node);
    }
    set_entries(fs, node, manifest);
    if (!more) {
      directory->state = state_after(manifest);
      if (is_listed(directory)) settle_unknown(fs, node);
    }
  }
  if (more) return;
  /* What is too old is asked for anew by those who wait. */
  directory->asked = 0;
  wake_waiting(fs, node);
}

static void take_look(struct fs *fs, struct node *node, const struct manifest *manifest) {
  struct cursor from = manifest->entries;
  struct tree_entry entry;
  node->asked = 0;
  if (node->detached) return fail_waiting(fs, node, ESTALE);
  if (manifest->flags & MANIFEST_FAILED) {
    return fault_waiting(fs, node, FAULT_FETCH, manifest->error, EIO);
  }
  if (manifest->flags & MANIFEST_REFUSED || manifest->count == 0) {
    return fault_waiting(fs, node, FAULT_REFUSED, EACCES, EACCES);
  }
  take_entry(&from, &entry);
  uint64_t needed = node->invalid_generation > fs->everything_generation ? node->invalid_generation
                                                                         : fs->everything_generation;
  /* With the directory goes this name, and who waits for it looks it up again. */
  if (!tells_of(manifest, node->parent)) return drop_name(fs, node->parent);
  if (strcmp(entry.name, node->name) == 0 && manifest->generation >= needed) {
    note_told(node->parent, manifest->generation);
    struct node *now = set_entry(fs, node->parent, &entry);
    if (now != node) return; /* who waited was told that it is stale */
  }
  wake_waiting(fs, node);
}

/* What was not asked for: taken if the directory is known and nothing newer. */
static void take_pushed(struct fs *fs, const struct manifest *manifest) {
  struct node *node = node_find(&fs->nodes, manifest->path);
  if (!node || node->state != NODE_PRESENT || !node_is_directory(node)) return;
  if (manifest->flags & (MANIFEST_FAILED | MANIFEST_REFUSED)) return;
  if (manifest->flags & MANIFEST_SINGLE) {
    if (manifest->generation >= node->invalid_generation) set_entries(fs, node, manifest);
    return;
  }
  take_listing(fs, node, manifest);
}

int take_manifest(struct fs *fs, const struct frame *frame) {
  struct manifest manifest;
  if (parse(frame, &manifest) != 0) return -1;
  if (manifest.id == 0) {
    take_pushed(fs, &manifest);
    return 0;
  }
  struct ask *ask = ask_take(fs, manifest.id);
  if (!ask) return 0;
  int is_look = (manifest.flags & MANIFEST_SINGLE) != 0;
  if (ask->kind == ASK_READ || is_look != (ask->kind == ASK_LOOK)) return -1;
  if (is_look) take_look(fs, ask->node, &manifest);
  else take_listing(fs, ask->node, &manifest);
  /* The answer goes on under the same number. */
  if (!is_look && manifest.flags & MANIFEST_MORE) {
    if (map_set(&fs->supply.asks, ask->id, ask) != 0) abort();
    fs->supply.answering = NULL;
    return 0;
  }
  ask_free(fs, ask);
  return 0;
}

int take_failed(struct fs *fs, const struct frame *frame) {
  struct cursor from = cursor_of(frame);
  uint32_t id = take_u32(&from);
  int error = (int)take_u32(&from);
  if (from.failed) return -1;
  struct ask *ask = ask_take(fs, id);
  if (!ask) return 0;
  struct node *node = ask->node;
  if (ask->kind == ASK_LIST) node->directory->asked = 0;
  else if (ask->kind == ASK_LOOK) node->asked = 0;
  else content_forget(node);
  fault_waiting(fs, node, FAULT_FETCH, error, EIO);
  ask_free(fs, ask);
  return 0;
}
