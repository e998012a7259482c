#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "wire/message.h"

/* A copy of exact size, so that the sanitizer sees every byte read behind the line. */
static int parse(const char *line, size_t n, struct cl_message_memory *memory, struct cl_message *ret,
                 struct cl_err *e) {
  char *copy = cl_alloc(n == 0 ? 1 : n);
  assert_non_null(copy);
  memcpy(copy, line, n);
  int status = cl_message_parse(copy, n, memory, ret, e);
  cl_free(copy);
  return status;
}

static const char *const every_message[] = {
    "{\"type\":\"hello\",\"token\":\"7f3a\",\"protocol\":1,\"can\":\"save load\",\"reports\":12}",
    "{\"type\":\"hello\",\"token\":\"7f3a\",\"protocol\":1}",
    "{\"type\":\"start\",\"change\":17,\"values\":{\"lr\":0.0123,\"layers\":3,\"decay\":3.0,\"nesterov\":true,"
    "\"opt\":\"adam\",\"warmup\":null},\"seed\":-9223372036854775808,\"reports\":12,\"load\":\"/ckpt/7\","
    "\"save_at\":2.5,\"path\":\"/ckpt/8.tmp\"}",
    "{\"type\":\"start\",\"values\":{},\"seed\":9223372036854775807}",
    ("{\"type\":\"report\",\"ordinal\":13,\"step\":6.5,\"metrics\":{\"accuracy\":0.9385,\"loss\":\"nan\",\"a\":\"inf\","
     "\"b\":\"-inf\"}}"),
    "{\"type\":\"report\",\"ordinal\":14,\"step\":-1e+300,\"metrics\":{\"x\":0.1},\"path\":\"/c.tmp\",\"bytes\":8388608}",
    "{\"type\":\"report\",\"ordinal\":14,\"step\":7.0,\"metrics\":{\"x\":0.1},\"path\":\"/c.tmp\",\"error\":\"disk full\"}",
    "{\"type\":\"save\",\"path\":\"/ckpt/9.tmp\"}",
    "{\"type\":\"save\",\"way\":\"region\",\"path\":\"spare 2\"}",
    "{\"type\":\"saved\",\"step\":6.5,\"path\":\"/ckpt/9.tmp\",\"bytes\":123456789012}",
    "{\"type\":\"saved\",\"step\":6.5,\"error\":\"no space left on device\"}",
    "{\"type\":\"load\",\"change\":21,\"values\":{\"lr\":0.02},\"path\":\"/ckpt/3\"}",
    "{\"type\":\"loaded\",\"change\":21,\"missing\":[\"momentum\",\"rng\"]}",
    "{\"type\":\"loaded\",\"change\":21,\"error\":\"not my format\"}",
    "{\"type\":\"fork\",\"token\":\"99aa\"}",
    "{\"type\":\"go\"}",
    "{\"type\":\"go\",\"change\":30,\"values\":{\"lr\":0.004},\"save_at\":9.0,\"path\":\"/ckpt/10.tmp\"}",
    "{\"type\":\"go\",\"save_at\":\"-inf\",\"way\":\"fork\"}",
    "{\"type\":\"pause\",\"save\":\"/ckpt/11.tmp\"}",
    "{\"type\":\"pause\"}",
    "{\"type\":\"stop\",\"save\":\"/ckpt/11.tmp\"}",
    "{\"type\":\"stop\"}",
    "{\"type\":\"done\"}",
    "{\"type\":\"error\",\"text\":\"the step goes back\",\"field\":\"step\",\"limit\":\">= 6.5\",\"fatal\":true}",
    "{\"type\":\"error\",\"text\":\"caf\xc3\xa9 \\\"\\\\\\n\\u0001\"}",
};

