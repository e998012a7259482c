#include "schedule/genes.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"

/* Options. */

struct cl_mutation_of {
  int id;
  struct cl_mutation how;
};

#define MUTATION_OPTIONS \
  {"kind", "normal|multiplicative", 0, 0, "normal", "a step in the unit cube, or a factor around 1", NULL}, \
      {"sd", "float", 0, 1e6, "0.1", "standard deviation of the step or of the factor", NULL}, \
      {"choice", "float", 0, 1, "0.1", "how often a value of a list without order is drawn afresh", NULL}, { \
    "reset", "float", 0, 1, "0.05", "how often a value goes back to the tuned one", NULL \
  }

static const struct cl_option single_options[] = {MUTATION_OPTIONS, {0}};
const struct cl_option cl_mutation_options[] = {
    MUTATION_OPTIONS, {"of", "object", 0, 0, "{}", "what single hyperparameters do otherwise", NULL}, {0}};

/* Over what stands in *ret already. */
static void read_mutation(const struct cl_options *o, bool all, struct cl_mutation *ret) {
  if (all || cl_options_has(o, "kind"))
    ret->kind =
        strcmp(cl_options_word(o, "kind"), "normal") == 0 ? CL_MUTATION_NORMAL : CL_MUTATION_MULTIPLICATIVE;
  if (all || cl_options_has(o, "sd")) ret->sd = cl_options_number(o, "sd");
  if (all || cl_options_has(o, "choice")) ret->choice = cl_options_number(o, "choice");
  if (all || cl_options_has(o, "reset")) ret->reset = cl_options_number(o, "reset");
}

static int read_single(struct cl_mutations *m, const char *name, const json_t *given,
                       const struct cl_space *space, struct cl_err *e) {
  int i = cl_space_find(space, name);
  const char *nearest = i < 0 ? cl_space_nearest(space, name) : NULL;
  struct cl_options o = {"schedule: mutation", "epbt", single_options, given};
  if (i < 0)
    return CL_FAIL(e, CLADE_ESPEC, "schedule: mutation: no hyperparameter is called %s%s%s%s", name,
                   nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
                   nearest != NULL ? "?" : "");
  if (!json_is_object(given))
    return CL_FAIL(e, CLADE_ESPEC, "schedule: mutation of %s must be options, like {sd: 0.2}", name);
  CL_TRY(cl_options_check(&o, e));
  struct cl_mutation_of *at = &m->of[m->n++];
  assert(i < space->n);
  *at = (struct cl_mutation_of){space->items[i].id, m->all};
  read_mutation(&o, false, &at->how);
  return 0;
}

int cl_mutations_init(struct cl_mutations *m, const json_t *given, const struct cl_space *space,
                      struct cl_err *e) {
  struct cl_options o = {"schedule: mutation", "epbt", cl_mutation_options, given};
  *m = (struct cl_mutations){0};
  CL_TRY(cl_options_check(&o, e));
  read_mutation(&o, true, &m->all);
  /* jansson's iterators want a mutable object, and leave it alone */
  json_t *of = (json_t *)(uintptr_t)cl_options_object(&o, "of");
  if (json_object_size(of) == 0) return 0;
  m->of = cl_alloc_array(json_object_size(of), sizeof *m->of);
  int status = m->of == NULL ? CL_FAIL_NOMEM(e) : 0;
  for (void *it = json_object_iter(of); it != NULL && status == 0; it = json_object_iter_next(of, it))
    status = read_single(m, json_object_iter_key(it), json_object_iter_value(it), space, e);
  if (status < 0) cl_mutations_done(m);
  return status;
}

void cl_mutations_done(struct cl_mutations *m) {
  cl_free(m->of);
  *m = (struct cl_mutations){0};
}

const struct cl_mutation *cl_mutations_find(const struct cl_mutations *m, int id) {
  for (size_t i = 0; i < m->n; i++)
    if (m->of[i].id == id) return &m->of[i].how;
  return &m->all;
}

/* Operators. */

bool cl_gene_is(const struct cl_hyperparameter *h) {
  return cl_space_is_searched(h) && h->change != CL_START;
}

static bool is_number(const struct cl_hyperparameter *h) {
  return h->domain == CL_FLOAT || h->domain == CL_INTEGER;
}

