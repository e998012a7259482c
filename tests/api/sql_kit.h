/* What somebody else does to the file of a store, with SQL. */
#ifndef SQL_KIT_H
#define SQL_KIT_H

#include "study_kit.h"

#include <sqlite3.h>

static inline void kit_change(const struct kit_place *p, const char *sql) {
  sqlite3 *db = NULL;
  assert_int_equal(sqlite3_open(p->store, &db), SQLITE_OK);
  if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) fail_msg("%s", sqlite3_errmsg(db));
  (void)sqlite3_close(db);
}

#endif
