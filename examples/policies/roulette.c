/* Policies of one's own, as an example: a member that has stalled spins a wheel.
 *
 *   cc -shared -fPIC -o libroulette.so roulette.c $(pkg-config --cflags clade)
 *
 *   schedule: {method: ./libroulette.so, interval: 2, end: 20, window: 3, sd: 0.15}
 *
 * done     a member that has reached `enough` is stopped (default: none is)
 * ready    it may be judged when its score has not risen over its last `window` (3) reports
 * exploit  if it is not among the best half, it takes over from one of those: the best one is drawn with a
 *          probability of n shares, the next with n - 1, …
 * explore  every value takes a normal step of `sd` (0.15) in the unit cube, half of it when training is half
 *          way to `end`; lists and numbers alike stay in their range
 */
#include <clade/policies.h>
#include <math.h>
#include <stdio.h>

static double number(const struct clade_policies_host *host, const struct clade_policies_view *view,
                     const char *name, double otherwise) {
  double x = otherwise;
  return host->number_option(view, name, &x) ? x : otherwise;
}

static int check(const struct clade_policies_host *host, const struct clade_policies_view *view,
                 char *error) {
  double sd = number(host, view, "sd", 0.15), window = number(host, view, "window", 3);
  if (sd > 0 && sd <= 1 && window >= 2 && window <= number(host, view, "last", 10)) return 0;
  (void)snprintf(error, CLADE_PLUGIN_ERROR,
                 "sd is %g and window %g, but sd must lie in 0 ... 1 and window in 2 ... last (10)", sd,
                 window);
  return CLADE_ESPEC;
}

static int done(const struct clade_policies_host *host, struct clade_policies_view *view, bool *ret_done,
                char *error) {
  double enough = number(host, view, "enough", NAN), value = host->self(view).value;
  (void)error;
  bool grows = host->self(view).fitness == value; /* is the objective maximised? */
  *ret_done = grows ? value >= enough : value <= enough;
  return 0;
}

static int ready(const struct clade_policies_host *host, struct clade_policies_view *view, bool *ret_ready,
                 char *error) {
  size_t window = (size_t)number(host, view, "window", 3), place = host->place(view);
  (void)error;
  if (place == CLADE_NOBODY) return 0; /* nobody to compare with: that it is ready does no harm */
  size_t n = host->member(view, place).n_scores;
  if (n < window) return 0;
  double rise = host->score(view, place, n - 1) - host->score(view, place, n - window);
  host->note(view, "rise", rise);
  *ret_ready = rise <= 0;
  return 0;
}

static int exploit(const struct clade_policies_host *host, struct clade_policies_view *view,
                   size_t *ret_place, char *error) {
  size_t n = host->members(view) / 2, shares = 0;
  (void)error;
  if (host->place(view) < n) return 0; /* one of the better half */
  for (size_t place = 0; place < n; place++)
    if (host->member(view, place).gives) shares += n - place;
  if (shares == 0) return 0;
  size_t left = host->below(view, shares);
  host->note(view, "share", (double)left);
  for (size_t place = 0; place < n; place++) {
    if (!host->member(view, place).gives) continue;
    if (left < n - place) {
      *ret_place = place;
      return 0;
    }
    left -= n - place;
  }
  return 0;
}

static int explore(const struct clade_policies_host *host, struct clade_policies_view *view,
                   struct clade_policies_change *change, char *error) {
  double sd = number(host, view, "sd", 0.15), end = number(host, view, "end", 0);
  double step = host->member(view, host->donor(view)).step;
  (void)error;
  if (end > 0) sd *= fmax(0, 1 - step / end);
  for (int i = 0; i < host->parameters(view); i++) {
    double u = host->new_unit(change, i), z = host->normal(view); /* drawn for every one, used or not */
    host->set_unit(change, i, u + sd * z);                        /* NaN, an inactive one, is ignored */
  }
  host->note(view, "sd", sd);
  return 0;
}

static const char *const options[] = {"enough", "window", "sd", NULL};

static const struct clade_policies policies = {.abi = sizeof(struct clade_policies),
                                               .version = CLADE_POLICIES_VERSION,
                                               .name = "roulette",
                                               .summary =
                                                   "who stalls takes over from the better half, by rank",
                                               .options = options,
                                               .check = check,
                                               .done = done,
                                               .ready = ready,
                                               .exploit = exploit,
                                               .explore = explore};

const struct clade_policies *clade_policies_entry(void) {
  return &policies;
}