static void every_message_reads_and_writes_back_the_same(void **state) {
  (void)state;
  struct cl_message_memory memory = {0};
  struct cl_text text = {0};
  for (size_t i = 0; i < sizeof every_message / sizeof *every_message; i++) {
    struct cl_message m = {0};
    struct cl_err e = {0};
    const char *line = every_message[i];
    if (parse(line, strlen(line), &memory, &m, &e) < 0) fail_msg("%s: %s", line, e.text);
    cl_text_clear(&text);
    if (cl_message_write(&text, &m, &e) < 0) fail_msg("%s: %s", line, e.text);
    assert_int_equal(text.bytes[text.length - 1], '\n');
    text.bytes[text.length - 1] = '\0';
    assert_string_equal(text.bytes, line);
  }
  cl_text_done(&text);
  cl_message_memory_done(&memory);
}

static void every_member_is_read_as_its_type(void **state) {
  (void)state;
  struct cl_message_memory memory = {0};
  struct cl_message m = {0};
  struct cl_err e = {0};
  const char *line = every_message[2];
  assert_int_equal(parse(line, strlen(line), &memory, &m, &e), 0);
  assert_int_equal(m.type, CL_MESSAGE_START);
  assert_true(m.seed == INT64_MIN && m.change == 17 && m.reports == 12 && m.n_values == 6);
  assert_true(m.has_save_at && m.save_at == 2.5 && m.way == CL_MESSAGE_WAY_DIRECTORY);
  assert_string_equal(m.load, "/ckpt/7");
  assert_string_equal(m.path, "/ckpt/8.tmp");
  static const struct cl_wire_pair want[] = {{"lr", {.kind = CL_WIRE_FLOAT, .number = 0.0123}},
                                             {"layers", {.kind = CL_WIRE_INT, .integer = 3}},
                                             {"decay", {.kind = CL_WIRE_FLOAT, .number = 3}},
                                             {"nesterov", {.kind = CL_WIRE_BOOL, .boolean = true}},
                                             {"opt", {.kind = CL_WIRE_TEXT, .text = "adam"}},
                                             {"warmup", {.kind = CL_WIRE_NULL}}};
  for (size_t i = 0; i < 6; i++) {
    assert_string_equal(m.values[i].name, want[i].name);
    for (size_t j = 0; j < 6; j++)
      assert_int_equal(cl_wire_value_equal(&m.values[i].value, &want[j].value), i == j);
  }
  line = every_message[0];
  assert_int_equal(parse(line, strlen(line), &memory, &m, &e), 0);
  assert_int_equal(m.can, CL_MESSAGE_CAN_SAVE | CL_MESSAGE_CAN_LOAD);
  assert_null(m.path);
  line = every_message[4];
  assert_int_equal(parse(line, strlen(line), &memory, &m, &e), 0);
  assert_true(m.n_metrics == 4 && isnan(m.metrics[1].value) && m.metrics[3].value == -(double)INFINITY);
  line = every_message[12];
  assert_int_equal(parse(line, strlen(line), &memory, &m, &e), 0);
  assert_true(m.n_missing == 2 && strcmp(m.missing[1], "rng") == 0);
  cl_message_memory_done(&memory);
}

static void blanks_escapes_nulls_and_unknown_keys_are_understood(void **state) {
  (void)state;
  static const char line[] =
      " {\t\"type\" : \"go\" , \"new\":{\"a\":[1,{\"b\":[]},\"x\\u00e9\"],\"c\":{}} ,\"path\":null,\"values\":null,"
      "\"change\":5,\"token\":[[[[[[[[1]]]]]]]],\"x\":true,\"way\":null,\"\\u0073ave_at\":1E2 } \r";
  struct cl_message_memory memory = {0};
  struct cl_message m = {0};
  struct cl_err e = {0};
  if (parse(line, sizeof line - 1, &memory, &m, &e) < 0) fail_msg("%s", e.text);
  assert_true(m.change == 5 && m.n_values == 0 && m.path == NULL && m.save_at == 100 && m.token == NULL);
  static const char escapes[] =
      "{\"type\":\"error\",\"text\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00E9\\ud83D\\uDE00\\u20ac\x7f\"}";
  if (parse(escapes, sizeof escapes - 1, &memory, &m, &e) < 0) fail_msg("%s", e.text);
  assert_string_equal(m.text, "\"\\/\b\f\n\r\t\xc3\xa9\xf0\x9f\x98\x80\xe2\x82\xac\x7f");
  static const char words[] =
      "{\"type\":\"hello\",\"token\":\"\",\"protocol\":3,\"can\":\" fork  dance saves load \"}";
  assert_int_equal(parse(words, sizeof words - 1, &memory, &m, &e), 0);
  assert_int_equal(m.can, CL_MESSAGE_CAN_FORK | CL_MESSAGE_CAN_LOAD);
  cl_message_memory_done(&memory);
}

