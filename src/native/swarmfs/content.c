#define _GNU_SOURCE
#include "content.h"

#include <fcntl.h>
#include <unistd.h>

#include "fs.h"

enum {
  OWN_TREE = 0,        /* the number of this machine's own files in the index */
  OVERFLOW_ID = 65534, /* how the system's users look from a user namespace */
  MOST_TRIES = 4,
  AHEAD_PIECES = 3,
};

void content_forget(struct node *node) {
  free(node->content);
  node->content = NULL;
}

static int is_single(const struct node *node) { return node->attr.size <= TREE_WHOLE_BYTES; }

static struct content *content_of(struct node *node) {
  if (node->content) return node->content;
  uint64_t count = is_single(node) ? 1 : (node->attr.size + TREE_PIECE_BYTES - 1) / TREE_PIECE_BYTES;
  if (count > UINT32_MAX - 1) return NULL;
  node->content = calloc(1, sizeof *node->content + (size_t)count * sizeof *node->content->pieces);
  if (node->content) node->content->piece_count = (uint32_t)count;
  return node->content;
}

static void know_whole(struct node *node, const unsigned char hash[HASH_BYTES]) {
  struct content *content = content_of(node);
  if (!content) return;
  content->has_whole_hash = 1;
  memcpy(content->whole_hash, hash, HASH_BYTES);
  if (!is_single(node)) return;
  content->pieces[0].known = 1;
  memcpy(content->pieces[0].hash, hash, HASH_BYTES);
}

void content_told(struct node *node, const unsigned char hash[HASH_BYTES]) { know_whole(node, hash); }

/* ---- This machine's own file of the same path ---- */

/* Opens it if it is one of the system's that everybody may read: others are nobody's business. */
static int open_own(const struct node *node, struct tree_attr *attr) {
  char path[PATH_MAX];
  struct stat stat;
  if (node_path(node, path) != 0) return -1;
  int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return -1;
  int fits = fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) && stat.st_mode & 0004 &&
             (stat.st_uid == 0 || stat.st_uid == OVERFLOW_ID) && (uint64_t)stat.st_size == node->attr.size;
  if (!fits) {
    close(fd);
    return -1;
  }
  attr_from_stat(attr, &stat);
  return fd;
}

static int hash_own(struct fs *fs, int fd, const struct tree_attr *attr, unsigned char hash[HASH_BYTES]) {
  if (hash_index_get(&fs->index, OWN_TREE, attr, WHOLE_FILE, hash)) return 0;
  struct stat stat;
  struct tree_attr after;
  if (sha256_of_file(fd, attr->size, hash) != 0 || fstat(fd, &stat) != 0) return -1;
  attr_from_stat(&after, &stat);
  if (!attr_is_same_content(attr, &after)) return -1;
  if (is_settled(attr)) hash_index_set(&fs->index, OWN_TREE, attr, WHOLE_FILE, hash);
  return 0;
}

/* Finds out whether the own file is equal; if the submitter's hash is not known, `candidate` gets the own one: 1. */
static int try_own(struct fs *fs, struct node *node, unsigned char candidate[HASH_BYTES]) {
  struct content *content = node->content;
  if (content->own != OWN_UNTRIED || content->own_offered || !fs->use_own_files) return 0;
  if (node->attr.size == 0 || node->attr.size > TREE_CANDIDATE_BYTES) return 0;
  content->own = OWN_OTHER;
  int fd = open_own(node, &content->own_attr);
  if (fd < 0) return 0;
  int hashed = hash_own(fs, fd, &content->own_attr, candidate) == 0;
  close(fd);
  if (!hashed) return 0;
  if (content->has_whole_hash) {
    if (memcmp(candidate, content->whole_hash, HASH_BYTES) == 0) content->own = OWN_EQUAL;
    return 0;
  }
  content->own = OWN_UNTRIED;
  return 1;
}

static int read_own(struct fs *fs, struct node *node, uint64_t offset, uint32_t length, unsigned char *to) {
  struct content *content = node->content;
  struct tree_attr attr;
  int fd = open_own(node, &attr);
  uint32_t at = 0;
  if (fd >= 0 && attr_is_same_content(&attr, &content->own_attr))
    while (at < length) {
      ssize_t got = pread(fd, to + at, length - at, (off_t)(offset + at));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      at += (uint32_t)got;
    }
  if (fd >= 0) close(fd);
  if (at < length) {
    content->own = OWN_OTHER; /* it is another now */
    return 0;
  }
  fs->figures.own_bytes += length;
  return 1;
}

