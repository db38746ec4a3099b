#define _GNU_SOURCE
#include "link.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

enum { READ_BYTES = 256 * 1024, KEEP_ROOM_BYTES = 4 * 1024 * 1024 };

void link_open(struct tree_link *link, int in, int out) {
  *link = (struct tree_link){.in = in, .out = out};
  fcntl(in, F_SETFL, fcntl(in, F_GETFL) | O_NONBLOCK);
  fcntl(out, F_SETFL, fcntl(out, F_GETFL) | O_NONBLOCK);
}

int link_receive(struct tree_link *link) {
  struct frame_reader *reader = &link->reader;
  if (reader->start > 0) {
    reader->buffer.length -= reader->start;
    if (reader->buffer.length > 0)
      memmove(reader->buffer.data, reader->buffer.data + reader->start, reader->buffer.length);
    reader->start = 0;
  }
  /* The buffer grows with what really came, never by a length that was only claimed. */
  unsigned char *at = bytes_reserve(&reader->buffer, READ_BYTES);
  if (!at) return -1;
  ssize_t got;
  do got = read(link->in, at, READ_BYTES);
  while (got < 0 && errno == EINTR);
  if (got < 0) return errno == EAGAIN ? 0 : -1;
  if (got == 0) return -1;
  reader->buffer.length += (size_t)got;
  return 1;
}

int link_next(struct tree_link *link, long (*limit)(int type), struct frame *frame) {
  int found = frame_next(&link->reader, limit, frame);
#ifdef __SANITIZE_ADDRESS__
  /* In the buffer more bytes follow a payload; by itself, whoever reads beyond its end is caught. */
  free(link->apart);
  link->apart = NULL;
  if (found > 0) {
    link->apart = malloc(frame->length);
    if (!link->apart) abort();
    memcpy(link->apart, frame->payload, frame->length);
    frame->payload = link->apart;
  }
#endif
  return found;
}

int link_flush(struct tree_link *link) {
  struct bytes *out = &link->outgoing;
  if (out->failed) return -1;
  while (link->sent < out->length) {
    ssize_t done = write(link->out, out->data + link->sent, out->length - link->sent);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return errno == EAGAIN ? 0 : -1;
    link->sent += (size_t)done;
  }
  link->sent = out->length = 0;
  if (out->room > KEEP_ROOM_BYTES) {
    free(out->data);
    *out = (struct bytes){0};
  }
  return 0;
}

void link_drain(struct tree_link *link, int timeout_ms) {
  while (link_flush(link) == 0 && link_unsent(link) > 0) {
    struct pollfd wait = {.fd = link->out, .events = POLLOUT};
    if (poll(&wait, 1, timeout_ms) <= 0) return;
  }
}
