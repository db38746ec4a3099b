/*
 * What swarmtree, swarmfs and swarmjob say to their peers (src/wire/tree-messages.ts, docs/TREE-PROTOCOL.md):
 * the types of frames, their limits, and the encoding of attributes, entries and paths. A path is empty for the
 * root, else it begins with a slash and has no empty, `.` or `..` part. Numbers are little endian.
 */
#ifndef BUILDSWARM_TREE_WIRE_H
#define BUILDSWARM_TREE_WIRE_H

#include <limits.h>
#include <sys/stat.h>

#include "../frame.h"
#include "sha256.h"

enum {
  FRAME_TREE_START = 50,
  FRAME_TREE_LIST = 51,
  FRAME_TREE_LOOK = 52,
  FRAME_TREE_READ = 53,
  FRAME_TREE_BARRIER = 54,
  FRAME_TREE_COMPARE = 55,
  FRAME_TREE_NOTE = 56,
  FRAME_TREE_FORGET = 57,
  FRAME_TREE_STATUS = 58,
  FRAME_TREE_LOOKS = 59,
  FRAME_TREE_READY = 60,
  FRAME_TREE_MANIFEST = 61,
  FRAME_TREE_CONTENT = 62,
  FRAME_TREE_CHANGES = 63,
  FRAME_TREE_APPLIED = 64,
  FRAME_TREE_FAILED = 65,
  FRAME_TREE_FAULT = 66,
  FRAME_TREE_STORE = 67,
  FRAME_TREE_DISCARD = 68,
  FRAME_TREE_DONE = 69,
  FRAME_TREE_FIGURES = 70,
  FRAME_TREE_AHEAD = 73,
  FRAME_TREE_LOOKED = 74,
};

enum {
  TREE_KIB = 1024,
  TREE_START_BYTES = 256 * TREE_KIB,
  TREE_REQUEST_BYTES = 16 * TREE_KIB,
  TREE_COMPARE_BYTES = 1024 * TREE_KIB,
  TREE_LOOKS_BYTES = 1024 * TREE_KIB,
  TREE_MANIFEST_BYTES = 512 * TREE_KIB,
  TREE_CHANGES_BYTES = 512 * TREE_KIB,
  TREE_AHEAD_BYTES = 512 * TREE_KIB,
  TREE_WHOLE_BYTES = 1024 * TREE_KIB, /* a longer file comes by pieces */
  TREE_PIECE_BYTES = 256 * TREE_KIB,
  TREE_CONTENT_BYTES = TREE_WHOLE_BYTES + 16 * TREE_KIB,
  TREE_PATH_BYTES = PATH_MAX - 1,
  TREE_CANDIDATE_BYTES =
      256 * 1024 *
      1024, /* a longer file is not hashed as a whole to find it equal: all others wait for that */
  TREE_NAME_BYTES = NAME_MAX,
  TREE_LARGE_DIRECTORY = 1500, /* names; a larger one is answered name by name until it is listed */
  TREE_CANDIDATES = 4,
};

/* LIST: what of a directory is wanted. */
enum { LIST_AROUND = 0, LIST_WHOLE = 1 };

/* Flags of MANIFEST. */
enum {
  MANIFEST_WHOLE = 1,     /* with its last piece all names are there: any other is absent */
  MANIFEST_MORE = 2,      /* another piece follows */
  MANIFEST_NETWORK = 4,   /* on a file system that may not tell all changes, as of a network */
  MANIFEST_UNWATCHED = 8, /* no watch could be set: changes raise no event */
  MANIFEST_REFUSED = 16,  /* may not be listed; entries are those that lead to what is served */
  MANIFEST_FAILED = 32,   /* with an errno */
  MANIFEST_SINGLE = 64,   /* answers LOOK: one entry */
  MANIFEST_FOLDED = 128,  /* names are found by other letters, too: what was not told may be there */
};

/* State of an entry, and the flag that a hash follows. */
enum {
  ENTRY_ABSENT = 0,
  ENTRY_PRESENT = 1,
  ENTRY_REFUSED = 2, /* exists and may not be served */
  ENTRY_UNTOLD = 3,  /* in CHANGES: changed, and not looked at */
  ENTRY_STATE = 3,   /* mask */
  ENTRY_HASHED = 4,
  ENTRY_ALIAS = 8, /* found in a directory that does not list it by these letters */
};

/* Flags of CONTENT. */
enum {
  CONTENT_SAME = 1,    /* the whole file is candidate N of the request; no bytes follow */
  CONTENT_SETTLED = 2, /* its times are old enough to tell it from a later content */
  CONTENT_CHANGED =
      4, /* it is not the file that was asked for; attributes are the new ones, no bytes follow */
  CONTENT_FAILED = 8,   /* with an errno */
  CONTENT_REFUSED = 16, /* may not be served */
};

/* Flags of CHANGES, kinds of a change. */
enum { CHANGES_MORE = 1, CHANGES_EVERYTHING = 2 };
enum {
  CHANGE_NAME = 0,
  CHANGE_NODE = 1,
  CHANGE_LISTING = 2,
  CHANGE_TIMES = 3, /* of a directory in which names changed: no change of its own */
};

