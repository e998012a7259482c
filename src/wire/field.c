/* The table of the protocol. A new field is one line in FIELD_MAP and one word in each message that has it.
 */
#include "wire/field.h"

#include <assert.h>

/* X(id, key, kind, member, least) */
#define FIELD_MAP(X) \
  X(TOKEN, "token", TEXT, token, 0) \
  X(PROTOCOL, "protocol", INT, protocol, 1) \
  X(CAN, "can", CAN, can, 0) \
  X(ORDINAL, "ordinal", INT, ordinal, 1) \
  X(STEP, "step", STEP, step, 0) \
  X(METRICS, "metrics", METRICS, metrics, 0) \
  X(CHANGE, "change", INT, change, 0) \
  X(VALUES, "values", VALUES, values, 0) \
  X(SEED, "seed", INT, seed, INT64_MIN) \
  X(REPORTS, "reports", INT, reports, 0) \
  X(LOAD, "load", TEXT, load, 0) \
  X(SAVE, "save", TEXT, save, 0) \
  X(SAVE_AT, "save_at", SAVE_AT, save_at, 0) \
  X(WAY, "way", WAY, way, 0) \
  X(PATH, "path", TEXT, path, 0) \
  X(BYTES, "bytes", INT, bytes, 0) \
  X(MISSING, "missing", MISSING, missing, 0) \
  X(ERROR, "error", TEXT, error, 0) \
  X(TEXT, "text", TEXT, text, 0) \
  X(FIELD, "field", TEXT, field, 0) \
  X(LIMIT, "limit", TEXT, limit, 0) \
  X(FATAL, "fatal", BOOL, fatal, 0)

enum {
#define X(id, key, kind, member, least) F_##id,
  FIELD_MAP(X)
#undef X
      F_COUNT
};

static_assert((int)F_COUNT == (int)CL_FIELDS, "CL_FIELDS counts the lines of FIELD_MAP");

const struct cl_field cl_field_table[CL_FIELDS] = {
#define X(id, key, kind, member, least) {key, CL_FIELD_##kind, offsetof(struct cl_message, member), least},
    FIELD_MAP(X)
#undef X
};

#define BIT(id) (UINT32_C(1) << F_##id)

static const struct shape {
  uint32_t required, optional;
} shapes[CL_MESSAGE_TYPES] = {
    [CL_MESSAGE_HELLO] = {BIT(TOKEN) | BIT(PROTOCOL), BIT(CAN) | BIT(REPORTS) | BIT(BYTES)},
    [CL_MESSAGE_START] = {BIT(VALUES) | BIT(SEED),
                          BIT(CHANGE) | BIT(REPORTS) | BIT(LOAD) | BIT(SAVE_AT) | BIT(WAY) | BIT(PATH)},
    [CL_MESSAGE_REPORT] = {BIT(ORDINAL) | BIT(STEP) | BIT(METRICS), BIT(PATH) | BIT(BYTES) | BIT(ERROR)},
    [CL_MESSAGE_SAVE] = {BIT(PATH), BIT(WAY)},
    [CL_MESSAGE_SAVED] = {BIT(STEP), BIT(PATH) | BIT(BYTES) | BIT(ERROR)},
    [CL_MESSAGE_LOAD] = {BIT(CHANGE) | BIT(PATH), BIT(WAY) | BIT(VALUES)},
    [CL_MESSAGE_LOADED] = {BIT(CHANGE), BIT(MISSING) | BIT(ERROR)},
    [CL_MESSAGE_FORK] = {BIT(TOKEN), BIT(PATH)},
    [CL_MESSAGE_GO] = {0, BIT(CHANGE) | BIT(VALUES) | BIT(SAVE_AT) | BIT(WAY) | BIT(PATH)},
    [CL_MESSAGE_PAUSE] = {0, BIT(SAVE)},
    [CL_MESSAGE_STOP] = {0, BIT(SAVE)},
    [CL_MESSAGE_DONE] = {0, 0},
    [CL_MESSAGE_ERROR] = {BIT(TEXT), BIT(FIELD) | BIT(LIMIT) | BIT(FATAL)},
};

bool cl_field_required(enum cl_message_type type, size_t field) {
  assert(type < CL_MESSAGE_TYPES && field < CL_FIELDS);
  return (shapes[type].required >> field & 1) != 0;
}

bool cl_field_allowed(enum cl_message_type type, size_t field) {
  assert(type < CL_MESSAGE_TYPES && field < CL_FIELDS);
  return ((shapes[type].required | shapes[type].optional) >> field & 1) != 0;
}

const char *cl_message_type_text(enum cl_message_type type) {
  static const char *const texts[] = {
#define CL_X(id, text) text,
      CL_MESSAGE_TYPE_MAP(CL_X)
#undef CL_X
  };
  assert(type < CL_MESSAGE_TYPES);
  return texts[type];
}

const char *cl_field_way_text(enum cl_message_way way) {
  switch (way) {
#define CL_X(id, text) \
  case CL_MESSAGE_WAY_##id: return text;
    CL_MESSAGE_WAY_MAP(CL_X)
#undef CL_X
  default: return NULL;
  }
}

const char *cl_field_can_text(unsigned bit) {
  switch (bit) {
#define CL_X(id, number, text) \
  case number: return text;
    CL_MESSAGE_CAN_MAP(CL_X)
#undef CL_X
  default: return NULL;
  }
}