static void numbers_keep_every_bit(void **state) {
  (void)state;
  struct cl_message_memory memory = {0};
  struct cl_text text = {0};
  static const double numbers[] = {0.1,      1.0 / 3, 5e-324, 1.7976931348623157e308,
                                   2.385e-7, 3,       1e22,   123456789012345678.0};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    struct cl_wire_pair pair = {"x", {.kind = CL_WIRE_FLOAT, .number = numbers[i]}};
    struct cl_message m = {.type = CL_MESSAGE_GO, .values = &pair, .n_values = 1}, back = {0};
    struct cl_err e = {0};
    cl_text_clear(&text);
    assert_int_equal(cl_message_write(&text, &m, &e), 0);
    assert_int_equal(parse(text.bytes, text.length - 1, &memory, &back, &e), 0);
    assert_true(cl_wire_value_equal(&back.values[0].value, &pair.value));
  }
  static const char big[] =
      "{\"type\":\"go\",\"values\":{\"a\":9223372036854775807,\"b\":9223372036854775808,\"c\":-0.0}}";
  struct cl_message m = {0};
  assert_int_equal(parse(big, sizeof big - 1, &memory, &m, NULL), 0);
  assert_true(m.values[0].value.kind == CL_WIRE_INT && m.values[0].value.integer == INT64_MAX);
  assert_true(m.values[1].value.kind == CL_WIRE_FLOAT && m.values[1].value.number == 9223372036854775808.0);
  assert_true(m.values[2].value.kind == CL_WIRE_FLOAT && !signbit(m.values[2].value.number));
  cl_text_done(&text);
  cl_message_memory_done(&memory);
}

