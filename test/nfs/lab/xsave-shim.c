/*
 * Loaded into the kernel of a guest of the NFS lab (LD_PRELOAD).
 *
 * Linux 6.1 as a user program keeps the registers of its programs in a buffer of a fixed size. Where the processor has
 * more of them than fit (AMX), the host takes no part of them back: ptrace(PTRACE_SETREGSET) fails with EFAULT, and the
 * guest stops. So what is set is padded here to the size that the host gives, with the additional parts marked as in
 * their initial state, in which they are: guests are never allowed to use AMX.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

enum {
  max_area = 1 << 16,
  /* Where the mask of the parts that are not in their initial state stands, and the two bits of AMX in it. */
  mask_offset = 512,
  amx_bits = 3 << 17,
};

typedef long ptrace_call(enum __ptrace_request, long pid, void *address, void *data);

long ptrace(enum __ptrace_request request, ...) {
  static ptrace_call *next;
  _Alignas(64) static __thread unsigned char area[max_area];
  va_list arguments;
  va_start(arguments, request);
  long pid = va_arg(arguments, int);
  void *address = va_arg(arguments, void *);
  struct iovec *given = va_arg(arguments, struct iovec *);
  va_end(arguments);

  if (next == NULL) next = (ptrace_call *)dlsym(RTLD_NEXT, "ptrace");
  if (request != PTRACE_SETREGSET || (uintptr_t)address != NT_X86_XSTATE)
    return next(request, pid, address, given);

  struct iovec whole = {.iov_base = area, .iov_len = sizeof area};
  if (next(PTRACE_GETREGSET, pid, address, &whole) != 0) return -1;
  if (given->iov_len >= whole.iov_len) return next(request, pid, address, given);

  uint64_t mask;
  memset(area, 0, whole.iov_len);
  memcpy(area, given->iov_base, given->iov_len);
  memcpy(&mask, area + mask_offset, sizeof mask);
  mask &= ~(uint64_t)amx_bits;
  memcpy(area + mask_offset, &mask, sizeof mask);
  return next(request, pid, address, &whole);
}
