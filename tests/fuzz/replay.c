/* Runs a fuzz target without a fuzzer: over every file of a directory, one TAP case each, so that what was
 * once found stays found; then over N changed ones. The changes are those of a fuzzer that sees nothing:
 * bits, pieces cut, doubled and taken from other files. They are the same in every run: the number of a
 * failing one is on stderr. Usage: replay DIRECTORY [N] */
#include <dirent.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILES = 400, ROOM = 1 << 20, CHANGED_MOST = 1 << 14 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct input {
  uint8_t *bytes;
  size_t n;
  char name[100];
} inputs[FILES];
static int n_inputs;
static long long current; /* the change that is tried */

static void on_abort(int signum) {
  char text[80];
  int n = snprintf(text, sizeof text, "replay: change %lld failed\n", current);
  (void)!write(STDERR_FILENO, text, (size_t)n);
  (void)signal(signum, SIG_DFL);
  (void)raise(signum);
}

static int read_input(const char *directory, const char *name) {
  static uint8_t room[ROOM];
  char path[4096];
  struct input *in = &inputs[n_inputs];
  (void)snprintf(path, sizeof path, "%s/%s", directory, name);
  FILE *file = fopen(path, "rb");
  if (file == NULL) return -1;
  in->n = fread(room, 1, sizeof room, file);
  (void)fclose(file);
  in->bytes = malloc(in->n + 1);
  if (in->bytes == NULL) return -1;
  memcpy(in->bytes, room, in->n);
  (void)snprintf(in->name, sizeof in->name, "%s", name);
  n_inputs++;
  return 0;
}

static uint64_t random_state;
static size_t below(size_t n) { /* xorshift64*; 0 … n-1, 0 if n is 0 */
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return n == 0 ? 0 : (size_t)((random_state * UINT64_C(0x2545F4914F6CDD1D)) >> 33) % n;
}

static const char *const words[] = {"\"",  "'",     "\\",   "{",    "}",  "[",      "]",     ":",
                                    ",",   "\n",    "-",    "$",    "&a", "*a",     "1e999", "-0",
                                    "nan", "null",  "true", "\xff", "\0", "\t",     "{{",    "\\u0",
                                    "!!",  "|\n  ", "0x7f", "%s",   "..", "\x1b[2J"};

/* Bytes [at, at + cut) give way to n others. */
static size_t replace(uint8_t *data, size_t size, size_t at, size_t cut, const uint8_t *bytes, size_t n) {
  if (at + cut > size || size - cut + n > CHANGED_MOST) return size;
  memmove(data + at + n, data + at + cut, size - at - cut);
  if (n > 0) memcpy(data + at, bytes, n);
  return size - cut + n;
}

static size_t change(uint8_t *data, size_t size) {
  const struct input *other = &inputs[below((size_t)n_inputs)];
  size_t at = below(size + 1), length = below(40) + 1;
  uint8_t byte = (uint8_t)below(256), copy[41];
  switch (below(6)) {
  case 0:
    if (at < size) data[at] ^= (uint8_t)(1u << below(8));
    return size;
  case 1: return replace(data, size, at, at < size, &byte, 1);
  case 2: return replace(data, size, at, below(length), NULL, 0);
  case 3: {
    const char *word = words[below(sizeof words / sizeof *words)];
    return replace(data, size, at, below(3), (const uint8_t *)word, word[0] == '\0' ? 1 : strlen(word));
  }
  case 4: {
    size_t from = below(other->n + 1);
    if (length > other->n - from) length = other->n - from;
    memcpy(copy, other->bytes + from, length);
    return replace(data, size, at, below(length + 1), copy, length);
  }
  default:
    if (at + length > size) return size;
    memcpy(copy, data + at, length);
    return replace(data, size, below(size), 0, copy, length);
  }
}

static void try_change(long long number, int show) {
  static uint8_t data[CHANGED_MOST + 64];
  random_state = UINT64_C(0x9E3779B97F4A7C15) * (uint64_t)(number + 1);
  current = number;
  const struct input *in = &inputs[below((size_t)n_inputs)];
  size_t size = in->n < CHANGED_MOST ? in->n : CHANGED_MOST;
  memcpy(data, in->bytes, size);
  for (size_t i = below(8) + 1; i > 0; i--) size = change(data, size);
  if (show) (void)fwrite(data, 1, size, stdout);
  if (show) return;
  uint8_t *exact = malloc(size == 0 ? 1 : size); /* so that a sanitizer sees one byte too many */
  if (exact == NULL) return;
  memcpy(exact, data, size);
  (void)LLVMFuzzerTestOneInput(exact, size);
  free(exact);
}

int main(int argc, char **argv) {
  struct dirent **entries = NULL;
  long long changes = argc > 2 ? strtoll(argv[2], NULL, 10) : 0;
  int n = argc >= 2 ? scandir(argv[1], &entries, NULL, alphasort) : -1;
  (void)signal(SIGABRT, on_abort);
  for (int i = 0; i < n; i++) {
    if (entries[i]->d_name[0] != '.' && n_inputs < FILES && read_input(argv[1], entries[i]->d_name) < 0)
      return 1;
    free(entries[i]);
  }
  free(entries);
  if (n_inputs == 0) return 1;
  if (argc > 3) {
    try_change(strtoll(argv[3], NULL, 10), 1);
    return 0;
  }
  printf("1..%d\n", n_inputs + (changes > 0));
  for (int i = 0; i < n_inputs; i++) {
    (void)LLVMFuzzerTestOneInput(inputs[i].bytes, inputs[i].n);
    printf("ok - %s\n", inputs[i].name);
    (void)fflush(stdout);
  }
  for (long long i = 0; i < changes; i++) try_change(i, 0);
  if (changes > 0) printf("ok - %lld changed ones\n", changes);
  for (int i = 0; i < n_inputs; i++) free(inputs[i].bytes);
  return 0;
}