#define GO(rest) "{\"type\":\"go\"," rest
static const struct {
  const char *line, *sentence;
} malformed[] = {
    {"", "byte 1: expected '{' before a message, but the line ends there"},
    {"[]", "byte 1: expected '{' before a message, but found '['"},
    {"{}", "byte 2: expected '\"' before a text, but found '}'"},
    {"{\"Type\":\"go\"}", "the first key of a message must be \"type\", not \"Type\""},
    {"{\"type\":7}", "byte 9: expected '\"' before a text, but found '7'"},
    {"{\"type\":\"walk\"}", "\"walk\" is not a type of message"},
    {"{\"type\" \"go\"}", "byte 9: expected ':' behind a key, but found '\"'"},
    {"{\"type\":\"go\"", "message \"go\": byte 13: expected '}' or ',', but the line ends there"},
    {"{\"type\":\"go\"} x", "byte 15: expected the end of the line behind a message, but found 'x'"},
    {"{\"type\":\"go\",}", "message \"go\": byte 14: expected '\"' before a text, but found '}'"},
    {GO("\"change\":}"),
     "message \"go\": byte 23: expected null, true, false, a number or a text in double quotes, but found '}'"},
    {GO("\"change\":-1}"), "message \"go\": \"change\" is -1, but must be at least 0"},
    {GO("\"change\":1.0}"), "message \"go\": \"change\" must be an integer of 64 bits"},
    {GO("\"change\":9223372036854775808}"), "message \"go\": \"change\" must be an integer of 64 bits"},
    {GO("\"change\":1,\"change\":null}"), "message \"go\": the key \"change\" stands there twice"},
    {GO("\"save_at\":\"nan\"}"), "message \"go\": \"save_at\" must be a finite number"},
    {GO("\"save_at\":true}"), "message \"go\": \"save_at\" must be a number"},
    {GO("\"way\":\"air\"}"), "message \"go\": \"way\" must be \"directory\", \"region\" or \"fork\""},
    {GO("\"path\":5}"), "message \"go\": \"path\" must be a text"},
    {GO("\"values\":7}"), "message \"go\": byte 23: expected '{' behind this key, but found '7'"},
    {GO("\"values\":{\"a\":1,\"a\":2}}"), "message \"go\": \"values\" holds \"a\" twice"},
    {GO("\"values\":{\"\":1}}"), "message \"go\": \"values\" holds an empty name"},
    {GO("\"values\":{\"a\":[1]}}"),
     "message \"go\": byte 28: expected null, true, false, a number or a text in double quotes, but found '['"},
    {GO("\"values\":{\"a\":1 \"b\":2}}"), "message \"go\": byte 30: expected '}' or ',', but found '\"'"},
    {GO("\"x\":01}"), "message \"go\": byte 18: a number must not begin with a needless zero, but found '0'"},
    {GO("\"x\":+1}"),
     "message \"go\": byte 18: expected null, true, false, a number or a text in double quotes, but found '+'"},
    {GO("\"x\":-}"), "message \"go\": byte 19: expected a digit, but found '}'"},
    {GO("\"x\":1.}"), "message \"go\": byte 20: expected a digit, but found '}'"},
    {GO("\"x\":1e}"), "message \"go\": byte 20: expected a digit, but found '}'"},
    {GO("\"x\":1e999}"),
     "message \"go\": byte 18: 1e999 is outside the range of a double; infinity is \"inf\""},
    {GO("\"x\":NaN}"),
     "message \"go\": byte 18: expected null, true, false, a number or a text in double quotes, but found 'N'"},
    {GO("\"x\":tru}"),
     "message \"go\": byte 18: expected null, true, false, a number or a text in double quotes, but found 't'"},
    {GO("\"x\":00000000000000000000000000000000000000000000000000000000000000000}"),
     "message \"go\": byte 18: a number must not begin with a needless zero, but found '0'"},
    {GO("\"x\":10000000000000000000000000000000000000000000000000000000000000000}"),
     "message \"go\": byte 18: a number has more than 64 characters, but found '1'"},
    {GO("\"x\":[[[[[[[[[1]]]]]]]]]}"), "message \"go\": byte 26: nested deeper than 8 levels, but found '['"},
    {GO("\"x\":[1,]}"),
     "message \"go\": byte 21: expected null, true, false, a number or a text in double quotes, but found ']'"},
    {GO("\"x\":[1}}"), "message \"go\": byte 20: expected ']' or ',', but found '}'"},
    {GO("\"x\":{\"a\"}}"), "message \"go\": byte 22: expected ':' behind a key, but found '}'"},
    {GO("\"x\":{1:2}}"), "message \"go\": byte 19: expected '\"' before a text, but found '1'"},
    {GO("\"x\":\"\\u12g4\"}"), "message \"go\": byte 23: \\u needs four hexadecimal digits, but found 'g'"},
    {GO("\"x\":\"\\u0000\"}"), "message \"go\": byte 25: a text must not contain \\u0000, but found '\"'"},
    {GO("\"x\":\"\\ud800\"}"), "message \"go\": byte 25: half a surrogate pair before this, but found '\"'"},
    {GO("\"x\":\"\\ud800\\u0041\"}"),
     "message \"go\": byte 31: half a surrogate pair before this, but found '\"'"},
    {GO("\"x\":\"\\udc00\\ud800\"}"),
     "message \"go\": byte 25: half a surrogate pair before this, but found '\\'"},
    {GO("\"x\":\"\\x41\"}"),
     "message \"go\": byte 20: an escape is one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX, but found 'x'"},
    {GO("\"x\":\"\\"), "message \"go\": byte 20: expected the rest of an escape, but the line ends there"},
    {GO("\"x\":\"a"), "message \"go\": byte 20: expected '\"' behind a text, but the line ends there"},
    {GO("\"x\":\"\t\"}"),
     "message \"go\": byte 19: a control character in a text must be escaped, but found 0x09"},
    {GO("\"x\":\"\xc0\xaf\"}"),
     "message \"go\": byte 19: the text from here on is not UTF-8, but found 0xc0"},
    {GO("x:1}"), "message \"go\": byte 14: expected '\"' before a text, but found 'x'"},
    {"{\"type\":\"hello\",\"protocol\":1}", "message \"hello\": \"token\" is missing"},
    {"{\"type\":\"hello\",\"token\":null,\"protocol\":1}", "message \"hello\": \"token\" is missing"},
    {"{\"type\":\"hello\",\"token\":\"a\",\"protocol\":0}",
     "message \"hello\": \"protocol\" is 0, but must be at least 1"},
    {"{\"type\":\"hello\",\"token\":\"a\",\"protocol\":1,\"can\":[\"save\"]}",
     "message \"hello\": byte 48: expected null, true, false, a number or a text in double quotes, but found '['"},
    {"{\"type\":\"hello\",\"token\":\"a\",\"protocol\":1,\"can\":2}",
     "message \"hello\": \"can\" must be a text"},
    {"{\"type\":\"report\",\"ordinal\":0,\"step\":1,\"metrics\":{}}",
     "message \"report\": \"ordinal\" is 0, but must be at least 1"},
    {"{\"type\":\"report\",\"ordinal\":1,\"step\":\"inf\",\"metrics\":{}}",
     "message \"report\": \"step\" must be a finite number"},
    {"{\"type\":\"report\",\"ordinal\":1,\"step\":1}", "message \"report\": \"metrics\" is missing"},
    {"{\"type\":\"report\",\"ordinal\":1,\"step\":1,\"metrics\":{\"a\":true}}",
     "message \"report\": metric \"a\" must be a number, or \"nan\", \"inf\" or \"-inf\""},
    {"{\"type\":\"report\",\"ordinal\":1,\"step\":1,\"metrics\":{\"a\":\"NaN\"}}",
     "message \"report\": metric \"a\" must be a number, or \"nan\", \"inf\" or \"-inf\""},
    {"{\"type\":\"report\",\"ordinal\":1,\"step\":1,\"metrics\":{\"a\":1,\"a\":1}}",
     "message \"report\": \"metrics\" holds \"a\" twice"},
    {"{\"type\":\"loaded\",\"change\":1,\"missing\":{}}",
     "message \"loaded\": byte 39: expected '[' behind this key, but found '{'"},
    {"{\"type\":\"loaded\",\"change\":1,\"missing\":[1]}",
     "message \"loaded\": byte 40: expected '\"' before a text, but found '1'"},
    {"{\"type\":\"error\",\"text\":\"a\",\"fatal\":1}", "message \"error\": \"fatal\" must be true or false"},
};

