/*
 * The framing that swarmrun and swarmexec share with the peer (src/wire/frame.ts, docs/PROTOCOL.md):
 * a frame is [payload length: u32, little endian][type: u8][payload]. Only the types that these two
 * programs send or take are named here.
 */
#ifndef BUILDSWARM_FRAME_H
#define BUILDSWARM_FRAME_H

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
  FRAME_ARGV = 1,
  FRAME_ENV = 2,
  FRAME_JOB = 3,
  FRAME_INLINE = 4,
  FRAME_STDIN = 5,
  FRAME_STDIN_END = 6,
  FRAME_STDIN_TAKEN = 7,
  FRAME_STDOUT = 8,
  FRAME_STDERR = 9,
  FRAME_EXIT = 10,
  FRAME_SIGNAL = 11,
  FRAME_STARTED = 15,
  FRAME_SPAWN_FAILED = 19,
  FRAME_BEAT = 31,
};

enum {
  FRAME_HEADER_BYTES = 5,
  FRAME_DATA_BYTES = 64 * 1024,       /* STDIN, STDOUT, STDERR, JOB */
  FRAME_LIST_BYTES = 8 * 1024 * 1024, /* ARGV, ENV */
};

/* stdin may be sent so far ahead of what the command has read. */
enum { STDIN_WINDOW_BYTES = 64 * 1024 };

static inline void put_u32(unsigned char *at, uint32_t value) {
  for (int i = 0; i < 4; i++) at[i] = (unsigned char)(value >> (8 * i));
}

static inline void put_u64(unsigned char *at, uint64_t value) {
  put_u32(at, (uint32_t)value);
  put_u32(at + 4, (uint32_t)(value >> 32));
}

static inline uint32_t get_u32(const unsigned char *at) {
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline uint64_t get_u64(const unsigned char *at) {
  return get_u32(at) | (uint64_t)get_u32(at + 4) << 32;
}

static inline void put_header(unsigned char *at, size_t payload_bytes, int type) {
  put_u32(at, (uint32_t)payload_bytes);
  at[4] = (unsigned char)type;
}

/* A growing run of bytes. `failed` stays set once memory ran out, so that only the end need look. */
struct bytes {
  unsigned char *data;
  size_t length, room;
  int failed;
};

static inline unsigned char *bytes_reserve(struct bytes *to, size_t more) {
  if (to->failed) return NULL;
  if (to->length + more > to->room) {
    size_t room = to->room ? to->room : 8192;
    while (room < to->length + more) room *= 2;
    unsigned char *grown = realloc(to->data, room);
    if (!grown) {
      to->failed = 1;
      return NULL;
    }
    to->data = grown;
    to->room = room;
  }
  return to->data + to->length;
}

static inline void bytes_add(struct bytes *to, const void *from, size_t length) {
  unsigned char *at = bytes_reserve(to, length);
  if (!at) return;
  if (length) memcpy(at, from, length);
  to->length += length;
}

/* Frames as they come in: bytes [start, end) of `buffer` are not used up yet. */
struct frame_reader {
  struct bytes buffer; /* length: the end of what was received */
  size_t start;
};

struct frame {
  int type;
  size_t length;
  const unsigned char *payload; /* in the reader's buffer: valid until the next frame_receive */
};

/* 1: a frame is in `out`; 0: more bytes are needed; -1: no frame, or one over the limit of its type. */
static inline int frame_next(struct frame_reader *from, long (*limit)(int type), struct frame *out) {
  const unsigned char *at = from->buffer.data ? from->buffer.data + from->start : NULL;
  size_t have = from->buffer.length - from->start;
  if (have < FRAME_HEADER_BYTES) return 0;
  out->length = get_u32(at);
  out->type = at[4];
  long most = limit(out->type);
  if (most < 0 || out->length > (size_t)most) return -1;
  if (have < FRAME_HEADER_BYTES + out->length) return 0;
  out->payload = at + FRAME_HEADER_BYTES;
  from->start += FRAME_HEADER_BYTES + out->length;
  return 1;
}

/* Receives what is there without waiting: >0 bytes, 0 the end, -1 with errno (EAGAIN: nothing there now). */
static inline ssize_t frame_receive(struct frame_reader *from, int fd) {
  if (from->start > 0) {
    from->buffer.length -= from->start;
    if (from->buffer.length > 0)
      memmove(from->buffer.data, from->buffer.data + from->start, from->buffer.length);
    from->start = 0;
  }
  /* The buffer grows with what really came, never by a length that was only claimed. */
  unsigned char *at = bytes_reserve(&from->buffer, FRAME_DATA_BYTES + FRAME_HEADER_BYTES);
  if (!at) {
    errno = ENOMEM;
    return -1;
  }
  ssize_t got;
  do got = recv(fd, at, from->buffer.room - from->buffer.length, MSG_DONTWAIT);
  while (got < 0 && errno == EINTR);
  if (got > 0) from->buffer.length += (size_t)got;
  return got;
}

#endif
