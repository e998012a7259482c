/* clade tag ADDRESS NAME[=TEXT]..., clade untag ADDRESS NAME..., clade note ADDRESS TEXT; and XT's words for
 * the first two: clade set tags, clade clear tags */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "clade/command.h"
#include "cli/cli.h"

/* `.` inside a trainer is its own trial. Takes room, which holds the text. */
static const char *own_address(const char *typed, struct clade_text *room) {
  const char *study = getenv("CLADE_STUDY"), *trial = getenv("CLADE_TRIAL");
  if (strcmp(typed, ".") != 0 || study == NULL || trial == NULL) return typed;
  clade_text_format(room, "%s/%s", study, trial);
  return clade_text_get(room);
}

/* The address, and how many arguments it took (with a noun before it). */
static const char *take_address(int argc, const char **argv, struct clade_text *room, int *ret_taken) {
  int noun = cl_cli_skip_noun(argc, argv, false);
  if (argc <= noun) return NULL;
  *ret_taken = noun + 1;
  return own_address(argv[noun], room);
}

static int complain_missing(const struct cl_cli *cli, const char *what) {
  return cl_cli_complain(cli, CL_EXIT_USAGE, "say %s: clade %s %s", what, cli->command->name,
                         cli->command->usage);
}

struct words { /* what is written on each address */
  const struct clade_tag *tags;
  const char *const *names;
  const char *text;
  size_t n;
};

static int tag_one(struct cl_cli *cli, const char *address, void *ctx) {
  const struct words *w = ctx;
  int64_t subjects = 0;
  struct cl_err e = {0};
  if (clade_tag(cl_cli_store(cli), address, w->tags, w->n, &subjects, &e) < 0) return cl_cli_fail(cli, &e);
  cl_cli_note(cli, "%s: %" PRId64 " tagged", address, subjects);
  return CL_EXIT_DONE;
}

/* NAME=TEXT, the names in copies: one after the other in `names`, each with its zero byte. */
static struct clade_tag *make_tags(int n, const char **words, struct clade_text *names) {
  struct clade_tag *tags = clade_resize(NULL, (size_t)n * sizeof *tags);
  for (int i = 0; i < n; i++) {
    clade_text_add_bytes(names, words[i], strcspn(words[i], "="));
    clade_text_add_char(names, '\0');
  }
  const char *name = names->bytes;
  for (int i = 0; i < n && tags != NULL && !names->failed; i++, name += strlen(name) + 1) {
    const char *text = strchr(words[i], '=');
    tags[i] = (struct clade_tag){name, text == NULL ? NULL : text + 1};
  }
  return tags;
}

static int run_tag(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  (void)options, (void)rest;
  struct clade_text room = {0}, names = {0};
  int taken = 0;
  const char *address = take_address(argc, argv, &room, &taken);
  if (address == NULL || argc == taken) return complain_missing(cli, "which tags");
  struct clade_tag *tags = make_tags(argc - taken, argv + taken, &names);
  struct words w = {.tags = tags, .n = (size_t)(argc - taken)};
  int status = tags == NULL || names.failed || room.failed
                   ? cl_cli_complain(cli, CL_EXIT_FAILED, "out of memory")
                   : cl_cli_each_address(cli, address, tag_one, &w);
  clade_free(tags);
  clade_text_done(&names);
  clade_text_done(&room);
  return status;
}

static int untag_one(struct cl_cli *cli, const char *address, void *ctx) {
  const struct words *w = ctx;
  int64_t removed = 0;
  struct cl_err e = {0};
  if (clade_untag(cl_cli_store(cli), address, w->names, w->n, &removed, &e) < 0) return cl_cli_fail(cli, &e);
  cl_cli_note(cli, "%s: %" PRId64 " tag%s removed", address, removed, removed == 1 ? "" : "s");
  return CL_EXIT_DONE;
}

static int run_untag(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  (void)options, (void)rest;
  struct clade_text room = {0};
  int taken = 0;
  const char *address = take_address(argc, argv, &room, &taken);
  if (address == NULL || argc == taken) return complain_missing(cli, "which tags");
  struct words w = {.names = argv + taken, .n = (size_t)(argc - taken)};
  int status = cl_cli_each_address(cli, address, untag_one, &w);
  clade_text_done(&room);
  return status;
}

static int note_one(struct cl_cli *cli, const char *address, void *ctx) {
  const struct words *w = ctx;
  struct cl_err e = {0};
  return clade_note(cl_cli_store(cli), address, w->text, &e) < 0 ? cl_cli_fail(cli, &e) : CL_EXIT_DONE;
}