static void every_malformed_form_has_its_sentence(void **state) {
  (void)state;
  struct cl_message_memory memory = {0};
  for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
    struct cl_message m = {.ordinal = 2385}, before = m;
    struct cl_err e = {0};
    const char *line = malformed[i].line;
    if (parse(line, strlen(line), &memory, &m, &e) != CLADE_EPROTOCOL) fail_msg("accepted: %s", line);
    if (strcmp(e.text, malformed[i].sentence) != 0)
      fail_msg("%s\n  gave: %s\n  want: %s", line, e.text, malformed[i].sentence);
    assert_memory_equal(&m, &before, sizeof m);
  }
  struct cl_message m;
  assert_int_equal(parse("{\"type\":\"go\"}\0", 14, &memory, &m, NULL), CLADE_EPROTOCOL);
  assert_int_equal(parse("{\"type\":\"go\",\"x\":\"\0\"}", 21, &memory, &m, NULL), CLADE_EPROTOCOL);
  cl_message_memory_done(&memory);
}

static void every_cut_and_every_changed_byte_is_survived(void **state) {
  (void)state;
  struct cl_message_memory memory = {0};
  struct cl_message m;
  struct cl_text text = {0};
  for (size_t i = 0; i < sizeof every_message / sizeof *every_message; i++) {
    size_t n = strlen(every_message[i]);
    for (size_t cut = 0; cut < n; cut++)
      assert_int_equal(parse(every_message[i], cut, &memory, &m, NULL), CLADE_EPROTOCOL);
    char line[512];
    assert_true(n < sizeof line);
    for (size_t at = 0; at < n; at++) {
      for (int c = 0; c < 256; c += 3) {
        memcpy(line, every_message[i], n);
        line[at] = (char)(unsigned char)c;
        if (parse(line, n, &memory, &m, NULL) < 0) continue;
        cl_text_clear(&text);
        assert_int_equal(cl_message_write(&text, &m, NULL), 0);
      }
    }
  }
  cl_text_done(&text);
  cl_message_memory_done(&memory);
}