/* ---- Pieces ---- */

static uint64_t piece_offset(const struct node *node, uint32_t piece) {
  return is_single(node) ? 0 : (uint64_t)piece * TREE_PIECE_BYTES;
}

static uint32_t piece_length(const struct node *node, uint32_t piece) {
  uint64_t left = node->attr.size - piece_offset(node, piece),
           most = is_single(node) ? left : TREE_PIECE_BYTES;
  return (uint32_t)(left < most ? left : most);
}

static uint32_t index_piece(const struct node *node, uint32_t piece) {
  return is_single(node) ? WHOLE_FILE : piece;
}

/* The bytes of a piece if they are here. */
static const unsigned char *piece_data(struct fs *fs, struct node *node, uint32_t number) {
  struct content_piece *piece = &node->content->pieces[number];
  if (!piece->known)
    piece->known = hash_index_get(&fs->index, fs->tree, &node->attr, index_piece(node, number), piece->hash);
  if (!piece->known) return NULL;
  uint32_t length;
  const unsigned char *data = store_get(&fs->store, piece->hash, &length);
  return data && length == piece_length(node, number) ? data : NULL;
}

/* 0, or -1 if the node has no path any more. */
static int ask_piece(struct fs *fs, struct node *node, uint32_t number, const unsigned char *candidate) {
  struct content_piece *piece = &node->content->pieces[number];
  if (piece->asked) return 0;
  if (ask_read(fs, node, number, piece_offset(node, number), piece_length(node, number), candidate,
               candidate ? 1 : 0))
    return -1;
  piece->asked = 1;
  return 0;
}

/* A file that is read on and on: what comes next is asked for before it is wanted. */
static void ask_ahead(struct fs *fs, struct node *node, uint32_t number) {
  const struct content *content = node->content;
  if (number == 0 || !content->pieces[number - 1].known) return;
  for (uint32_t i = number + 1; i <= number + AHEAD_PIECES && i < content->piece_count; i++)
    if (!piece_data(fs, node, i)) ask_piece(fs, node, i, NULL);
}

static enum content_answer read_pieces(struct fs *fs, struct node *node, uint64_t offset, uint32_t length,
                                       unsigned char *to, const unsigned char *candidate) {
  int missing = 0;
  uint32_t size = is_single(node) ? (uint32_t)node->attr.size : TREE_PIECE_BYTES;
  for (uint32_t number = size ? (uint32_t)(offset / size) : 0; length > 0; number++) {
    uint32_t from = (uint32_t)(offset - piece_offset(node, number)), part = piece_length(node, number) - from;
    if (part > length) part = length;
    const unsigned char *data = piece_data(fs, node, number);
    if (data) {
      memcpy(to, data + from, part);
    } else {
      if (ask_piece(fs, node, number, candidate) != 0) return CONTENT_ERROR;
      if (!candidate) ask_ahead(fs, node, number);
      candidate = NULL;
      missing = 1;
    }
    offset += part;
    length -= part;
    to += part;
  }
  return missing ? CONTENT_WAIT : CONTENT_READY;
}

enum content_answer content_read(struct fs *fs, struct node *node, uint64_t offset, uint32_t length,
                                 unsigned char *to) {
  struct content *content = content_of(node);
  unsigned char candidate[HASH_BYTES];
  if (!content) return CONTENT_ERROR;
  if (content->own_offered) return CONTENT_WAIT;
  int offer = try_own(fs, node, candidate);
  if (content->own == OWN_EQUAL && read_own(fs, node, offset, length, to)) return CONTENT_READY;
  enum content_answer answer = read_pieces(fs, node, offset, length, to, offer ? candidate : NULL);
  if (offer && answer == CONTENT_WAIT) content->own_offered = 1;
  return answer;
}

static int has_piece(struct fs *fs, struct node *node, uint32_t number) {
  struct content_piece *piece = &node->content->pieces[number];
  if (!piece->known)
    piece->known = hash_index_get(&fs->index, fs->tree, &node->attr, index_piece(node, number), piece->hash);
  return piece->known && store_has(&fs->store, piece->hash);
}

