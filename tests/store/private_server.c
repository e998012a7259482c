#include "store/private_server.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "store/server.h"

static struct {
  bool tried;
  char dir[64];
  const char *settings;
  struct cl_server server;
  int life; /* a pipe's end: its closing tells the guardian that this program is over */
  pid_t owner, guardian;
  int stores;
} it;

static void end_it(void) {
  if (it.owner != getpid()) return;
  (void)close(it.life);
  (void)waitpid(it.guardian, NULL, 0);
}

/* A process that does nothing but wait for this one's end, and then ends the server. */
static void guard(void) {
  int ends[2];
  char byte;
  assert_int_equal(pipe2(ends, O_CLOEXEC), 0); /* the server must not inherit it */
  it.owner = getpid();
  it.guardian = fork();
  assert_true(it.guardian >= 0);
  if (it.guardian == 0) {
    (void)setsid();
    (void)close(ends[1]);
    while (read(ends[0], &byte, 1) > 0) continue;
    (void)cl_server_stop(it.dir, true, NULL);
    (void)cl_dir_remove(it.dir, NULL);
    _exit(0);
  }
  (void)close(ends[0]);
  it.life = ends[1];
  (void)atexit(end_it);
}

void private_server_start(void) {
  const struct cl_server_options options = {.dir = it.dir, .settings = it.settings};
  struct cl_err e = {0};
  if (cl_server_start(&options, &it.server, &e) < 0) fail_msg("%s", e.text);
}

void private_server_stop(bool now) {
  struct cl_err e = {0};
  if (cl_server_stop(it.dir, now, &e) < 0) fail_msg("%s", e.text);
}

const char *private_server(void) {
  return private_server_of("fsync = off\n");
}

const char *private_server_of(const char *settings) {
  if (!it.tried) {
    char *programs = cl_server_programs();
    it.tried = true;
    if (programs != NULL) {
      (void)snprintf(it.dir, sizeof it.dir, "/tmp/clade-postgres-XXXXXX");
      assert_non_null(mkdtemp(it.dir));
      guard();
      it.settings = settings;
      private_server_start();
    }
    cl_free(programs);
  }
  return it.server.address[0] == '\0' ? NULL : it.server.address;
}

const char *private_server_dir(void) {
  return it.dir;
}

PGresult *private_server_sql(const char *address, const char *sql) {
  PGconn *conn = PQconnectdb(address);
  if (PQstatus(conn) != CONNECTION_OK) fail_msg("%s", PQerrorMessage(conn));
  PGresult *r = PQexec(conn, sql);
  if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK)
    fail_msg("%s: %s", sql, PQerrorMessage(conn));
  PQfinish(conn);
  return r;
}

void private_server_store(char *ret, size_t size) {
  char sql[60];
  const char *address = private_server();
  assert_non_null(address);
  (void)snprintf(sql, sizeof sql, "CREATE SCHEMA store_%d", ++it.stores);
  PQclear(private_server_sql(address, sql));
  (void)snprintf(ret, size, "%s?options=-csearch_path%%3Dstore_%d", address, it.stores);
}