static void limits_are_kept_to_the_byte(void **state) {
  (void)state;
  struct cl_message_memory memory = {0};
  struct cl_message m = {.type = CL_MESSAGE_ERROR}, back;
  struct cl_text text = {0};
  struct cl_err e = {0};
  size_t frame = strlen("{\"type\":\"error\",\"text\":\"\"}");
  char *sentence = cl_alloc(CL_MESSAGE_MAX + 2);
  memset(sentence, 'x', CL_MESSAGE_MAX - frame);
  m.text = sentence;
  assert_int_equal(cl_message_write(&text, &m, &e), 0);
  assert_int_equal(text.length, CL_MESSAGE_MAX + 1);
  assert_int_equal(parse(text.bytes, CL_MESSAGE_MAX, &memory, &back, &e), 0);
  assert_int_equal(parse(text.bytes, CL_MESSAGE_MAX + 1, &memory, &back, &e), CLADE_ELIMIT);
  assert_string_equal(e.text, "a message has 65537 bytes, but the limit is 65536");
  sentence[CL_MESSAGE_MAX - frame] = 'x';
  cl_text_clear(&text);
  cl_text_add(&text, "before");
  assert_int_equal(cl_message_write(&text, &m, &e), CLADE_ELIMIT);
  assert_string_equal(e.text, "message \"error\": it has 65537 bytes, but the limit is 65536");
  assert_string_equal(cl_text_get(&text), "before");
  memset(sentence, 'x', CL_MESSAGE_MAX + 1);
  assert_int_equal(cl_message_write(&text, &m, &e), CLADE_ELIMIT);
  assert_string_equal(cl_text_get(&text), "before");
  cl_free(sentence);
  cl_text_done(&text);
  cl_message_memory_done(&memory);
}