static int run_note(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  (void)options, (void)rest;
  struct clade_text room = {0}, text = {0};
  int taken = 0;
  const char *address = take_address(argc, argv, &room, &taken);
  if (address == NULL || argc == taken) return complain_missing(cli, "what to note");
  for (int i = taken; i < argc; i++) {
    if (i > taken) clade_text_add_char(&text, ' ');
    clade_text_add(&text, argv[i]);
  }
  struct words w = {.text = clade_text_get(&text)};
  int status = room.failed || text.failed ? cl_cli_complain(cli, CL_EXIT_FAILED, "out of memory")
                                          : cl_cli_each_address(cli, address, note_one, &w);
  clade_text_done(&room);
  clade_text_done(&text);
  return status;
}

/* XT's spellings: the noun `tags` stands between verb and address. */
static int run_xt(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  bool clear = strcmp(cli->command->name, "clear") == 0;
  if (argc < 1 || (strcmp(argv[0], "tags") != 0 && strcmp(argv[0], "tag") != 0))
    return cl_cli_complain(cli, CL_EXIT_USAGE, "clade %s knows tags alone: clade %s tags %s",
                           cli->command->name, cli->command->name,
                           clear ? "ADDRESS NAME..." : "ADDRESS NAME=TEXT...");
  return (clear ? run_untag : run_tag)(cli, options, argc - 1, argv + 1, rest > 0 ? rest - 1 : 0);
}

static const struct cl_cli_option options[] = {{CL_OPTION_END}};

static const struct cl_cli_example tag_examples[] = {
    {"clade tag mnist/best good", "Tag the best trial `good`."},
    {"clade tag mnist/3,7-9 person=Ada 'why=loss is smooth'", "Two tags with texts for four trials."},
    {"clade tag . phase=warm", "From inside a trainer: tag the trial that runs."},
    {"clade list mnist --tags-any good --add-columns 'tags.*'", "List what is tagged."},
    {0}};

extern const struct cl_cli_command cl_command_tag;
const struct cl_cli_command cl_command_tag = {
    .name = "tag",
    .summary = "tag a study or trials with names and texts",
    .usage = "ADDRESS NAME[=TEXT]...",
    .description =
        "Writes tags on the trials that the address names (STUDY/3,7-9 STUDY/best STUDY/'lr<0.01'), or on the study. "
        "A tag has a name and may have a text; tagging again replaces the text. `clade list` shows them as columns "
        "(tags.NAME), sorts, groups and filters by them. Inside a trainer the address `.` is its own trial.\n\n"
        "`clade set tags` is the same command in XT's words.",
    .options = options,
    .examples = tag_examples,
    .n_most = -1,
    .run = run_tag,
};

static const struct cl_cli_example untag_examples[] = {
    {"clade untag mnist/7 good", "It was not."},
    {"clade untag mnist/all 'phase*'", "Remove some from all trials."},
    {0}};

extern const struct cl_cli_command cl_command_untag;
const struct cl_cli_command cl_command_untag = {
    .name = "untag",
    .summary = "remove tags",
    .usage = "ADDRESS NAME...",
    .description =
        "Removes tags from the trials that the address names, or from the study; * and ? in a NAME stand for "
        "anything. `clade clear tags` is the same command in XT's words.",
    .options = options,
    .examples = untag_examples,
    .n_most = -1,
    .run = run_untag,
};

static const struct cl_cli_example note_examples[] = {
    {"clade note mnist 'second try, with dropout'", "A note on a study."},
    {"clade note mnist/12 look at its curve again", "A note on a trial."},
    {"clade list notes mnist", "Read them."},
    {0}};

extern const struct cl_cli_command cl_command_note;
const struct cl_cli_command cl_command_note = {
    .name = "note",
    .summary = "write a note on a study or trials",
    .usage = "ADDRESS TEXT...",
    .description =
        "Writes a note into the log, on the study or on the trials that the address names. Words are joined by "
        "blanks. `clade list notes` and `clade log` show them. Nothing that decides looks at notes.",
    .options = options,
    .examples = note_examples,
    .n_most = -1,
    .run = run_note,
};

extern const struct cl_cli_command cl_command_clear;
const struct cl_cli_command cl_command_clear = {
    .name = "clear",
    .summary = "remove tags, in XT's words",
    .usage = "tags ADDRESS NAME...",
    .description = "The same as clade untag.",
    .options = options,
    .examples = untag_examples,
    .n_most = -1,
    .hidden = true,
    .run = run_xt,
};

extern const struct cl_cli_command cl_command_set;
const struct cl_cli_command cl_command_set = {
    .name = "set",
    .summary = "set tags, in XT's words",
    .usage = "tags ADDRESS NAME[=TEXT]...",
    .description = "The same as clade tag.",
    .options = options,
    .examples = tag_examples,
    .n_most = -1,
    .hidden = true,
    .run = run_xt,
};
