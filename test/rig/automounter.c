/*
 * automounter DIRECTORY LOG PROGRAM [ARGUMENT]...: runs PROGRAM where DIRECTORY mounts whatever host is named, as /net does
 * where autofs is set up. Each name that the kernel asks for is a line in LOG, and is refused.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/auto_fs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int serve(int requests, const char *directory, const char *log) {
  /* Opened by a process of the automounter's own group, so that it is let in. */
  int root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  FILE *out = fopen(log, "ae");
  if (root < 0 || out == NULL) return 1;
  union autofs_v5_packet_union packet;
  while (read(requests, &packet, sizeof packet) > 0) {
    fprintf(out, "%.*s\n", (int)packet.v5_packet.len, packet.v5_packet.name);
    fflush(out);
    ioctl(root, AUTOFS_IOC_FAIL, packet.v5_packet.wait_queue_token);
  }
  return 0;
}

int main(int argc, char **argv) {
  int ends[2];
  char options[128];
  if (argc < 4) return 2;
  setpgid(0, 0);
  if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return 77;
  if (pipe2(ends, O_DIRECT) < 0) return 1;
  snprintf(options, sizeof options, "fd=%d,pgrp=%d,minproto=5,maxproto=5,indirect", ends[1], (int)getpgrp());
  if (mount("-hosts", argv[1], "autofs", 0, options) < 0) return 77;
  close(ends[1]);
  pid_t program = fork();
  if (program == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    close(ends[0]);
    execv(argv[3], argv + 3);
    _exit(127);
  }
  if (fork() == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    _exit(serve(ends[0], argv[1], argv[2]));
  }
  int status;
  waitpid(program, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
