#define _GNU_SOURCE
#include "nodes.h"

enum { FIRST_ROOM = 4096, ROOT_ID = 1 };

static int grow_slots(struct nodes *nodes) {
  size_t room = nodes->slot_room ? nodes->slot_room * 2 : FIRST_ROOM;
  struct node **slots = realloc(nodes->slots, room * sizeof *slots);
  if (slots) nodes->slots = slots;
  uint32_t *generations = realloc(nodes->generations, room * sizeof *generations);
  if (generations) nodes->generations = generations;
  uint64_t *free_ids = realloc(nodes->free_ids, room * sizeof *free_ids);
  if (free_ids) nodes->free_ids = free_ids;
  if (!slots || !generations || !free_ids) return -1;
  memset(generations + nodes->slot_room, 0, (room - nodes->slot_room) * sizeof *generations);
  nodes->slot_room = room;
  return 0;
}

static struct node *new_node(struct nodes *nodes, const char *name) {
  if (nodes->free_count == 0 && nodes->slot_count == nodes->slot_room && grow_slots(nodes) != 0) return NULL;
  struct node *node = calloc(1, sizeof *node + strlen(name) + 1);
  if (!node) return NULL;
  strcpy(node->name, name);
  node->id = nodes->free_count > 0 ? nodes->free_ids[--nodes->free_count] : nodes->slot_count++;
  node->generation = ++nodes->generations[node->id];
  node->serial = nodes->next_serial++;
  nodes->slots[node->id] = node;
  nodes->count++;
  return node;
}

int nodes_open(struct nodes *nodes) {
  *nodes = (struct nodes){.slot_count = ROOT_ID, .next_serial = 1};
  if (grow_slots(nodes) != 0) return -1;
  nodes->slots[0] = NULL;
  nodes->root = new_node(nodes, "");
  if (!nodes->root) return -1;
  nodes->root->state = NODE_PRESENT;
  nodes->root->unsure = 1;
  nodes->root->attr.mode = S_IFDIR | 0555;
  return 0;
}

struct node *node_by_id(const struct nodes *nodes, uint64_t id) {
  return id < nodes->slot_count ? nodes->slots[id] : NULL;
}

static uint64_t key_of(const struct node *parent, const char *name) {
  return hash_text(parent->serial, name);
}

struct node *node_child(const struct nodes *nodes, const struct node *parent, const char *name) {
  struct node *node = map_get(&nodes->by_name, key_of(parent, name));
  while (node && (node->parent != parent || strcmp(node->name, name) != 0)) node = node->next_of_key;
  return node;
}

struct node *node_find(const struct nodes *nodes, const char *path) {
  struct node *node = nodes->root;
  char name[NAME_MAX + 1];
  while (node && *path) {
    size_t length = strcspn(++path, "/");
    memcpy(name, path, length);
    name[length] = '\0';
    node = node_child(nodes, node, name);
    path += length;
  }
  return node;
}

struct directory *node_directory(struct node *node) {
  if (!node->directory) node->directory = calloc(1, sizeof *node->directory);
  return node->directory;
}

static int add_to_directory(struct node *parent, struct node *node) {
  struct directory *directory = node_directory(parent);
  if (!directory) return -1;
  if (directory->count == directory->room) {
    size_t room = directory->room ? directory->room * 2 : 16;
    struct node **grown = realloc(directory->entries, room * sizeof *grown);
    if (!grown) return -1;
    directory->entries = grown;
    directory->room = room;
  }
  node->index = directory->count;
  directory->entries[directory->count++] = node;
  directory->unknown++;
  return 0;
}

static void free_node(struct nodes *nodes, struct node *node) {
  nodes->slots[node->id] = NULL;
  nodes->free_ids[nodes->free_count++] = node->id;
  nodes->count--;
  free(node->content);
  if (node->directory) free(node->directory->entries);
  free(node->directory);
  free(node->target);
  free(node);
}

struct node *node_make(struct nodes *nodes, struct node *parent, const char *name) {
  struct node *node = new_node(nodes, name);
  if (!node) return NULL;
  uint64_t key = key_of(parent, name);
  node->next_of_key = map_get(&nodes->by_name, key);
  if (add_to_directory(parent, node) != 0) {
    free_node(nodes, node);
    return NULL;
  }
  if (map_set(&nodes->by_name, key, node) != 0) {
    parent->directory->count--;
    parent->directory->unknown--;
    free_node(nodes, node);
    return NULL;
  }
  node->parent = parent;
  return node;
}

void node_set_state(struct node *node, enum node_state state) {
  struct directory *directory = node->parent ? node->parent->directory : NULL;
  if (directory && node->state == NODE_UNKNOWN) directory->unknown--;
  if (directory && state == NODE_UNKNOWN) directory->unknown++;
  node->state = state;
}

int node_path(const struct node *node, char path[PATH_MAX]) {
  size_t length = 0;
  if (node->detached) return -1;
  for (const struct node *at = node; at->parent; at = at->parent) length += strlen(at->name) + 1;
  if (length >= PATH_MAX) return -1;
  path[length] = '\0';
  for (const struct node *at = node; at->parent; at = at->parent) {
    size_t part = strlen(at->name);
    length -= part + 1;
    path[length] = '/';
    memcpy(path + length + 1, at->name, part);
  }
  return 0;
}

/* Leaves room at the end of the entries where it can, so that names that come and go cost nothing. */
static void leave_directory(struct node *node) {
  struct directory *directory = node->parent->directory;
  if (node->state == NODE_UNKNOWN) directory->unknown--;
  directory->entries[node->index] = NULL;
  while (directory->count > 0 && !directory->entries[directory->count - 1]) directory->count--;
}

static void detach_one(struct nodes *nodes, struct node *node) {
  uint64_t key = key_of(node->parent, node->name);
  struct node *first = map_get(&nodes->by_name, key), **link = &first;
  while (*link && *link != node) link = &(*link)->next_of_key;
  if (*link) *link = node->next_of_key;
  if (!first) map_remove(&nodes->by_name, key);
  else map_set(&nodes->by_name, key, first);
  leave_directory(node);
  node->next_of_key = node->parent = NULL;
  node->detached = 1;
}

static struct node *last_child(const struct node *node) {
  const struct directory *directory = node->directory;
  return directory && directory->count > 0 ? directory->entries[directory->count - 1] : NULL;
}

void node_detach(struct nodes *nodes, struct node *node, void (*left)(void *, struct node *), void *context) {
  struct node *at = node;
  for (;;) {
    for (struct node *child; (child = last_child(at));) at = child;
    struct node *parent = at->parent;
    int last = at == node;
    if (at->directory) at->directory->state = DIRECTORY_UNKNOWN;
    detach_one(nodes, at);
    at->holds++; /* so that what `left` does cannot free it under us */
    left(context, at);
    at->holds--;
    node_release(nodes, at);
    if (last) return;
    at = parent;
  }
}

void node_release(struct nodes *nodes, struct node *node) {
  if (node->detached && node->lookups == 0 && node->holds == 0) free_node(nodes, node);
}
