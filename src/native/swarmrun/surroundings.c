#define _GNU_SOURCE
#include "surroundings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <unistd.h>

/* A worker gives commands a /tmp of their own, and nothing else: what else they start may well go elsewhere. */
static int has_tmp_apart(void) {
  FILE *mounts = fopen("/proc/self/mountinfo", "re");
  char *line = NULL;
  size_t room = 0;
  int found = 0;
  while (mounts && !found && getline(&line, &room, mounts) > 0)
    found = strstr(line, "/.buildswarm-apart-") != NULL;
  free(line);
  if (mounts) fclose(mounts);
  return found;
}

/* Is `name` in /proc of the peer another file than in ours? Where it may not be looked at, nothing tells. */
static int differs(pid_t peer, const char *name) {
  char theirs[64], own[64];
  struct stat their_file, own_file;
  snprintf(theirs, sizeof theirs, "/proc/%d/%s", (int)peer, name);
  snprintf(own, sizeof own, "/proc/self/%s", name);
  if (stat(theirs, &their_file) != 0 || stat(own, &own_file) != 0) return errno == ENOENT;
  return their_file.st_dev != own_file.st_dev || their_file.st_ino != own_file.st_ino;
}

const char *difference_from(const struct ucred *peer) {
  /* As newgrp and sg set it: files would be of the peer's group. */
  if (getegid() != peer->gid) return "group";
  int kind = personality(0xffffffff);
  if (kind > 0) return "personality";
  /* 0: it is in a container that shows none of its processes here, or we are in one. */
  if (peer->pid == 0 || differs(peer->pid, "root/.")) return "root";
  if (differs(peer->pid, "ns/mnt") && !has_tmp_apart()) return "mounts";
  return "";
}
