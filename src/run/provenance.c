#include "run/provenance.h"

#include <assert.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <jansson.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "store/store.h"

enum {
  DIFF_MAX = 64 << 20, /* bytes of uncommitted changes that are hashed */
  FILE_MAX = 64 << 20  /* of a program's file */
};

#define HASH_BEGIN 0xCBF29CE484222325ull /* FNV-1a */

static uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t n) {
  for (size_t i = 0; i < n; i++) hash = (hash ^ (uint64_t)(unsigned char)bytes[i]) * 0x100000001B3ull;
  return hash;
}

/* First line that `git ARGUMENTS` prints about the directory, or a hash of all it prints. False if it fails.
 */
static bool ask_git(const char *cwd, const char *arguments, bool hash_all, char *ret, size_t size) {
  struct cl_text command = {0};
  assert(size > 16 && strchr(arguments, '\'') == NULL);
  cl_text_add(&command, "git -C '");
  for (const char *p = cwd; *p != '\0'; p++) {
    if (*p == '\'')
      cl_text_add(&command, "'\\''");
    else
      cl_text_add_char(&command, *p);
  }
  cl_text_format(&command, "' %s 2>/dev/null </dev/null", arguments);
  FILE *out =
      command.failed ? NULL : popen(cl_text_get(&command), "re"); // NOLINT(cert-env33-c): the path is quoted
  cl_text_done(&command);
  if (out == NULL) return false;
  uint64_t hash = HASH_BEGIN;
  size_t total = 0, kept = 0;
  int c;
  while ((c = fgetc(out)) != EOF && total < DIFF_MAX) {
    char byte = (char)c;
    hash = hash_bytes(hash, &byte, 1);
    if (!hash_all && c != '\n' && kept == total && kept + 1 < size) ret[kept++] = (char)c;
    total++;
  }
  assert(kept < size);
  ret[kept] = '\0';
  if (hash_all && total > 0) (void)snprintf(ret, size, "%016llx", (unsigned long long)hash);
  return pclose(out) == 0 || total >= DIFF_MAX;
}

/* Files that the program's words name: what runs may not be in any repository. */
static int write_files(json_t *node, const char *cwd, int n_program, const char *const *program) {
  json_t *files = json_object();
  int failed = files == NULL ? -1 : 0;
  for (int i = 0; i < n_program && failed == 0; i++) {
    char *path = cl_path_join(cwd, program[i]), *bytes = NULL, hash[24];
    struct stat info;
    size_t n = 0;
    if (path == NULL) failed = -1;
    bool file =
        failed == 0 && strlen(program[i]) < PATH_MAX && stat(path, &info) == 0 && S_ISREG(info.st_mode);
    if (file && cl_file_read(path, FILE_MAX, &bytes, &n, NULL) == 0) {
      (void)snprintf(hash, sizeof hash, "%016llx", (unsigned long long)hash_bytes(HASH_BEGIN, bytes, n));
      failed = json_object_set_new(files, program[i], json_string(hash));
    }
    cl_free(bytes);
    cl_free(path);
  }
  if (failed == 0 && json_object_size(files) > 0) return json_object_set_new(node, "files", files);
  json_decref(files);
  return failed;
}

static void write_cpu(json_t *node) {
  char *text = NULL;
  if (cl_file_read("/proc/cpuinfo", 4 << 20, &text, NULL, NULL) < 0) return;
  const char *model = strstr(text, "model name");
  const char *colon = model == NULL ? NULL : strchr(model, ':');
  if (colon != NULL) {
    size_t n = strcspn(colon + 2, "\n");
    (void)json_object_set_new(node, "cpu", json_stringn(colon + 2, n));
  }
  cl_free(text);
}

/* The login name, or none where the id has no entry (in a container). */
static void write_user(json_t *node) {
  struct passwd entry, *found = NULL;
  char room[4096];
  if (getpwuid_r(geteuid(), &entry, room, sizeof room, &found) == 0 && found != NULL)
    (void)json_object_set_new(node, "user", json_string(found->pw_name));
}

/* A word of a command; it may be the address of a store. */
static void add_word(json_t *words, const char *word) {
  char *shown = cl_store_show(word);
  (void)json_array_append_new(words, shown == NULL ? NULL : json_string(shown));
  cl_free(shown);
}

