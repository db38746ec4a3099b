#define _GNU_SOURCE
#include "sha256.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

typedef void block_function(uint32_t state[8], const unsigned char *data, size_t blocks);

static inline uint32_t rotate(uint32_t value, int by) { return value >> by | value << (32 - by); }

static inline uint32_t big_endian(const unsigned char *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* The message schedule, 16 words of it at a time. */
static inline uint32_t next_word(uint32_t w[16], int i) {
  uint32_t early = w[(i + 1) & 15], late = w[(i + 14) & 15];
  return w[i & 15] += (rotate(early, 7) ^ rotate(early, 18) ^ early >> 3) + w[(i + 9) & 15] +
                      (rotate(late, 17) ^ rotate(late, 19) ^ late >> 10);
}

/* The eight variables change their roles from round to round instead of moving. */
#define ROUND(a, b, c, d, e, f, g, h, i)                                                                     \
  word = from ? big_endian(from + 4 * (i)) : next_word(w, i);                                                \
  if (from) w[i] = word;                                                                                     \
  first =                                                                                                    \
      h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + (g ^ (e & (f ^ g))) + constants[at + (i)] + word; \
  d += first;                                                                                                \
  h = first + (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) | (c & (a | b)));

/* Sixteen rounds: the first sixteen read the block at `from`, the later ones the schedule. */
static inline __attribute__((always_inline)) void sixteen_rounds(uint32_t s[8], uint32_t w[16],
                                                                 const unsigned char *from, int at) {
  uint32_t a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7], first, word;
  ROUND(a, b, c, d, e, f, g, h, 0)
  ROUND(h, a, b, c, d, e, f, g, 1)
  ROUND(g, h, a, b, c, d, e, f, 2)
  ROUND(f, g, h, a, b, c, d, e, 3)
  ROUND(e, f, g, h, a, b, c, d, 4)
  ROUND(d, e, f, g, h, a, b, c, 5)
  ROUND(c, d, e, f, g, h, a, b, 6)
  ROUND(b, c, d, e, f, g, h, a, 7)
  ROUND(a, b, c, d, e, f, g, h, 8)
  ROUND(h, a, b, c, d, e, f, g, 9)
  ROUND(g, h, a, b, c, d, e, f, 10)
  ROUND(f, g, h, a, b, c, d, e, 11)
  ROUND(e, f, g, h, a, b, c, d, 12)
  ROUND(d, e, f, g, h, a, b, c, 13)
  ROUND(c, d, e, f, g, h, a, b, 14)
  ROUND(b, c, d, e, f, g, h, a, 15)
  s[0] = a, s[1] = b, s[2] = c, s[3] = d, s[4] = e, s[5] = f, s[6] = g, s[7] = h;
}

static void plain_blocks(uint32_t state[8], const unsigned char *data, size_t blocks) {
  for (; blocks > 0; blocks--, data += 64) {
    uint32_t w[16] = {0}, s[8];
    memcpy(s, state, sizeof s);
    sixteen_rounds(s, w, data, 0);
    for (int at = 16; at < 64; at += 16) sixteen_rounds(s, w, NULL, at);
    for (int i = 0; i < 8; i++) state[i] += s[i];
  }
}

#if defined(__x86_64__)
/* Four rounds, and the part of the message schedule that they make room for. */
#define ROUNDS(i, now, next, last, one_before)                                                               \
  sum = _mm_add_epi32(now, _mm_loadu_si128((const __m128i *)(constants + 4 * (i))));                         \
  cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);                                                             \
  if ((i) >= 3 && (i) < 15)                                                                                  \
    next = _mm_sha256msg2_epu32(_mm_add_epi32(next, _mm_alignr_epi8(now, last, 4)), now);                    \
  abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));                                    \
  if ((i) >= 1 && (i) < 13) one_before = _mm_sha256msg1_epu32(one_before, now);

