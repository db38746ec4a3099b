/*
 * The resource limits of a process that go with its job: all that count for one process, and none of those that
 * count for all processes of a user on a machine. As text: `name:soft:hard`, joined by commas; `-` is no limit.
 */
#ifndef BUILDSWARM_LIMITS_H
#define BUILDSWARM_LIMITS_H

#include <stddef.h>
#include <sys/resource.h>

static const struct limit_name {
  const char *name;
  int resource;
} limit_names[] = {
    {"as", RLIMIT_AS},           {"core", RLIMIT_CORE},     {"cpu", RLIMIT_CPU},
    {"data", RLIMIT_DATA},       {"fsize", RLIMIT_FSIZE},   {"locks", RLIMIT_LOCKS},
    {"memlock", RLIMIT_MEMLOCK}, {"nice", RLIMIT_NICE},     {"nofile", RLIMIT_NOFILE},
    {"rss", RLIMIT_RSS},         {"rtprio", RLIMIT_RTPRIO}, {"rttime", RLIMIT_RTTIME},
    {"stack", RLIMIT_STACK},
};

enum { LIMIT_NAMES = sizeof limit_names / sizeof *limit_names };

#endif