static void write_command(json_t *node) {
  char *text = NULL;
  size_t n = 0;
  if (cl_file_read("/proc/self/cmdline", 1 << 20, &text, &n, NULL) < 0) return;
  json_t *words = json_array();
  for (size_t i = 0; i < n; i += strlen(text + i) + 1) add_word(words, text + i);
  (void)json_object_set_new(node, "command", words);
  cl_free(text);
}

int cl_provenance_write(const char *cwd, int n_program, const char *const *program, struct cl_text *ret,
                        struct cl_err *e) {
  json_t *node = json_object(), *words = json_array();
  assert(cwd != NULL && n_program >= 0);
  if (node == NULL || words == NULL) {
    json_decref(node);
    json_decref(words);
    return CL_FAIL_NOMEM(e);
  }
  struct utsname system;
  char line[200];
  (void)json_object_set_new(node, "created_ms", json_integer(cl_clock_wall_ms()));
  (void)json_object_set_new(node, "clade", json_string(CLADE_VERSION));
  if (uname(&system) == 0) (void)json_object_set_new(node, "host", json_string(system.nodename));
  write_user(node);
  write_cpu(node);
  (void)json_object_set_new(node, "cwd", json_string(cwd));
  write_command(node);
  for (int i = 0; i < n_program; i++) add_word(words, program[i]);
  (void)json_object_set_new(node, "program", words);
  if (write_files(node, cwd, n_program, program) != 0) {
    json_decref(node);
    return CL_FAIL_NOMEM(e);
  }
  if (ask_git(cwd, "rev-parse HEAD", false, line, sizeof line)) {
    (void)json_object_set_new(node, "commit", json_string(line));
    if (ask_git(cwd, "diff HEAD", true, line, sizeof line) && line[0] != '\0')
      (void)json_object_set_new(node, "dirty", json_string(line));
  }
  char *text = json_dumps(node, JSON_COMPACT | JSON_SORT_KEYS);
  json_decref(node);
  if (text == NULL) return CL_FAIL_NOMEM(e);
  cl_text_add(ret, text);
  (free)(text); /* jansson allocated it with the standard allocator */
  return ret->failed ? CL_FAIL_NOMEM(e) : 0;
}

static const char *text_at(const json_t *node, const char *key) {
  const char *text = json_string_value(json_object_get(node, key));
  return text == NULL ? "" : text;
}

static void compare_files(json_t *a, json_t *b, struct cl_text *ret) {
  for (void *it = json_object_iter(b); it != NULL; it = json_object_iter_next(b, it)) {
    const char *name = json_object_iter_key(it);
    const json_t *before = json_object_get(a, name);
    if (before != NULL && !json_equal(before, json_object_iter_value(it)))
      cl_text_format(ret, "%sthe file '%s' has changed", ret->length > 0 ? "\n" : "", name);
  }
}

void cl_provenance_compare(const char *before, const char *now, struct cl_text *ret) {
  static const struct {
    const char *key, *words;
  } keys[] = {{"commit", "the git commit"},
              {"dirty", "the hash of uncommitted changes"},
              {"cwd", "the working directory"},
              {"host", "the host"},
              {"clade", "clade's version"}};
  json_t *a = json_loads(before == NULL ? "{}" : before, 0, NULL), *b = json_loads(now, 0, NULL);
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    const char *x = text_at(a, keys[i].key), *y = text_at(b, keys[i].key);
    if (strcmp(x, y) != 0)
      cl_text_format(ret, "%s%s was %s, it is %s now", ret->length > 0 ? "\n" : "", keys[i].words,
                     x[0] == '\0' ? "none" : x, y[0] == '\0' ? "none" : y);
  }
  compare_files(json_object_get(a, "files"), json_object_get(b, "files"), ret);
  json_t *x = json_object_get(a, "program"), *y = json_object_get(b, "program");
  if (x != NULL && y != NULL && !json_equal(x, y))
    cl_text_format(ret, "%sthe program's command has changed", ret->length > 0 ? "\n" : "");
  json_decref(a);
  json_decref(b);
}
