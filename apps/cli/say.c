/* What goes to the terminal: results, notes, complaints, questions. */
#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "clade/query.h"
#include "cli/cli.h"
#include "view/safe.h"

static const char *get_variable(const char *name) {
  const char *value = getenv(name);
  return value == NULL || value[0] == '\0' ? NULL : value;
}

static bool locale_is_utf8(void) {
  const char *locale = get_variable("LC_ALL");
  if (locale == NULL) locale = get_variable("LC_CTYPE");
  if (locale == NULL) locale = get_variable("LANG");
  return locale != NULL && (strcasestr(locale, "UTF-8") != NULL || strcasestr(locale, "utf8") != NULL);
}

/* COLUMNS and LINES win over what the terminal says, as in other programs. */
static int size_from(const char *variable, int measured) {
  const char *text = get_variable(variable);
  int64_t n = 0;
  return text != NULL && clade_text_to_int(text, &n) && n >= 1 && n <= 10000 ? (int)n : measured;
}

static struct cl_view_style style_of(int fd, bool terminal, bool utf8) {
  struct winsize size = {0};
  const char *term = get_variable("TERM");
  bool dumb = term == NULL || strcmp(term, "dumb") == 0;
  if (!terminal) return (struct cl_view_style){.utf8 = true}; /* a file gets user text as it is */
  if (ioctl(fd, TIOCGWINSZ, &size) != 0) size = (struct winsize){0};
  return (struct cl_view_style){.width = size_from("COLUMNS", size.ws_col > 0 ? size.ws_col : 80),
                                .height = size_from("LINES", size.ws_row > 0 ? size.ws_row : 24),
                                .color = !dumb && get_variable("NO_COLOR") == NULL,
                                .utf8 = utf8};
}

void cl_cli_measure(struct cl_cli *cli) {
  bool color = cli->err.color;
  if (!cli->err_terminal) return;
  cli->err = style_of(STDERR_FILENO, true, cli->locale_utf8);
  cli->err.color = color;
}

void cl_cli_look(struct cl_cli *cli) {
  const char *term = get_variable("TERM");
  cli->in_terminal = isatty(STDIN_FILENO) == 1;
  cli->out_terminal = isatty(STDOUT_FILENO) == 1;
  cli->err_terminal = isatty(STDERR_FILENO) == 1;
  cli->locale_utf8 = locale_is_utf8();
  (void)setlocale(LC_CTYPE, "C.UTF-8"); /* for the widths of characters, whatever the terminal can show */
  cli->out = style_of(STDOUT_FILENO, cli->out_terminal, cli->locale_utf8);
  cli->err = style_of(STDERR_FILENO, cli->err_terminal, cli->locale_utf8);
  cli->live = cli->err_terminal && term != NULL && strcmp(term, "dumb") != 0;
}

/* Lines of any text, each made harmless, to a stream. */
static void write_lines(FILE *to, const struct cl_view_style *style, enum cl_view_tone tone,
                        const char *prefix, const char *text) {
  struct clade_text out = {0}, line = {0};
  cl_view_tone_begin(&out, style, tone);
  clade_text_add(&out, prefix);
  for (const char *end; *text != '\0'; text = *end == '\0' ? end : end + 1) {
    end = text + strcspn(text, "\n");
    clade_text_clear(&line);
    clade_text_add_bytes(&line, text, (size_t)(end - text));
    cl_view_add_safe(&out, clade_text_get(&line), style);
    if (*end == '\n') clade_text_add_char(&out, '\n');
  }
  cl_view_tone_end(&out, style, tone);
  clade_text_add_char(&out, '\n');
  (void)fwrite(clade_text_get(&out), 1, out.length, to);
  clade_text_done(&out);
  clade_text_done(&line);
}

int cl_cli_complain(const struct cl_cli *cli, int status, const char *format, ...) {
  char text[CLADE_ERR_TEXT + 200];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text, sizeof text, format, args);
  va_end(args);
  (void)fflush(stdout);
  write_lines(stderr, &cli->err, CL_TONE_PLAIN, "clade: ", text);
  return status;
}

static int exit_of(int code) {
  switch (code) {
  case CLADE_ENOTFOUND: return CL_EXIT_NOTHING;
  case CLADE_EINVAL:
  case CLADE_ESPEC:
  case CLADE_EEXISTS: return CL_EXIT_USAGE;
  default: return CL_EXIT_FAILED;
  }
}

int cl_cli_fail(const struct cl_cli *cli, const struct cl_err *e) {
  const char *sentence = e->text[0] != '\0' ? e->text : clade_error_text(e->code);
  return cl_cli_complain(cli, exit_of(e->code), "%s", sentence);
}

