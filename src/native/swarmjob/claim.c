/* A job's own end of the pool: asks for a place, and takes its layers over. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "job.h"
#include "pool.h"

enum { ANSWER_MS = 300 }; /* then a pool that hangs is done without */

static int connect_to(const char *directory) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct timeval most = {.tv_usec = ANSWER_MS * 1000};
  int at = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  /* By a descriptor: the path of a socket has little room. */
  snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", at, pool_socket_name);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
  int failed = at < 0 || fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0;
  if (at >= 0) close(at);
  if (!failed) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

/* Asks by the names of the areas, each ended by a NUL. */
static int ask(int pool, const struct job *job) {
  struct iovec parts[MOST_AREAS];
  for (int i = 0; i < job->area_count; i++)
    parts[i] =
        (struct iovec){.iov_base = (char *)(uintptr_t)job->areas[i], .iov_len = strlen(job->areas[i]) + 1};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)job->area_count};
  return sendmsg(pool, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* The name of the place's directory; 0 if one came with all its namespaces. */
static int take_answer(int pool, char name[POOL_NAME_BYTES], struct place *place) {
  union {
    struct cmsghdr head;
    char room[CMSG_SPACE(sizeof place->namespaces)];
  } control;
  struct iovec part = {.iov_base = name, .iov_len = POOL_NAME_BYTES - 1};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t got = recvmsg(pool, &message, MSG_CMSG_CLOEXEC);
  struct cmsghdr *head = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
  if (!head || head->cmsg_type != SCM_RIGHTS || head->cmsg_len != CMSG_LEN(sizeof place->namespaces))
    return -1;
  name[got] = '\0';
  memcpy(place->namespaces, CMSG_DATA(head), sizeof place->namespaces);
  return 0;
}

/* Its directory becomes the scratch of the job, which begins now: what it writes is told by its time. */
static int take_over(const struct job *job, const char *name) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/%s", job->pool, name);
  if (rename(path, job->scratch) != 0) return -1;
  snprintf(path, sizeof path, "%s/0", job->scratch);
  return utimensat(AT_FDCWD, path, NULL, 0) != 0 && errno != ENOENT ? -1 : 0;
}

int claim_place(const struct job *job, struct place *place) {
  char name[POOL_NAME_BYTES];
  int pool = job->pool && job->area_count > 0 ? connect_to(job->pool) : -1;
  if (pool < 0) return 0;
  /* The connection stays open to our end: that tells the pool how long this job takes, with a place of it or without. */
  if (ask(pool, job) != 0 || take_answer(pool, name, place) != 0) return 0;
  if (take_over(job, name) == 0) return 1;
  for (int i = 0; i < PLACE_NAMESPACES; i++) close(place->namespaces[i]);
  return 0;
}