/* Kinds of what AHEAD names: a path that is looked up, a directory that is listed, pieces of a file. */
enum { AHEAD_NAME = 0, AHEAD_LIST = 1, AHEAD_READ = 2 };

/* Kinds of FAULT: why a job that ran at this time is not to be believed. */
enum { FAULT_FETCH = 0, FAULT_REFUSED = 1, FAULT_WRITE = 2, FAULT_STALE = 3 };

/* The attributes of a file, as lstat gives them. */
struct tree_attr {
  uint64_t dev, ino, size, blocks, rdev;
  int64_t mtime_s, ctime_s;
  uint32_t mtime_ns, ctime_ns, mode, nlink, uid, gid;
};

enum { TREE_ATTR_BYTES = 5 * 8 + 2 * 8 + 6 * 4 };

/* An entry of a directory as it travels: state, name, and where present attributes, a link's target, a hash. */
struct tree_entry {
  int state, has_hash, is_alias;
  struct tree_attr attr;
  unsigned char hash[HASH_BYTES];
  char name[NAME_MAX + 1];
  char target[PATH_MAX]; /* empty unless it is a link */
};

static inline void attr_from_stat(struct tree_attr *attr, const struct stat *from) {
  *attr = (struct tree_attr){
      .dev = from->st_dev,
      .ino = from->st_ino,
      .size = (uint64_t)from->st_size,
      .blocks = (uint64_t)from->st_blocks,
      .rdev = from->st_rdev,
      .mtime_s = from->st_mtim.tv_sec,
      .ctime_s = from->st_ctim.tv_sec,
      .mtime_ns = (uint32_t)from->st_mtim.tv_nsec,
      .ctime_ns = (uint32_t)from->st_ctim.tv_nsec,
      .mode = from->st_mode,
      .nlink = (uint32_t)from->st_nlink,
      .uid = from->st_uid,
      .gid = from->st_gid,
  };
}

/* Is it the same file with the same content, as far as its attributes tell? */
static inline int attr_is_same_content(const struct tree_attr *one, const struct tree_attr *other) {
  return one->dev == other->dev && one->ino == other->ino && one->size == other->size &&
         one->mtime_s == other->mtime_s && one->mtime_ns == other->mtime_ns &&
         one->ctime_s == other->ctime_s && one->ctime_ns == other->ctime_ns;
}

/* ---- Writing: `struct bytes` of frame.h grows; its end tells whether memory ran out. ---- */

static inline void add_u8(struct bytes *to, uint8_t value) { bytes_add(to, &value, 1); }

static inline void add_u16(struct bytes *to, uint16_t value) {
  unsigned char raw[2] = {(unsigned char)value, (unsigned char)(value >> 8)};
  bytes_add(to, raw, sizeof raw);
}

static inline void add_u32(struct bytes *to, uint32_t value) {
  unsigned char raw[4];
  put_u32(raw, value);
  bytes_add(to, raw, sizeof raw);
}

static inline void add_u64(struct bytes *to, uint64_t value) {
  unsigned char raw[8];
  put_u64(raw, value);
  bytes_add(to, raw, sizeof raw);
}

static inline void add_text_of(struct bytes *to, const char *text, size_t length) {
  add_u16(to, (uint16_t)length);
  bytes_add(to, text, length);
}

static inline void add_text(struct bytes *to, const char *text) { add_text_of(to, text, strlen(text)); }

void add_attr(struct bytes *to, const struct tree_attr *attr);

/* Starts a frame at the end of `to`; give what it returns to frame_finish. */
size_t frame_start(struct bytes *to, int type);
void frame_finish(struct bytes *to, size_t start);

/* ---- Reading: a cursor that fails once and for all when something is missing. ---- */

struct cursor {
  const unsigned char *at, *end;
  int failed;
};

static inline struct cursor cursor_of(const struct frame *frame) {
  return (struct cursor){.at = frame->payload, .end = frame->payload + frame->length};
}

static inline size_t cursor_left(const struct cursor *from) {
  return from->failed ? 0 : (size_t)(from->end - from->at);
}

/* The next `length` bytes, or NULL. */
const unsigned char *take(struct cursor *from, size_t length);
uint8_t take_u8(struct cursor *from);
uint16_t take_u16(struct cursor *from);
uint32_t take_u32(struct cursor *from);
uint64_t take_u64(struct cursor *from);
void take_attr(struct cursor *from, struct tree_attr *attr);
/* A text of at most `room - 1` bytes without NUL, ended by one in `to`. */
void take_text(struct cursor *from, char *to, size_t room);
/* The same, checked to be a path, or a name of a directory's entry. */
void take_path(struct cursor *from, char to[PATH_MAX]);
void take_name(struct cursor *from, char to[NAME_MAX + 1]);

void take_entry(struct cursor *from, struct tree_entry *entry);

int is_path(const char *path);
int is_name(const char *name);

/* `dir`/`name`; 0, or -1 with errno if that is too long. */
int join_path(char to[PATH_MAX], const char *dir, const char *name);

/* Is `path` the directory `dir`, or below it? Every path is below the root, "". */
int is_within(const char *path, const char *dir);

#endif
