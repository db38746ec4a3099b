/* SHA-256 (FIPS 180-4): by the processor's own instructions where it has them, else in plain C. */
#ifndef BUILDSWARM_SHA256_H
#define BUILDSWARM_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { HASH_BYTES = 32 };

struct sha256 {
  uint32_t state[8];
  uint64_t length;
  unsigned char block[64];
};

void sha256_start(struct sha256 *hash);
void sha256_add(struct sha256 *hash, const void *data, size_t length);
void sha256_end(struct sha256 *hash, unsigned char out[HASH_BYTES]);
void sha256_of(const void *data, size_t length, unsigned char out[HASH_BYTES]);

/* Hashes what a descriptor holds from its beginning; 0, or -1 with errno, EIO if it has not `size` bytes. */
int sha256_of_file(int fd, uint64_t size, unsigned char out[HASH_BYTES]);

/* Tests and measurements use plain C where the processor could do more. */
void sha256_force_plain(void);

#endif