static void names_and_counts_are_limited(void **state) {
  (void)state;
  struct cl_message_memory memory = {0};
  struct cl_text text = {0}, names = {0};
  struct cl_err e = {0};
  char name[CL_MESSAGE_NAME_MAX + 2];
  memset(name, 'n', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  struct cl_wire_metric metrics[CL_MESSAGE_ITEMS_MAX + 1] = {{name, 1}};
  struct cl_message m = {.type = CL_MESSAGE_REPORT, .ordinal = 1, .metrics = metrics, .n_metrics = 1}, back;
  assert_int_equal(cl_message_write(&text, &m, &e), CLADE_ELIMIT);
  name[CL_MESSAGE_NAME_MAX] = '\0';
  assert_int_equal(cl_message_write(&text, &m, &e), 0);
  assert_int_equal(parse(text.bytes, text.length - 1, &memory, &back, &e), 0);
  cl_text_clear(&text);
  cl_text_format(&text, "{\"type\":\"go\",\"values\":{\"n%s\":1}}", name);
  assert_int_equal(parse(text.bytes, text.length, &memory, &back, &e), CLADE_ELIMIT);
  assert_non_null(strstr(e.text, "a name of 257 bytes (nnnnnnnnnn"));

  cl_text_clear(&text);
  cl_text_add(&text, "{\"type\":\"go\",\"values\":{");
  for (int i = 0; i < CL_MESSAGE_ITEMS_MAX; i++) cl_text_format(&text, "%s\"%d\":0", i == 0 ? "" : ",", i);
  size_t n = text.length;
  cl_text_add(&text, "}}");
  assert_int_equal(parse(text.bytes, text.length, &memory, &back, &e), 0);
  assert_int_equal(back.n_values, CL_MESSAGE_ITEMS_MAX);
  cl_text_cut(&text, n);
  cl_text_add(&text, ",\"x\":0}}");
  assert_int_equal(parse(text.bytes, text.length, &memory, &back, &e), CLADE_ELIMIT);
  m.n_metrics = CL_MESSAGE_ITEMS_MAX + 1;
  assert_int_equal(cl_message_write(&text, &m, &e), CLADE_ELIMIT);
  assert_string_equal(e.text, "message \"report\": \"metrics\" holds 1025 items, but the limit is 1024");
  cl_text_done(&text);
  cl_text_done(&names);
  cl_message_memory_done(&memory);
}

static void write_fails(const struct cl_message *m, const char *sentence) {
  struct cl_text text = {0};
  struct cl_err e = {0};
  assert_int_equal(cl_message_write(&text, m, &e), CLADE_EINVAL);
  assert_string_equal(e.text, sentence);
  assert_string_equal(cl_text_get(&text), "");
  cl_text_done(&text);
}

static void nothing_is_written_that_cannot_be_read(void **state) {
  (void)state;
  struct cl_wire_metric metrics[] = {{"loss", 0.5}, {"loss", 0.25}, {"", 1}, {"\xff", 1}};
  struct cl_message m = {
      .type = CL_MESSAGE_REPORT, .ordinal = 1, .step = 2.385, .metrics = metrics, .n_metrics = 2};
  write_fails(&m, "message \"report\": \"metrics\" holds \"loss\" twice");
  m.metrics = metrics + 2;
  write_fails(&m, "message \"report\": \"metrics\" holds an empty name");
  m.metrics = metrics + 3;
  write_fails(&m, "message \"report\": \"metrics\" holds a name that is not UTF-8");
  m.step = (double)NAN;
  write_fails(&m, "message \"report\": \"step\" must be a finite number");
  m.ordinal = 0;
  write_fails(&m, "message \"report\": \"ordinal\" is 0, but must be at least 1");
  m = (struct cl_message){.type = CL_MESSAGE_HELLO, .protocol = 1};
  write_fails(&m, "message \"hello\": \"token\" is missing");
  m.token = "a\xff";
  write_fails(&m, "message \"hello\": \"token\" is not UTF-8");
  struct cl_wire_pair values[] = {{"a", {.kind = CL_WIRE_FLOAT, .number = (double)INFINITY}},
                                  {"a", {CL_WIRE_NULL}}};
  m = (struct cl_message){.type = CL_MESSAGE_GO, .values = values, .n_values = 1};
  write_fails(&m, "message \"go\": the value of \"a\" is not finite");
  values[0].value = (struct cl_wire_value){.kind = CL_WIRE_TEXT, .text = "\x80"};
  write_fails(&m, "message \"go\": \"a\" is not UTF-8");
  values[0].value.kind = CL_WIRE_NULL;
  m.n_values = 2;
  write_fails(&m, "message \"go\": \"values\" holds \"a\" twice");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_message_reads_and_writes_back_the_same),
                                     cmocka_unit_test(every_member_is_read_as_its_type),
                                     cmocka_unit_test(blanks_escapes_nulls_and_unknown_keys_are_understood),
                                     cmocka_unit_test(numbers_keep_every_bit),
                                     cmocka_unit_test(every_malformed_form_has_its_sentence),
                                     cmocka_unit_test(every_cut_and_every_changed_byte_is_survived),
                                     cmocka_unit_test(limits_are_kept_to_the_byte),
                                     cmocka_unit_test(names_and_counts_are_limited),
                                     cmocka_unit_test(nothing_is_written_that_cannot_be_read)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
