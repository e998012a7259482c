#include "worker/tensorboard.h"

#include <assert.h>
#include <string.h>

/* Fields of Event, Summary and Summary.Value: number << 3 | how it is encoded. */
enum {
  EVENT_TIME = 1 << 3 | 1,    /* 8 bytes */
  EVENT_STEP = 2 << 3 | 0,    /* a number in groups of seven bits */
  EVENT_VERSION = 3 << 3 | 2, /* bytes, their length first */
  EVENT_SUMMARY = 5 << 3 | 2,
  SUMMARY_VALUE = 1 << 3 | 2,
  VALUE_TAG = 1 << 3 | 2,
  VALUE_SIMPLE = 2 << 3 | 5 /* 4 bytes */
};

uint32_t cl_tensorboard_checksum(const char *bytes, size_t n) {
  uint32_t crc = UINT32_MAX;
  for (size_t i = 0; i < n; i++) {
    crc ^= (unsigned char)bytes[i];
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (UINT32_C(0x82f63b78) & (0U - (crc & 1U)));
  }
  crc = ~crc;
  return ((crc >> 15) | (crc << 17)) + UINT32_C(0xa282ead8);
}

static void add_little_endian(struct cl_text *ret, uint64_t x, int n) {
  assert(n == 4 || n == 8);
  for (int i = 0; i < n; i++) cl_text_add_char(ret, (char)((x >> (8 * i)) & 0xff));
}

static void add_varint(struct cl_text *ret, uint64_t x) {
  for (; x >= 0x80; x >>= 7) cl_text_add_char(ret, (char)((x & 0x7f) | 0x80));
  cl_text_add_char(ret, (char)x);
}

static void add_field(struct cl_text *ret, int field, const char *bytes, size_t n) {
  cl_text_add_char(ret, (char)field);
  add_varint(ret, n);
  cl_text_add_bytes(ret, bytes, n);
}

static void add_part(struct cl_text *ret, int field, struct cl_text *part) {
  add_field(ret, field, cl_text_get(part), part->length);
  ret->failed = ret->failed || part->failed;
  cl_text_done(part);
}

static void add_time(struct cl_text *event, double time_s) {
  uint64_t bits;
  _Static_assert(sizeof bits == sizeof time_s, "a double has 8 bytes");
  memcpy(&bits, &time_s, sizeof bits);
  cl_text_add_char(event, EVENT_TIME);
  add_little_endian(event, bits, 8);
}

/* Frees the event. */
static void add_record(struct cl_text *ret, struct cl_text *event) {
  const char *bytes = cl_text_get(event);
  size_t begin = ret->length;
  add_little_endian(ret, event->length, 8);
  add_little_endian(ret, ret->failed ? 0 : cl_tensorboard_checksum(cl_text_get(ret) + begin, 8), 4);
  cl_text_add_bytes(ret, bytes, event->length);
  add_little_endian(ret, cl_tensorboard_checksum(bytes, event->length), 4);
  assert(ret->failed || ret->length == begin + 16 + event->length);
  ret->failed = ret->failed || event->failed;
  cl_text_done(event);
}

void cl_tensorboard_begin(struct cl_text *ret, double time_s) {
  static const char version[] = "brain.Event:2";
  struct cl_text event = {0};
  add_time(&event, time_s);
  add_field(&event, EVENT_VERSION, version, sizeof version - 1);
  add_record(ret, &event);
}

void cl_tensorboard_scalar(struct cl_text *ret, double time_s, int64_t step, const char *name, double value) {
  struct cl_text event = {0}, summary = {0}, item = {0};
  float simple = (float)value;
  uint32_t bits;
  memcpy(&bits, &simple, sizeof bits);
  add_field(&item, VALUE_TAG, name, strlen(name));
  cl_text_add_char(&item, VALUE_SIMPLE);
  add_little_endian(&item, bits, 4);
  add_part(&summary, SUMMARY_VALUE, &item);
  add_time(&event, time_s);
  cl_text_add_char(&event, EVENT_STEP);
  add_varint(&event, (uint64_t)step);
  add_part(&event, EVENT_SUMMARY, &summary);
  add_record(ret, &event);
}