__attribute__((target("sha,sse4.1,ssse3"))) static void
sha_ni_blocks(uint32_t state[8], const unsigned char *data, size_t blocks) {
  const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
  __m128i sum = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xb1);
  __m128i cdgh = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1b);
  __m128i abef = _mm_alignr_epi8(sum, cdgh, 8);
  cdgh = _mm_blend_epi16(cdgh, sum, 0xf0);
  for (; blocks > 0; blocks--, data += 64) {
    const __m128i abef_before = abef, cdgh_before = cdgh;
    __m128i m0 = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)data), swap);
    __m128i m1 = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(data + 16)), swap);
    __m128i m2 = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(data + 32)), swap);
    __m128i m3 = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(data + 48)), swap);
    ROUNDS(0, m0, m1, m3, m3)
    ROUNDS(1, m1, m2, m0, m0)
    ROUNDS(2, m2, m3, m1, m1)
    ROUNDS(3, m3, m0, m2, m2)
    ROUNDS(4, m0, m1, m3, m3)
    ROUNDS(5, m1, m2, m0, m0)
    ROUNDS(6, m2, m3, m1, m1)
    ROUNDS(7, m3, m0, m2, m2)
    ROUNDS(8, m0, m1, m3, m3)
    ROUNDS(9, m1, m2, m0, m0)
    ROUNDS(10, m2, m3, m1, m1)
    ROUNDS(11, m3, m0, m2, m2)
    ROUNDS(12, m0, m1, m3, m3)
    ROUNDS(13, m1, m2, m0, m0)
    ROUNDS(14, m2, m3, m1, m1)
    ROUNDS(15, m3, m0, m2, m2)
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }
  sum = _mm_shuffle_epi32(abef, 0x1b);
  cdgh = _mm_shuffle_epi32(cdgh, 0xb1);
  _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(sum, cdgh, 0xf0));
  _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(cdgh, sum, 8));
}

static int has_sha_ni(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSE4_1) || !(c & bit_SSSE3)) return 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}
#endif

static block_function *chosen_blocks; /* decided once; the decision is the same in every thread */

void sha256_force_plain(void) { chosen_blocks = plain_blocks; }

static block_function *choose_blocks(void) {
#if defined(__x86_64__)
  if (has_sha_ni()) return sha_ni_blocks;
#endif
  return plain_blocks;
}

static void hash_blocks(uint32_t state[8], const unsigned char *data, size_t blocks) {
  block_function *function = __atomic_load_n(&chosen_blocks, __ATOMIC_RELAXED);
  if (!function) {
    function = choose_blocks();
    __atomic_store_n(&chosen_blocks, function, __ATOMIC_RELAXED);
  }
  function(state, data, blocks);
}

void sha256_start(struct sha256 *hash) {
  static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  memcpy(hash->state, initial, sizeof initial);
  hash->length = 0;
}

void sha256_add(struct sha256 *hash, const void *data, size_t length) {
  const unsigned char *from = data;
  size_t held = hash->length % 64;
  hash->length += length;
  if (held > 0) {
    size_t room = 64 - held, part = length < room ? length : room;
    memcpy(hash->block + held, from, part);
    if (part < room) return;
    hash_blocks(hash->state, hash->block, 1);
    from += part;
    length -= part;
  }
  if (length >= 64) hash_blocks(hash->state, from, length / 64);
  if (length % 64) memcpy(hash->block, from + length / 64 * 64, length % 64);
}

void sha256_end(struct sha256 *hash, unsigned char out[HASH_BYTES]) {
  uint64_t bits = hash->length * 8;
  unsigned char tail[72] = {0x80};
  size_t padding = 1 + (119 - hash->length % 64) % 64;
  for (int i = 0; i < 8; i++) tail[padding + (size_t)i] = (unsigned char)(bits >> (56 - 8 * i));
  sha256_add(hash, tail, padding + 8);
  for (int i = 0; i < 32; i++) out[i] = (unsigned char)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
}

void sha256_of(const void *data, size_t length, unsigned char out[HASH_BYTES]) {
  struct sha256 hash;
  sha256_start(&hash);
  sha256_add(&hash, data, length);
  sha256_end(&hash, out);
}

int sha256_of_file(int fd, uint64_t size, unsigned char out[HASH_BYTES]) {
  enum { STEP_BYTES = 256 * 1024 };
  unsigned char *buffer = malloc(STEP_BYTES);
  if (!buffer) return -1;
  struct sha256 hash;
  sha256_start(&hash);
  uint64_t at = 0;
  ssize_t got;
  while ((got = pread(fd, buffer, STEP_BYTES, (off_t)at)) != 0) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) break;
    sha256_add(&hash, buffer, (size_t)got);
    at += (uint64_t)got;
  }
  free(buffer);
  if (got < 0) return -1;
  if (at != size) {
    errno = EIO;
    return -1;
  }
  sha256_end(&hash, out);
  return 0;
}
