#include "schedule/migration.h"

#include <assert.h>
#include <math.h>

bool cl_migration_is_round(double period, int64_t round) {
  assert(period >= 1 && rint(period) == period);
  return round % (int64_t)period == 0;
}

/* The next rank from `from` on that is in the group (or, if not `inside`, in another) and can give; n: none.
 */
static size_t next_giver(const struct cl_ranked *table, size_t n, size_t from, int group, bool inside) {
  while (from < n && (!table[from].gives || (table[from].group == group) != inside)) from++;
  return from;
}

/* Places within the group: of the member, and how many there are. */
static size_t place_in_group(const struct cl_ranked *table, size_t n, size_t rank, size_t *ret_size) {
  size_t place = 0;
  *ret_size = 0;
  for (size_t i = 0; i < n; i++) {
    if (table[i].group != table[rank].group) continue;
    place += i < rank;
    ++*ret_size;
  }
  return place;
}

static size_t rank_of_place(const struct cl_ranked *table, int group, size_t place) {
  size_t i = 0;
  for (;; i++)
    if (table[i].group == group && place-- == 0) return i;
}

/* The migrant for the place-th of those that may take one: each before it has taken the best that was left,
 * if that was better. */
static size_t find_migrant(const struct cl_ranked *table, size_t n, size_t first, size_t place, int group) {
  size_t migrant = next_giver(table, n, 0, group, false), rank = rank_of_place(table, group, first);
  for (size_t k = first; migrant < n; k++) {
    assert(rank < n);
    bool better = table[migrant].score > table[rank].score;
    if (k == place) return better ? migrant : n;
    if (better) migrant = next_giver(table, n, migrant + 1, group, false);
    do rank++;
    while (rank < n && table[rank].group != group);
  }
  return n;
}

struct cl_move cl_migration_move(const struct cl_ranked *table, size_t n, const double *periods,
                                 size_t rank) {
  assert(rank < n);
  const struct cl_move none = {CL_MOVE_NONE, rank, rank};
  int group = table[rank].group;
  size_t size, place = place_in_group(table, n, rank, &size), quarter = size / 4;
  if (quarter == 0 || place < size - 2 * quarter) return none;
  if (place >= size - quarter) {
    size_t donor = rank_of_place(table, group, place - (size - quarter));
    if (!table[donor].gives) donor = next_giver(table, n, 0, group, true);
    return donor < rank ? (struct cl_move){CL_MOVE_COPY, donor, donor} : none;
  }
  size_t migrant = find_migrant(table, n, size - 2 * quarter, place, group);
  if (migrant >= n) return none;
  bool slower = periods[table[migrant].group] >= periods[group];
  size_t best = next_giver(table, n, 0, group, true);
  return (struct cl_move){CL_MOVE_MIGRATE, migrant, slower || best >= n ? migrant : best};
}
