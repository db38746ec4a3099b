#define _GNU_SOURCE
#include "connection.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"

enum { PART_MS = 1000 }; /* for the peer to close after the last frame */

int connection_is_sent(const struct connection *to) { return to->start == to->end; }

int connection_has_room(const struct connection *to) { return to->end + 64 <= sizeof to->out; }

void connection_queue(struct connection *to, int type, const void *payload, size_t length) {
  if (to->end + FRAME_HEADER_BYTES + length > sizeof to->out) return; /* callers keep room */
  put_header(to->out + to->end, length, type);
  if (length) memcpy(to->out + to->end + FRAME_HEADER_BYTES, payload, length);
  to->end += FRAME_HEADER_BYTES + length;
}

void connection_clear(struct connection *to) { to->start = to->end = 0; }

int connection_send_some(struct connection *to) {
  while (!connection_is_sent(to)) {
    ssize_t done = send(to->fd, to->out + to->start, to->end - to->start, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return errno == EAGAIN ? 0 : -1;
    to->start += (size_t)done;
  }
  connection_clear(to);
  return 0;
}

void connection_send_rest(struct connection *to) {
  struct pollfd polls[] = {{.fd = to->fd, .events = POLLOUT}, {.fd = to->life}};
  while (connection_send_some(to) == 0 && !connection_is_sent(to))
    if (poll(polls, 2, -1) > 0 && polls[1].revents) return;
}

/* A close over input that was not read would be an error at the peer's end, so that is read first. */
void connection_part(struct connection *with) {
  connection_send_rest(with);
  shutdown(with->fd, SHUT_WR);
  struct pollfd polls[] = {{.fd = with->fd, .events = POLLIN}, {.fd = with->life}};
  unsigned char rest[4096];
  for (long long until = now_ms() + PART_MS, left; (left = until - now_ms()) > 0;) {
    if (poll(polls, 2, (int)left) <= 0 || polls[1].revents) break;
    if (recv(with->fd, rest, sizeof rest, MSG_DONTWAIT) <= 0) break;
  }
  close(with->fd);
}

static const char *errno_name(int error, char *room, size_t size) {
  static const struct {
    int error;
    const char *name;
  } names[] = {{ENOENT, "ENOENT"},   {EACCES, "EACCES"},
               {ENOTDIR, "ENOTDIR"}, {ELOOP, "ELOOP"},
               {ENOMEM, "ENOMEM"},   {E2BIG, "E2BIG"},
               {ENOEXEC, "ENOEXEC"}, {ETXTBSY, "ETXTBSY"},
               {EIO, "EIO"},         {EMFILE, "EMFILE"},
               {ENFILE, "ENFILE"},   {EAGAIN, "EAGAIN"},
               {EPERM, "EPERM"},     {ESTALE, "ESTALE"},
               {ENODEV, "ENODEV"},   {EINVAL, "EINVAL"},
               {EISDIR, "EISDIR"},   {ENOSPC, "ENOSPC"},
               {ENXIO, "ENXIO"},     {ETIMEDOUT, "ETIMEDOUT"},
               {ELIBBAD, "ELIBBAD"}, {ENAMETOOLONG, "ENAMETOOLONG"}};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (names[i].error == error) return names[i].name;
  snprintf(room, size, "E%d", error);
  return room;
}

noreturn void connection_spawn_failed(struct connection *to, const char *stage, int error) {
  char text[64], name[16];
  int length = snprintf(text, sizeof text, "%s %s", stage, errno_name(error, name, sizeof name));
  connection_queue(to, FRAME_SPAWN_FAILED, text, (size_t)length);
  connection_part(to);
  _exit(0);
}
