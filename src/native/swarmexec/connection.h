/* The connection of one job: frames in both directions, and the pipe that tells of the runner's end. */
#ifndef SWARMEXEC_CONNECTION_H
#define SWARMEXEC_CONNECTION_H

#include <stdnoreturn.h>

#include "../frame.h"

enum { CONTROL_ROOM_BYTES = 256 }; /* in the buffer, beside one frame of data */

struct connection {
  int fd;
  int life; /* a pipe that hangs up when the runner ends */
  struct frame_reader reader;
  /* Frames on their way out, bytes [start, end): one of data at most, and a few small ones. */
  unsigned char out[FRAME_HEADER_BYTES + FRAME_DATA_BYTES + CONTROL_ROOM_BYTES];
  size_t start, end;
};

/* Is everything sent that was queued? */
int connection_is_sent(const struct connection *to);

/* Is there room for a small frame? */
int connection_has_room(const struct connection *to);

void connection_queue(struct connection *to, int type, const void *payload, size_t length);

/* Drops what is queued. */
void connection_clear(struct connection *to);

/* Sends what the peer takes now; -1 if it is gone. */
int connection_send_some(struct connection *to);

/* Sends all, waiting for the peer; gives up when it is gone. */
void connection_send_rest(struct connection *to);

/* Sends the rest, waits for the peer to close, and closes. */
void connection_part(struct connection *with);

/* Tells that the command was never started, and why; then parts, and ends the process. */
noreturn void connection_spawn_failed(struct connection *to, const char *stage, int error);

#endif