enum content_ahead content_ahead(struct fs *fs, struct node *node, uint32_t *piece, uint32_t last) {
  struct content *content = node->attr.size > 0 ? content_of(node) : NULL;
  unsigned char candidate[HASH_BYTES];
  if (!content) return AHEAD_DONE;
  if (content->own_offered) return AHEAD_WAIT;
  int offer = try_own(fs, node, candidate);
  if (content->own == OWN_EQUAL) return AHEAD_DONE;
  for (; *piece <= last && *piece < content->piece_count; ++*piece) {
    if (content->pieces[*piece].asked || has_piece(fs, node, *piece)) continue;
    if (ask_piece(fs, node, *piece, offer ? candidate : NULL) != 0) return AHEAD_DONE;
    content->own_offered = offer;
    if (offer) return AHEAD_WAIT;
    ++*piece;
    return AHEAD_ASKED;
  }
  return AHEAD_DONE;
}

/* ---- Answers ---- */

struct content_frame {
  uint32_t id;
  int flags, error;
  uint64_t generation, offset;
  struct tree_attr attr;
  const unsigned char *hash, *data;
  uint32_t length;
  char path[PATH_MAX];
};

static int parse(const struct frame *frame, struct content_frame *content) {
  struct cursor from = cursor_of(frame);
  content->id = take_u32(&from);
  content->generation = take_u64(&from);
  content->flags = take_u8(&from);
  take_u8(&from); /* the candidate: never more than one is offered */
  content->error = (int)take_u32(&from);
  take_attr(&from, &content->attr);
  content->offset = take_u64(&from);
  content->hash = take(&from, HASH_BYTES);
  take_path(&from, content->path);
  content->length = (uint32_t)cursor_left(&from);
  content->data = from.failed ? NULL : from.at;
  return from.failed || content->length > TREE_WHOLE_BYTES ? -1 : 0;
}

static int holds_what_it_says(const struct content_frame *content) {
  unsigned char hash[HASH_BYTES];
  sha256_of(content->data, content->length, hash);
  return memcmp(hash, content->hash, HASH_BYTES) == 0;
}

/* The piece that starts at the offset of an answer and is as long; -1 if there is none. */
static int64_t piece_of(const struct node *node, const struct content_frame *content) {
  uint64_t number = is_single(node) ? 0 : content->offset / TREE_PIECE_BYTES;
  if (number >= node->content->piece_count || piece_offset(node, (uint32_t)number) != content->offset)
    return -1;
  return piece_length(node, (uint32_t)number) == content->length ? (int64_t)number : -1;
}

static void keep_piece(struct fs *fs, struct node *node, const struct content_frame *frame) {
  int64_t number = piece_of(node, frame);
  if (number < 0) return;
  struct content_piece *piece = &node->content->pieces[number];
  piece->known = 1;
  memcpy(piece->hash, frame->hash, HASH_BYTES);
  if (is_single(node)) know_whole(node, frame->hash);
  if (frame->flags & CONTENT_SETTLED)
    hash_index_set(&fs->index, fs->tree, &node->attr, index_piece(node, (uint32_t)number), frame->hash);
}

static void keep_same(struct fs *fs, struct node *node, const struct content_frame *frame) {
  know_whole(node, frame->hash);
  node->content->own = OWN_EQUAL;
  fs->figures.own_files++;
  if (frame->flags & CONTENT_SETTLED)
    hash_index_set(&fs->index, fs->tree, &node->attr, WHOLE_FILE, frame->hash);
}

/* The file is another than the manifest told: its attributes are asked for anew, and then its content. */
static int take_changed(struct fs *fs, struct node *node) {
  unsigned tries = node->content->tries + 1;
  uint64_t parent = node->parent ? node->parent->id : 0;
  content_forget(node);
  struct content *content = content_of(node);
  if (!content || tries > MOST_TRIES) return -1;
  content->tries = tries;
  node->unsure = 1;
  notify_node(&fs->notifier, parent, node->id);
  return 0;
}

static void fail_read(struct fs *fs, struct node *node, int kind, int error) {
  if (node->content) node->content->own_offered = 0;
  fault_waiting(fs, node, kind, error, EIO);
}

