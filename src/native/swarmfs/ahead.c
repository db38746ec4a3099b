#define _GNU_SOURCE
#include "ahead.h"

#include "content.h"
#include "fs.h"

enum {
  MOST_WANTS = 16 * 1024, /* what is told beyond that is asked for when it is wanted */
  MOST_ASKS = 24,         /* on their way; a job's own go past them at the submitter */
  MOST_ASKED_BYTES = 4 * 1024 * 1024,
  MOST_TRIES = 3,
  MOST_IN_A_TURN = 8, /* an own file may have to be hashed for each, and jobs are to be answered meanwhile */
};

static void let_go(struct fs *fs, struct node *node) {
  node->holds--;
  node_release(&fs->nodes, node);
}

/* `want` is on no list. */
static void give_up(struct fs *fs, struct want *want) {
  fs->ahead.count--;
  let_go(fs, want->node);
  free(want);
}

static void reach_node(struct fs *fs, struct want *want, struct node *node) {
  struct node *before = want->node;
  want->node = node;
  node->holds++;
  if (before) let_go(fs, before);
}

static void make_ready(struct fs *fs, struct want *want) {
  struct want **at = &fs->ahead.ready;
  while (*at && (*at)->serial < want->serial) at = &(*at)->next;
  want->next = *at;
  *at = want;
}

/* Goes on when `node` was answered; `asked` is what sending the question gave. */
static void wait_on(struct fs *fs, struct want *want, struct node *node, int asked) {
  if (asked != 0 || ++want->tries > MOST_TRIES) return give_up(fs, want);
  node->holds++;
  want->next = node->wants;
  node->wants = want;
}

/* The node that was wanted is reached. */
static void arrive(struct fs *fs, struct want *want) {
  struct node *node = want->node;
  if (want->kind == AHEAD_LIST && node_is_directory(node)) {
    int known =
        node->directory && (is_listed(node->directory) || node->directory->state == DIRECTORY_REFUSED);
    if (!known) ask_list(fs, node, LIST_WHOLE, "");
  }
  if (want->kind != AHEAD_READ || !S_ISREG(node->attr.mode) || node->unsure) return give_up(fs, want);
  switch (content_ahead(fs, node, &want->piece, want->last_piece)) {
    case AHEAD_DONE: return give_up(fs, want);
    case AHEAD_ASKED: return make_ready(fs, want);
    case AHEAD_WAIT: return wait_on(fs, want, node, 0);
  }
}

/* As far as it is known; then what comes next is asked for. */
static void advance(struct fs *fs, struct want *want) {
  char name[NAME_MAX + 1];
  while (*want->rest) {
    struct node *node = want->node;
    if (node->detached || node->state != NODE_PRESENT || !node_is_directory(node)) return give_up(fs, want);
    size_t length = strcspn(want->rest + 1, "/");
    memcpy(name, want->rest + 1, length);
    name[length] = '\0';
    struct node *child = node_child(&fs->nodes, node, name);
    enum directory_state state = node->directory ? node->directory->state : DIRECTORY_UNKNOWN;
    if (!child && state == DIRECTORY_WHOLE) return give_up(fs, want);
    if (!child && state == DIRECTORY_UNKNOWN)
      return wait_on(fs, want, node, ask_list(fs, node, LIST_AROUND, name));
    if (!child && !(child = node_make(&fs->nodes, node, name))) return give_up(fs, want);
    int is_unsure = child->state == NODE_PRESENT && child->unsure;
    /* A directory whose attributes have changed is mostly the same: what is in it is asked for in the same packet. */
    int goes_on = is_unsure && node_is_directory(child) && want->rest[1 + length];
    if (goes_on && ask_look(fs, child) != 0) return give_up(fs, want);
    if (child->state == NODE_UNKNOWN || (is_unsure && !goes_on))
      return wait_on(fs, want, child, ask_look(fs, child));
    if (child->state != NODE_PRESENT) return give_up(fs, want);
    want->rest += 1 + length;
    want->tries = 0;
    reach_node(fs, want, child);
  }
  arrive(fs, want);
}

int ahead_is_due(const struct fs *fs) {
  const struct supply *supply = &fs->supply;
  return fs->ahead.ready && supply->ahead_count < MOST_ASKS && supply->ahead_bytes < MOST_ASKED_BYTES;
}

void ahead_go_on(struct fs *fs) {
  fs->supply.asking_ahead = 1;
  for (int i = 0; i < MOST_IN_A_TURN && ahead_is_due(fs); i++) {
    struct want *want = fs->ahead.ready;
    fs->ahead.ready = want->next;
    advance(fs, want);
  }
  fs->supply.asking_ahead = 0;
}

void ahead_wanted(struct fs *fs, struct node *node, int is_answered) {
  struct want *want = node->wants;
  node->wants = NULL;
  for (struct want *next; want; want = next) {
    next = want->next;
    node->holds--;
    if (is_answered) make_ready(fs, want);
    else give_up(fs, want);
  }
}

static void want_path(struct fs *fs, int kind, const char *path, uint32_t piece, uint32_t last_piece) {
  struct ahead *ahead = &fs->ahead;
  size_t length = strlen(path);
  struct want *want = ahead->count < MOST_WANTS ? malloc(sizeof *want + length + 1) : NULL;
  if (!want) return;
  *want = (struct want){.kind = kind, .piece = piece, .last_piece = last_piece};
  memcpy(want->path, path, length + 1);
  want->rest = want->path;
  want->serial = ahead->next_serial++;
  ahead->count++;
  reach_node(fs, want, fs->nodes.root);
  make_ready(fs, want);
}

int take_ahead(struct fs *fs, const struct frame *frame) {
  struct cursor from = cursor_of(frame);
  char path[PATH_MAX];
  while (!from.failed && cursor_left(&from) > 0) {
    int kind = take_u8(&from);
    take_path(&from, path);
    uint32_t piece = kind == AHEAD_READ ? take_u32(&from) : 0;
    uint32_t last_piece = kind == AHEAD_READ ? take_u32(&from) : 0;
    if (kind > AHEAD_READ) return -1;
    if (!from.failed) want_path(fs, kind, path, piece, last_piece);
  }
  return from.failed ? -1 : 0;
}
