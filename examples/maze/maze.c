/* Q-learning in a small maze, in two stages, as an example of <clade/stages.h>.
 *
 * Usage: maze [--lr=X] [--disc=X] [--eps=X] [--iters=N] [--best]. Alone or in a study (maze.yaml). */
#include <clade/stages.h>

#include <stdio.h>
#include <string.h>

enum { SIDE = 6, FIELDS = SIDE * SIDE, MOVES = 4, PATIENCE = 60 };

static const char walls[] = ".....#"
                            ".##..."
                            ".#..#."
                            ".#.##."
                            "...#.."
                            ".#...G";

struct maze {
  double value[FIELDS][MOVES]; /* what a move is worth */
  uint64_t random;
  int field, moves;
};

/* xorshift64*: uniform in [0, 1). */
static double draw(struct maze *m) {
  m->random ^= m->random >> 12;
  m->random ^= m->random << 25;
  m->random ^= m->random >> 27;
  return (double)((m->random * 2685821657736338717u) >> 11) * 0x1p-53;
}

static int save(void *ctx, const char *directory) {
  char path[4096];
  (void)snprintf(path, sizeof path, "%s/maze", directory);
  FILE *file = fopen(path, "wb");
  if (file == NULL) return 1;
  size_t n = fwrite(ctx, sizeof(struct maze), 1, file);
  return fclose(file) == 0 && n == 1 ? 0 : 2;
}

static int load(void *ctx, const char *directory) {
  char path[4096];
  struct maze loaded;
  (void)snprintf(path, sizeof path, "%s/maze", directory);
  FILE *file = fopen(path, "rb");
  if (file == NULL) return 1;
  size_t n = fread(&loaded, sizeof loaded, 1, file);
  (void)fclose(file);
  if (n != 1) return 2;
  *(struct maze *)ctx = loaded;
  return 0;
}

static int best_move(const struct maze *m, int field) {
  int best = 0;
  for (int move = 1; move < MOVES; move++)
    if (m->value[field][move] > m->value[field][best]) best = move;
  return best;
}

/* Where a move leads; walls and the edge are run into. */
static int follow(int field, int move) {
  static const int dx[] = {1, 0, -1, 0}, dy[] = {0, 1, 0, -1};
  int x = field % SIDE + dx[move], y = field / SIDE + dy[move];
  if (x < 0 || x >= SIDE || y < 0 || y >= SIDE || walls[y * SIDE + x] == '#') return field;
  return y * SIDE + x;
}

/* One step; returns the reward. */
static double step(struct maze *m, double eps, double lr, double disc) {
  int from = m->field;
  int move = draw(m) < eps ? (int)(draw(m) * MOVES) : best_move(m, from);
  m->field = follow(from, move);
  m->moves++;
  double reward = walls[m->field] == 'G' ? 1 : 0;
  double ahead = reward > 0 ? 0 : m->value[m->field][best_move(m, m->field)];
  m->value[from][move] += lr * (reward + disc * ahead - m->value[from][move]);
  return reward;
}

static int train(clade_trainer *t, clade_stages *s, struct maze *m) {
  int status = clade_trainer_start(t);
  while (status >= 0 && clade_stages_next(s)) {
    bool learns = clade_stages_current(s) == 0; /* the second stage only looks at what was learned */
    double reward = step(m, learns ? clade_trainer_float(t, "eps") : 0.02,
                         learns ? clade_trainer_float(t, "lr") : 0, clade_trainer_float(t, "disc"));
    clade_stages_add(s, "rew", reward);
    if (reward == 0 && m->moves < PATIENCE) continue;
    clade_stages_add(s, "win", reward);
    m->field = m->moves = 0;
  }
  return status < 0 ? status : clade_stages_done(s);
}

int main(int argc, char **argv) {
  static const struct clade_stage_metric metrics[] = {
      {.name = "rew", .long_name = "reward per step"},
      {.name = "win", .long_name = "episodes won"},
  };
  struct maze maze = {0};
  struct clade_trainer_options functions = {save, load, &maze};
  clade_trainer *t = NULL;
  clade_stages *s = NULL;
  int status = clade_trainer_open(argc, argv, &functions, &t);
  clade_trainer_default(t, "lr", "0.1");
  clade_trainer_default(t, "disc", "0.9");
  clade_trainer_default(t, "eps", "0.1");
  bool best = clade_trainer_has(t, "best");
  int64_t iters = clade_trainer_has(t, "iters") ? clade_trainer_int(t, "iters") : 20000;
  for (int i = 0; i < FIELDS * MOVES; i++) maze.value[i / MOVES][i % MOVES] = 0.5; /* so that all is tried */
  maze.random = 88172645463325252u ^ (uint64_t)clade_trainer_seed(t);
  struct clade_stage stages[] = {
      {.title = "Learn", .metrics = metrics, .n_metrics = 2, .iters = iters},
      {.title = "Play", .metrics = metrics, .n_metrics = 2, .iters = iters / 4 > 0 ? iters / 4 : 1},
  };
  struct clade_stages_options options = {.stages = stages, .n_stages = 2, .best = best ? "best" : NULL};
  if (status == 0) status = clade_stages_open(t, &options, &s);
  if (status == 0) status = train(t, s, &maze);
  if (status < 0) fprintf(stderr, "maze: %s\n", clade_trainer_errmsg(t));
  status = clade_trainer_exit_status(t);
  clade_stages_close(s);
  clade_trainer_close(t);
  return status;
}