void cl_cli_note(const struct cl_cli *cli, const char *format, ...) {
  char text[CLADE_ERR_TEXT];
  va_list args;
  if (cli->quiet) return;
  va_start(args, format);
  (void)vsnprintf(text, sizeof text, format, args);
  va_end(args);
  (void)fflush(stdout);
  write_lines(stderr, &cli->err, CL_TONE_DIM, "", text);
}

int cl_cli_flush(struct cl_cli *cli) {
  const char *what = NULL, *bytes = clade_text_get(&cli->text);
  size_t n = cli->text.length;
  if (cli->text.failed)
    what = "out of memory";
  else if (fwrite(bytes, 1, n, stdout) != n || fflush(stdout) != 0)
    what = strerror(errno);
  clade_text_clear(&cli->text);
  if (what == NULL) return 0;
  return cl_cli_complain(cli, CL_EXIT_FAILED, "the output is not complete: %s", what);
}

int cl_cli_finish(struct cl_cli *cli, int status) {
  int flushed = cl_cli_flush(cli);
  return flushed != 0 ? flushed : status;
}

bool cl_cli_confirm(const struct cl_cli *cli, bool yes, const char *question) {
  char answer[16] = "";
  if (yes || cli->yes) return true;
  if (!cli->in_terminal || !cli->err_terminal) {
    (void)cl_cli_complain(cli, 0, "%s Nobody can be asked here, so it was not done; --yes says yes",
                          question);
    return false;
  }
  write_lines(stderr, &cli->err, CL_TONE_PLAIN, "", question);
  (void)fputs("[y/N] ", stderr);
  (void)fflush(stderr);
  if (fgets(answer, sizeof answer, stdin) == NULL) (void)fputc('\n', stderr);
  return answer[0] == 'y' || answer[0] == 'Y';
}

const char *cl_cli_store(const struct cl_cli *cli) {
  if (cli->store_typed != NULL) return cli->store_typed;
  const char *from_environment = get_variable("CLADE_STORE");
  return from_environment != NULL ? from_environment : "clade.db";
}

int cl_cli_each_address(struct cl_cli *cli, const char *typed,
                        int (*one)(struct cl_cli *cli, const char *address, void *ctx), void *ctx) {
  struct clade_store *store = NULL;
  char **addresses = NULL;
  size_t n = 0;
  struct cl_err e = {0};
  if (clade_store_open(cl_cli_store(cli), &store, &e) < 0) return cl_cli_fail(cli, &e);
  int status = clade_addresses_list(store, typed, &addresses, &n, &e);
  clade_store_close(store);
  if (status < 0) return cl_cli_fail(cli, &e);
  for (size_t i = 0; i < n && status == 0; i++) status = one(cli, addresses[i], ctx);
  clade_addresses_free(addresses, n);
  return status;
}

int cl_cli_read(struct cl_cli *cli, const char *address, const void *options,
                int (*one)(struct cl_cli *cli, const void *options, struct clade_reader *reader)) {
  struct clade_store *store = NULL;
  struct clade_reader *reader = NULL;
  struct cl_err e = {0};
  int status = clade_store_open(cl_cli_store(cli), &store, &e);
  if (status >= 0) status = clade_reader_open(store, address, &reader, &e);
  status = status < 0 ? cl_cli_fail(cli, &e) : one(cli, options, reader);
  clade_reader_close(reader);
  clade_store_close(store);
  return status;
}

const char *cl_cli_address(int argc, const char **argv) {
  int noun = cl_cli_skip_noun(argc, argv, false);
  return argc > noun ? argv[noun] : NULL;
}

int cl_cli_skip_noun(int argc, const char **argv, bool alone) {
  static const char *const nouns[] = {"study", "studies", "job", "jobs", "trial", "trials", "run", "runs"};
  if (argc < 1 || (argc < 2 && !alone)) return 0;
  for (size_t i = 0; i < sizeof nouns / sizeof nouns[0]; i++)
    if (strcmp(argv[0], nouns[i]) == 0) return 1;
  return 0;
}

void cl_cli_add_word(struct clade_text *t, const char *word) {
  static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789%+,-./:=@_";
  if (word[0] != '\0' && strspn(word, plain) == strlen(word)) {
    clade_text_add(t, word);
    return;
  }
  clade_text_add_char(t, '\'');
  for (const char *c = word; *c != '\0'; c++)
    if (*c == '\'')
      clade_text_add(t, "'\\''");
    else
      clade_text_add_char(t, *c);
  clade_text_add_char(t, '\'');
}
