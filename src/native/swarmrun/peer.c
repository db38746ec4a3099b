#define _GNU_SOURCE
#include "peer.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../frame.h"
#include "descriptors.h"
#include "ending.h"
#include "surroundings.h"

enum {
  PEER_DEADLINE_SECONDS = 5
}; /* for connecting and writing: a longer wait means that the peer is frozen */

static int is_private_directory(const char *socket_path) {
  char directory[sizeof((struct sockaddr_un *)0)->sun_path];
  strcpy(directory, socket_path);
  char *slash = strrchr(directory, '/');
  if (!slash) return 0;
  *slash = '\0';
  struct stat st;
  return lstat(slash == directory ? "/" : directory, &st) == 0 && S_ISDIR(st.st_mode) &&
         st.st_uid == geteuid() && (st.st_mode & 0777) == 0700;
}

/* A connection to the peer of this user at `path`, or -1. `surroundings`: see difference_from. */
static int connect_to(const char *path, const char **surroundings) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (*path != '/') {
    debug("the socket path %s is not absolute", path);
    return -1;
  }
  size_t most = sizeof address.sun_path - 1;
  if (strlen(path) > most) {
    debug("the socket path %s is longer than the %zu bytes that a socket may have", path, most);
    return -1;
  }
  strcpy(address.sun_path, path);
  if (!is_private_directory(path)) {
    debug("the directory of %s does not exist, or is not yours with mode 0700", path);
    return -1;
  }
  int fd = to_high(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd < 0) return -1;
  const struct timeval deadline = {.tv_sec = PEER_DEADLINE_SECONDS};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof deadline);
  struct ucred other;
  socklen_t size = sizeof other;
  if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
      getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &other, &size) == 0 && other.uid == geteuid()) {
    *surroundings = difference_from(&other);
    return fd;
  }
  debug("no peer of yours answers at %s: %s", path, strerror(errno));
  close(fd);
  return -1;
}

/*
 * Whether this is part of a job in the files of another machine: there no peer can be reached, and to look for one would
 * be to look at what no worker is shown.
 */
static int is_in_served_job(void) {
  enum { FUSE_MAGIC = 0x65735546 };
  struct statfs root;
  if (statfs("/", &root) != 0 || root.f_type != FUSE_MAGIC) return 0;
  FILE *mounts = fopen("/proc/self/mountinfo", "re");
  char *line = NULL;
  size_t room = 0;
  int found = 0;
  while (mounts && !found && getline(&line, &room, mounts) > 0)
    found = strstr(line, " / / ") && strstr(line, " - fuse buildswarm ");
  free(line);
  if (mounts) fclose(mounts);
  return found;
}

int connect_peer(const char **surroundings) {
  if (is_in_served_job()) {
    debug("this is part of a job in the files of another machine");
    return -1;
  }
  const char *given = getenv("BUILDSWARM_SOCKET"), *runtime = getenv("XDG_RUNTIME_DIR");
  if (given && *given) return connect_to(given, surroundings);
  char path[PATH_MAX], own[64];
  int fd = -1;
  snprintf(own, sizeof own, "/run/user/%u", (unsigned)geteuid());
  if (runtime && *runtime) {
    snprintf(path, sizeof path, "%s/buildswarm/peer.sock", runtime);
    fd = connect_to(path, surroundings);
  }
  if (fd < 0 && !(runtime && strcmp(runtime, own) == 0)) {
    /* cron, su and some ssh sessions are not given the variable that the peer was started with */
    snprintf(path, sizeof path, "%s/buildswarm/peer.sock", own);
    fd = connect_to(path, surroundings);
  }
  if (fd >= 0) return fd;
  snprintf(path, sizeof path, "/tmp/buildswarm-%u/peer.sock", (unsigned)geteuid());
  return connect_to(path, surroundings);
}

int send_all(int peer, const unsigned char *data, size_t length) {
  while (length > 0) {
    ssize_t done = send(peer, data, length, MSG_NOSIGNAL);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return -1;
    data += done;
    length -= (size_t)done;
  }
  return 0;
}

void send_frame(int peer, int type, const void *payload, size_t length) {
  unsigned char header[FRAME_HEADER_BYTES];
  put_header(header, length, type);
  if (send_all(peer, header, sizeof header) != 0 || send_all(peer, payload, length) != 0)
    debug("the peer takes nothing more: %s", strerror(errno));
}
