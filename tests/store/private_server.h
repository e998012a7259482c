/* A private PostgreSQL server for the tests of one program, started when it is first asked for. It is stopped
 * at the program's end, however that comes about, by its own pid. */
#ifndef CL_TEST_PRIVATE_SERVER_H
#define CL_TEST_PRIVATE_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include <libpq-fe.h>

/* The address of its database; null where PostgreSQL is not installed (the test is to be skipped then). */
const char *private_server(void);
const char *
private_server_of(const char *settings); /* the first time: of its configuration, else without fsync */
const char *private_server_dir(void);
void private_server_stop(bool now); /* `now`: as if its power had been cut */
void private_server_start(void);    /* again, after a stop */

/* The address of a new and empty store in that server: a schema of its own. */
void private_server_store(char *ret, size_t size);

/* Run one statement; asserts that it succeeds. Gives the result; free with PQclear. */
PGresult *private_server_sql(const char *address, const char *sql);

#endif