static struct cl_value step_normally(const struct cl_hyperparameter *h, const struct cl_mutation *m,
                                     struct cl_value v, double normal, double fresh, double *ret_step) {
  if (h->domain == CL_UNORDERED) {
    if (fresh >= m->choice) return v;
    *ret_step = CL_GENE_DRAWN;
    return cl_space_decode_one(h, fresh / m->choice);
  }
  if (m->sd == 0) return v;
  *ret_step = m->sd * normal;
  return cl_space_decode_one(h, cl_space_encode_one(h, v) + *ret_step);
}

static struct cl_value multiply(const struct cl_hyperparameter *h, const struct cl_mutation *m,
                                struct cl_value v, double normal, double *ret_step) {
  if (!is_number(h) || m->sd == 0) return v;
  assert(isfinite(cl_value_number(v)));
  *ret_step = 1 + m->sd * normal;
  if (h->zero > 0 && cl_value_number(v) == 0) return v;
  double x = cl_value_number(v) * *ret_step;
  return cl_space_snap_one(h, h->domain == CL_INTEGER ? rint(x) : x);
}

struct cl_value cl_gene_mutate(const struct cl_hyperparameter *h, const struct cl_mutation *m,
                               struct cl_value v, struct cl_rng *rng, double *ret_step) {
  assert(m->sd >= 0 && m->reset >= 0 && m->reset <= 1 && m->choice >= 0 && m->choice <= 1);
  double normal = cl_rng_normal(rng), fresh = cl_rng_uniform(rng), chance = cl_rng_uniform(rng);
  *ret_step = CL_GENE_SAME;
  if (chance < m->reset && h->tuned.kind != CL_ABSENT && cl_space_allows(h, h->tuned)) {
    *ret_step = CL_GENE_DEFAULT;
    return h->tuned;
  }
  if (!cl_space_allows(h, v)) {
    *ret_step = CL_GENE_DRAWN;
    return cl_space_decode_one(h, fresh);
  }
  return m->kind == CL_MUTATION_NORMAL ? step_normally(h, m, v, normal, fresh, ret_step)
                                       : multiply(h, m, v, normal, ret_step);
}

enum { BLOCKS_PER_ATTEMPT = 2 }; /* three numbers */

static struct cl_rng mutation_stream(const struct cl_breeding *b, int id) {
  struct cl_rng r = cl_rng_stream(b->seed, CL_RNG_EXPLORE, (uint64_t)b->descendant + 1,
                                  (uint32_t)id + 65536u * (b->generation & 0xffff));
  r.counter[0] = BLOCKS_PER_ATTEMPT * b->attempt;
  return r;
}

static bool takes_other(const struct cl_breeding *b, int id) {
  assert(id >= 1 && id <= 65535 && b->swap >= 0 && b->swap <= 1);
  struct cl_rng r = cl_rng_stream(b->seed, CL_RNG_GA, (uint64_t)b->couple + 1,
                                  (uint32_t)id + 65536u * (b->generation & 0xffff));
  return cl_rng_uniform(&r) < b->swap;
}

void cl_genes_breed(const struct cl_space *s, const struct cl_mutations *m, const struct cl_breeding *b,
                    const struct cl_value *own, const struct cl_value *other, struct cl_value *ret,
                    bool *ret_taken, double *ret_steps) {
  assert(ret != own && ret != other);
  for (int i = 0; i < s->n; i++) {
    const struct cl_hyperparameter *h = &s->items[i];
    ret[i] = (struct cl_value){0};
    ret_taken[i] = false;
    ret_steps[i] = CL_GENE_SAME;
    if (!cl_space_is_active(s, i, ret)) continue;
    bool gene = cl_gene_is(h);
    ret_taken[i] = gene && own != other && other[i].kind != CL_ABSENT &&
                   (own[i].kind == CL_ABSENT || takes_other(b, h->id));
    ret[i] = h->domain == CL_CONSTANT ? h->values[0] : ret_taken[i] ? other[i] : own[i];
    if (!gene && ret[i].kind != CL_ABSENT) continue;
    struct cl_rng r = mutation_stream(b, h->id);
    ret[i] = cl_gene_mutate(h, cl_mutations_find(m, h->id), ret[i], &r, &ret_steps[i]);
  }
}
