#include "cli/options.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct cl_cli_option cl_cli_common_options[] = {
    {CL_OPTION_TEXT, '\0', "store", offsetof(struct cl_cli_common, store), "PATH",
     "where studies are kept (CLADE_STORE, else the spec's `store:`, else clade.db)"},
    {CL_OPTION_FLAG, '\0', "json", offsetof(struct cl_cli_common, json), NULL, "results as JSON"},
    {CL_OPTION_FLAG, 'y', "yes", offsetof(struct cl_cli_common, yes), NULL, "answer every question with yes"},
    {CL_OPTION_FLAG, 'q', "quiet", offsetof(struct cl_cli_common, quiet), NULL,
     "results and errors only: no notes, no progress"},
    {CL_OPTION_FLAG, '\0', "no-color", offsetof(struct cl_cli_common, no_color), NULL,
     "no colors (also: NO_COLOR in the environment)"},
    {CL_OPTION_FLAG, 'h', "help", offsetof(struct cl_cli_common, help), NULL, "show this help"},
    {CL_OPTION_END}};

static bool has_option(const struct cl_cli_option *options, const char *name) {
  for (const struct cl_cli_option *o = options; o != NULL && o->kind != CL_OPTION_END; o++)
    if (strcmp(o->name, name) == 0) return true;
  return false;
}

const struct cl_cli_option *cl_cli_next_common(const struct cl_cli_command *command,
                                               const struct cl_cli_option *before) {
  const struct cl_cli_option *o = before == NULL ? cl_cli_common_options : before + 1;
  while (o->kind != CL_OPTION_END && command != NULL && has_option(command->options, o->name)) o++;
  return o->kind == CL_OPTION_END ? NULL : o;
}

/* The options a command understands, one after the other: its own, then the common ones. */
static const struct cl_cli_option *next_option(const struct cl_cli_command *c, const struct cl_cli_option *o,
                                               bool *common) {
  if (!*common) {
    const struct cl_cli_option *own = o == NULL ? c->options : o + 1;
    if (own != NULL && own->kind != CL_OPTION_END) return own;
    *common = true;
    o = NULL;
  }
  return cl_cli_next_common(c, o);
}

struct parser {
  const struct cl_cli_command *command;
  struct cl_cli_line *line;
  struct cl_err *e;
};

