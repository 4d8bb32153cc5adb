/* A raw client: sends exactly the bytes given, and shows exactly those that come. Every wait ends after some
 * seconds. */
#ifndef SEVENSTEP_TEST_CLIENT_H
#define SEVENSTEP_TEST_CLIENT_H

#include "httpd.h"
#include "run.h"

int client_connect(const struct httpd *h);
int client_connect_unix(const char *path);
void client_send(int fd, const char *data, size_t n);
void client_puts(int fd, const char *text);
/* Everything until the server closes; NUL-terminated, to be freed. Closes fd. */
char *client_read_all(int fd);
/* Reads until text has come; what came is returned, to be freed. */
char *client_read_until(int fd, const char *text);
/* One connection: text goes out, everything comes back. */
char *client_talk(const struct httpd *h, const char *text);

/* True when the answer begins with this status and contains the text. */
void assert_answer(char *answer, const char *status, const char *text);

#endif