/* An answer to a READ of ours; the node is held. */
static void take_answer(struct fs *fs, struct node *node, uint32_t number,
                        const struct content_frame *frame) {
  struct content *content = node->content;
  if (node->detached) return fail_read(fs, node, FAULT_STALE, ESTALE);
  /* Things have moved on since it was asked for: who still wants it asks anew. */
  if (!content || number >= content->piece_count) return wake_waiting(fs, node);
  content->pieces[number].asked = 0;
  if (frame->generation < node->invalid_generation) {
    content->own_offered = 0;
    return wake_waiting(fs, node);
  }
  if (frame->flags & CONTENT_REFUSED) return fail_read(fs, node, FAULT_REFUSED, EACCES);
  if (frame->flags & CONTENT_FAILED) return fail_read(fs, node, FAULT_FETCH, frame->error);
  if (frame->flags & CONTENT_CHANGED || !attr_is_same_content(&frame->attr, &node->attr)) {
    if (take_changed(fs, node) != 0) return fail_read(fs, node, FAULT_STALE, ESTALE);
    return wake_waiting(fs, node);
  }
  int offered = content->own_offered;
  content->own_offered = 0;
  if (frame->flags & CONTENT_SAME && offered) {
    keep_same(fs, node, frame);
  } else {
    if (offered) content->own = OWN_OTHER;
    if (piece_of(node, frame) != (int64_t)number || !holds_what_it_says(frame))
      return fail_read(fs, node, FAULT_FETCH, EIO);
    fs->figures.fetched_bytes += frame->length;
    store_put(&fs->store, frame->hash, frame->data, frame->length);
    keep_piece(fs, node, frame);
  }
  wake_waiting(fs, node);
}

/* Content that was not asked for: kept by its hash, and by its name if that is what the manifest told. */
static void take_pushed(struct fs *fs, const struct content_frame *frame) {
  if (frame->flags & ~CONTENT_SETTLED || !holds_what_it_says(frame)) return;
  store_put(&fs->store, frame->hash, frame->data, frame->length);
  struct node *node = node_find(&fs->nodes, frame->path);
  if (!node || node->state != NODE_PRESENT || node->unsure || frame->generation < node->invalid_generation)
    return;
  if (!S_ISREG(node->attr.mode) || !attr_is_same_content(&frame->attr, &node->attr) || !content_of(node))
    return;
  keep_piece(fs, node, frame);
  wake_waiting(fs, node);
}

int take_content(struct fs *fs, const struct frame *frame) {
  struct content_frame content;
  if (parse(frame, &content) != 0) return -1;
  if (content.id == 0) {
    take_pushed(fs, &content);
    return 0;
  }
  struct ask *ask = ask_take(fs, content.id);
  if (!ask) return 0; /* answered already: a peer that resends does no harm */
  if (ask->kind != ASK_READ) return -1;
  take_answer(fs, ask->node, ask->piece, &content);
  ask_free(fs, ask);
  return 0;
}

/* What a job has written here is soon read here; whole files only, as they are read whole too. */
static int store_file(struct fs *fs, const char *path, const unsigned char hash[HASH_BYTES]) {
  struct stat stat;
  unsigned char found[HASH_BYTES];
  int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return errno;
  int error = fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) && stat.st_size <= TREE_WHOLE_BYTES ? 0 : EFBIG;
  ssize_t got = error ? -1 : pread(fd, fs->read_buffer, (size_t)stat.st_size, 0);
  close(fd);
  if (error || got != stat.st_size) return error ? error : EIO;
  sha256_of(fs->read_buffer, (size_t)got, found);
  if (memcmp(found, hash, HASH_BYTES) != 0) return EIO;
  store_put(&fs->store, hash, fs->read_buffer, (uint32_t)got);
  return 0;
}

/* `error` is an errno, or 0. */
static void send_done(struct fs *fs, uint32_t id, int error) {
  struct bytes *to = &fs->link.outgoing;
  size_t at = frame_start(to, FRAME_TREE_DONE);
  add_u32(to, id);
  add_u32(to, (uint32_t)error);
  frame_finish(to, at);
}

int take_store(struct fs *fs, const struct frame *frame) {
  struct cursor from = cursor_of(frame);
  char path[PATH_MAX];
  uint32_t id = take_u32(&from);
  const unsigned char *hash = take(&from, HASH_BYTES);
  take_path(&from, path);
  if (from.failed) return -1;
  send_done(fs, id, store_file(fs, path, hash));
  return 0;
}
