#include "base/utf8.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"

size_t cl_utf8_sequence(const unsigned char *p, size_t n) {
  assert(n >= 1);
  if (p[0] == 0) return 0;
  if (p[0] < 0x80) return 1;
  size_t length = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
  if (p[0] < 0xC2 || p[0] > 0xF4 || n < length) return 0;
  for (size_t i = 1; i < length; i++)
    if ((p[i] & 0xC0) != 0x80) return 0;
  if (p[0] == 0xE0 && p[1] < 0xA0) return 0; /* overlong */
  if (p[0] == 0xED && p[1] > 0x9F) return 0; /* surrogate */
  if (p[0] == 0xF0 && p[1] < 0x90) return 0; /* overlong */
  if (p[0] == 0xF4 && p[1] > 0x8F) return 0; /* above U+10FFFF */
  return length;
}

/* Eight bytes of ASCII, none of them zero? */
static bool is_plain(const unsigned char *p) {
  uint64_t x;
  memcpy(&x, p, sizeof x);
  const uint64_t ones = UINT64_C(0x0101010101010101), tops = UINT64_C(0x8080808080808080);
  return (((x - ones) | x) & tops) == 0;
}

bool cl_text_is_utf8(const char *bytes, size_t n) {
  const unsigned char *p = (const unsigned char *)bytes;
  while (n > 0) {
    if (n >= 8 && is_plain(p)) {
      p += 8;
      n -= 8;
      continue;
    }
    size_t length = cl_utf8_sequence(p, n);
    if (length == 0) return false;
    p += length;
    n -= length;
  }
  return true;
}