static int fail(struct cl_err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int fail(struct cl_err *e, const char *format, ...) {
  va_list args;
  va_start(args, format);
  (void)vsnprintf(e->text, sizeof e->text, format, args);
  va_end(args);
  return e->code = CLADE_EINVAL;
}

/* Which table and entry a name means. */
struct match {
  const struct cl_cli_option *option;
  bool common;
  int n; /* how many have this prefix */
};

/* XT's scripts part words by underscores (--max_runs). */
static bool begins_so(const char *name, const char *typed, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (name[i] != (typed[i] == '_' ? '-' : typed[i])) return false;
  return true;
}

static struct match find_name(const struct parser *p, const char *name, size_t n) {
  struct match m = {0};
  bool common = false;
  for (const struct cl_cli_option *o = NULL; (o = next_option(p->command, o, &common)) != NULL;) {
    if (n == 0 || !begins_so(o->name, name, n)) continue;
    bool whole = o->name[n] == '\0';
    m = (struct match){.option = o, .common = common, .n = whole ? 1 : m.n + 1};
    if (whole) break;
  }
  return m;
}

/* Options that XT's commands and scripts have: what says the same here. */
static const char *find_foreign(const char *name) {
  static const struct {
    const char *name, *sentence;
  } foreign[] = {
      {"primary-metric", "write --metric"},
      {"maximize-metric", "write --maximize, or --minimize"},
      {"experiment",
       "a tag stands for it: `clade tag STUDY experiment=NAME`, then --tags-any experiment=NAME"},
      {"target", "trials run on the machines of their engines: --filter 'host=NAME'"},
      {"service-type", "trials run on the machines of their engines: --filter 'host=NAME'"},
      {"workspace", "a store stands for it: --store PATH"},
      {"no-download", "nothing is downloaded: the store has what was reported"},
      {"job-dir", "nothing is downloaded: the store has what was reported"},
      {"parent", "there are no parent runs: every trial is one training"},
      {"child", "there are no parent runs: every trial is one training"},
      {"outer", "there are no parent runs: every trial is one training"},
  };
  for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
    if (begins_so(foreign[i].name, name, strlen(name)) && foreign[i].name[strlen(name)] == '\0')
      return foreign[i].sentence;
  return NULL;
}

static int fail_unknown(const struct parser *p, const char *name) {
  const char *foreign =
      p->command->passes_rest ? NULL : find_foreign(name); /* else it may be the program's */
  if (foreign != NULL) return fail(p->e, "clade %s has no option --%s: %s", p->command->name, name, foreign);
  const char *best = NULL, *behind = "";
  int distance = ((int)strlen(name) + 2) / 3 + 1;
  bool common = false;
  for (const struct cl_cli_option *o = NULL; (o = next_option(p->command, o, &common)) != NULL;) {
    int d = clade_text_distance(name, o->name);
    if (d >= distance) continue;
    distance = d;
    best = o->name;
  }
  if (p->command->passes_rest) behind = ". What belongs to your program stands behind --";
  if (best != NULL)
    return fail(p->e, "there is no option --%s; did you mean --%s? (clade %s --help lists them)%s", name,
                best, p->command->name, behind);
  return fail(p->e, "there is no option --%s; clade %s --help lists them%s", name, p->command->name, behind);
}

static int fail_ambiguous(const struct parser *p, const char *name, size_t n) {
  struct clade_text all = {0};
  bool common = false;
  for (const struct cl_cli_option *o = NULL; (o = next_option(p->command, o, &common)) != NULL;)
    if (begins_so(o->name, name, n)) clade_text_format(&all, "%s--%s", all.length > 0 ? " or " : "", o->name);
  int status = fail(p->e, "--%s can mean %s: write more of it", name, clade_text_get(&all));
  clade_text_done(&all);
  return status;
}

static bool is_choice(const char *choices, const char *value) {
  size_t n = strlen(value);
  for (const char *c = choices; c != NULL; c = strchr(c, '|') != NULL ? strchr(c, '|') + 1 : NULL)
    if (strncmp(c, value, n) == 0 && (c[n] == '\0' || c[n] == '|')) return true;
  return false;
}

static int set_number(const struct parser *p, const struct cl_cli_option *o, void *target,
                      const char *value) {
  double x = 0;
  int64_t n = 0;
  bool whole = o->kind == CL_OPTION_INTEGER;
  bool good = whole ? clade_text_to_int(value, &n) : clade_text_to_number(value, &x) && x == x;
  if (whole) x = (double)n;
  if (!good)
    return fail(p->e, "--%s wants a %s, not '%.60s'", o->name, whole ? "whole number" : "number", value);
  if ((o->lo != 0 || o->hi != 0) && (x < o->lo || x > o->hi))
    return o->hi < 1e15
               ? fail(p->e, "--%s is %s, but must be between %.15g and %.15g", o->name, value, o->lo, o->hi)
               : fail(p->e, "--%s is %s, but must be at least %.15g", o->name, value, o->lo);
  if (whole)
    *(struct cl_cli_integer *)target = (struct cl_cli_integer){true, n};
  else
    *(struct cl_cli_number *)target = (struct cl_cli_number){true, x};
  return 0;
}

static int add_to_list(struct cl_cli_list *list, const char *value, struct cl_err *e) {
  if (list->n == list->capacity) {
    size_t capacity = list->capacity == 0 ? 8 : list->capacity * 2;
    const char **items = clade_resize(list->items, capacity * sizeof *items);
    if (items == NULL) return fail(e, "out of memory");
    list->items = items;
    list->capacity = capacity;
  }
  list->items[list->n++] = value;
  return 0;
}

static int set_option(struct parser *p, const struct match *m, const char *value) {
  const struct cl_cli_option *o = m->option;
  void *target = (char *)(m->common ? (void *)&p->line->common : p->line->options) + o->offset;
  switch (o->kind) {
  case CL_OPTION_FLAG: *(bool *)target = true; return 0;
  case CL_OPTION_CHOICE:
    if (!is_choice(o->choices, value))
      return fail(p->e, "--%s is '%.60s', but must be one of %s", o->name, value, o->choices);
    *(const char **)target = value;
    return 0;
  case CL_OPTION_TEXT: *(const char **)target = value; return 0;
  case CL_OPTION_LIST: return add_to_list(target, value, p->e);
  case CL_OPTION_INTEGER:
  case CL_OPTION_NUMBER: return set_number(p, o, target, value);
  case CL_OPTION_END: break;
  }
  assert(false);
  return 0;
}

/* `next` is the following word, null at the end; *ret_taken says whether it was the option's value. */
static int parse_long(struct parser *p, const char *word, const char *next, bool *ret_taken) {
  const char *name = word + 2, *equals = strchr(name, '=');
  size_t n = equals != NULL ? (size_t)(equals - name) : strlen(name);
  struct match m = find_name(p, name, n);
  char copy[64];
  (void)snprintf(copy, sizeof copy, "%.*s", (int)(n < 60 ? n : 60), name);
  if (m.n == 0) return fail_unknown(p, copy);
  if (m.n > 1) return fail_ambiguous(p, copy, n);
  if (m.option->kind == CL_OPTION_FLAG) {
    if (equals != NULL) return fail(p->e, "--%s takes no value", m.option->name);
    return set_option(p, &m, "");
  }
  if (equals != NULL) return set_option(p, &m, equals + 1);
  if (next == NULL)
    return fail(p->e, "--%s wants a value: --%s %s", m.option->name, m.option->name,
                m.option->argument != NULL ? m.option->argument : m.option->choices);
  *ret_taken = true;
  return set_option(p, &m, next);
}

static bool find_letter(const struct parser *p, char letter, struct match *ret) {
  bool common = false;
  for (const struct cl_cli_option *o = NULL; (o = next_option(p->command, o, &common)) != NULL;) {
    if (o->letter != letter) continue;
    *ret = (struct match){.option = o, .common = common, .n = 1};
    return true;
  }
  return false;
}

/* -y, -o FILE, -oFILE, -yo FILE */
static int parse_short(struct parser *p, const char *word, const char *next, bool *ret_taken) {
  for (const char *c = word + 1; *c != '\0'; c++) {
    struct match m;
    if (!find_letter(p, *c, &m))
      return fail(p->e, "there is no option -%.*s; clade %s --help lists them", 1, c, p->command->name);
    if (m.option->kind == CL_OPTION_FLAG) {
      (void)set_option(p, &m, "");
      continue;
    }
    if (c[1] != '\0') return set_option(p, &m, c[1] == '=' ? c + 2 : c + 1);
    if (next == NULL) return fail(p->e, "-%c wants a value: -%c %s", *c, *c, m.option->argument);
    *ret_taken = true;
    return set_option(p, &m, next);
  }
  return 0;
}

static bool is_option(const char *word) {
  double x = 0;
  if (word[0] != '-' || word[1] == '\0') return false;
  return word[1] == '-' || !clade_text_to_number(word, &x);
}

static int parse_words(struct parser *p, int argc, char **argv) {
  struct cl_cli_line *line = p->line;
  bool bare = false; /* behind -- */
  line->rest = -1;
  for (int i = 0; i < argc; i++) {
    const char *word = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
    bool taken = false;
    int status = 0;
    if (bare || !is_option(word)) {
      line->argv[line->argc++] = word;
    } else if (strcmp(word, "--") == 0) {
      bare = true;
      line->rest = line->argc;
    } else {
      status = word[1] == '-' ? parse_long(p, word, next, &taken) : parse_short(p, word, next, &taken);
    }
    if (status < 0) return status;
    i += taken;
  }
  if (line->rest < 0) line->rest = line->argc;
  return 0;
}

static int check_count(const struct parser *p) {
  const struct cl_cli_command *c = p->command;
  int n = c->passes_rest ? p->line->rest : p->line->argc;
  if (p->line->common.help) return 0;
  const char *gap = c->usage[0] != '\0' ? " " : "";
  if (n < c->n_least) return fail(p->e, "clade %s wants more: clade %s%s%s", c->name, c->name, gap, c->usage);
  if (c->n_most >= 0 && n > c->n_most)
    return fail(p->e, "'%.60s' is one argument too many: clade %s%s%s%s", p->line->argv[c->n_most], c->name,
                gap, c->usage, c->passes_rest ? ". What belongs to your program stands behind --" : "");
  return 0;
}

int cl_cli_parse(const struct cl_cli_command *command, int argc, char **argv, struct cl_cli_line *ret,
                 struct cl_err *e) {
  struct cl_cli_line line = {0};
  struct parser p = {.command = command, .line = &line, .e = e};
  line.options = clade_resize(NULL, command->options_size + 1);
  line.argv = clade_resize(NULL, ((size_t)argc + 1) * sizeof *line.argv);
  if (line.options == NULL || line.argv == NULL) {
    cl_cli_line_done(NULL, &line);
    return fail(e, "out of memory");
  }
  memset(line.options, 0, command->options_size + 1);
  int status = parse_words(&p, argc, argv);
  line.argv[line.argc] = NULL;
  if (status == 0) status = check_count(&p);
  if (status < 0)
    cl_cli_line_done(command, &line);
  else
    *ret = line;
  return status;
}

int cl_cli_command_word(int argc, char **argv) {
  static const struct cl_cli_command none = {.name = ""};
  struct parser p = {.command = &none};
  int i = 1;
  for (; i < argc && argv[i][0] == '-' && argv[i][1] == '-' && argv[i][2] != '\0'; i++) {
    const char *name = argv[i] + 2;
    size_t n = strcspn(name, "=");
    struct match m = find_name(&p, name, n);
    if (m.n == 1 && m.option->kind != CL_OPTION_FLAG && name[n] == '\0') i++;
  }
  return i < argc ? i : argc;
}

void cl_cli_line_done(const struct cl_cli_command *command, struct cl_cli_line *line) {
  const struct cl_cli_option *options = command == NULL ? NULL : command->options;
  for (const struct cl_cli_option *o = options; o != NULL && o->kind != CL_OPTION_END; o++)
    if (o->kind == CL_OPTION_LIST && line->options != NULL)
      clade_free(((struct cl_cli_list *)(void *)((char *)line->options + o->offset))->items);
  clade_free(line->options);
  clade_free(line->argv);
  *line = (struct cl_cli_line){0};
}
