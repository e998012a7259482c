/* Policies that do what they are told to do wrong: the option `wrong` says what. For test_policies.c. */
#include <clade/policies.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static bool is(const struct clade_policies_host *host, const struct clade_policies_view *view,
               const char *what) {
  const char *wrong = host->option(view, "wrong");
  return wrong != NULL && strcmp(wrong, what) == 0;
}

static int say(char *error, const char *text) {
  (void)snprintf(error, CLADE_PLUGIN_ERROR, "%s", text);
  return CLADE_EINVAL;
}

static int check(const struct clade_policies_host *host, const struct clade_policies_view *view,
                 char *error) {
  double x = 0;
  /* nobody is asked about: all that can be asked is answered, and nothing of it is a member */
  bool nobody = host->members(view) == 0 && host->place(view) == CLADE_NOBODY && !host->dead(view) &&
                host->self(view).trial == 0 && isnan(host->unit(view, 0, 0)) &&
                isnan(host->own_unit(view, 0)) && host->value(view, 0, 0).kind == CLADE_ABSENT &&
                isnan(host->score(view, 0, 0)) && host->member(view, 0).fitness < 0 &&
                !host->number_option(view, "wrong", &x);
  if (!nobody || host->parameters(view) < 1 || host->parameter(view, 9).name[0] != '\0')
    return say(error, "somebody is there");
  if (is(host, view, "check")) (void)say(error, "no such population");
  return is(host, view, "check") ? CLADE_ESPEC : 0;
}

static int done(const struct clade_policies_host *host, struct clade_policies_view *view, bool *ret_done,
                char *error) {
  *ret_done = is(host, view, "all done");
  return is(host, view, "done") ? say(error, "done upset me") : 0;
}

static int ready(const struct clade_policies_host *host, struct clade_policies_view *view, bool *ret_ready,
                 char *error) {
  *ret_ready = !is(host, view, "never ready");
  return is(host, view, "ready") ? say(error, "ready upset me") : 0;
}

#ifndef NO_EXPLOIT
static int exploit(const struct clade_policies_host *host, struct clade_policies_view *view,
                   size_t *ret_place, char *error) {
  size_t n = host->members(view);
  if (is(host, view, "exploit")) return CLADE_EIO;
  if (is(host, view, "news")) return 38;
  if (is(host, view, "place")) *ret_place = n;
  if (is(host, view, "self")) *ret_place = host->place(view);
  if (is(host, view, "nobody") || is(host, view, "place") || is(host, view, "self")) return 0;
  if (n > 0 && host->member(view, 0).fitness > host->self(view).fitness) *ret_place = 0;
  (void)error;
  return 0;
}
#endif

static int explore(const struct clade_policies_host *host, struct clade_policies_view *view,
                   struct clade_policies_change *change, char *error) {
  struct clade_value nine = {.kind = CLADE_REAL, .as.real = 9};
  if (is(host, view, "explore")) return say(error, "explore upset me");
  if (is(host, view, "value")) host->set_value(change, 0, nine);
  if (is(host, view, "text"))
    host->set_value(change, 3, (struct clade_value){.kind = CLADE_TEXT, .as.text = "rmsprop"});
  host->set_value(change, 4000, nine); /* no such hyperparameter: nothing happens */
  host->set_unit(change, -1, 0.5);
  host->set_unit(change, 0, NAN);
  host->multiply(change, 1, -1);
  if (is(host, view, "standard")) host->standard(change);
  if (is(host, view, "beyond")) host->set_unit(change, 0, 385);
  if (is(host, view, "own")) {
    char text[] = "lion";
    host->set_value(change, 3, (struct clade_value){.kind = CLADE_TEXT, .as.text = text});
    memset(text, 'x', sizeof text - 1);
    host->multiply(change, 1, 2);
    host->set_unit(change, 2, 0.5);
    host->note(view, "lr", host->new_unit(change, 1));
    host->note(view, "\", \"rule", 1);
  }
  return 0;
}

static const char *const options[] = {"wrong", NULL};

static const struct clade_policies policies = {.abi = sizeof(struct clade_policies),
#ifdef OTHER_VERSION
                                               .version = CLADE_POLICIES_VERSION + 1,
#else
                                               .version = CLADE_POLICIES_VERSION,
#endif
#ifdef OTHER_NAME
                                               .name = "no \"name\"",
#else
                                               .name = "wrong",
#endif
                                               .summary = "wrong on purpose",
                                               .options = options,
                                               .check = check,
                                               .done = done,
                                               .ready = ready,
#ifndef NO_EXPLOIT
                                               .exploit = exploit,
#endif
                                               .explore = explore};

const struct clade_policies *clade_policies_entry(void) {
  return &policies;
}
