#include "base/utf8.h"

#include "base/text.h"

size_t cl_utf8_sequence(const unsigned char *p, size_t n) {
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

bool cl_text_is_utf8(const char *bytes, size_t n) {
  const unsigned char *p = (const unsigned char *)bytes;
  while (n > 0) {
    size_t length = cl_utf8_sequence(p, n);
    if (length == 0) return false;
    p += length;
    n -= length;
  }
  return true;
}
