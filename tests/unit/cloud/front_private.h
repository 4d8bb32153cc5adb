/* What the front of the tests has for its users and connectors. */
#ifndef SEVENSTEP_TEST_FRONT_PRIVATE_H
#define SEVENSTEP_TEST_FRONT_PRIVATE_H

#include "front.h"

/* "FOLDER/NAME", in one of some static buffers. */
const char *front_path(const char *name);

/* The lab file as the cloud began with it. */
extern struct lab *front_lab_file;

/* How a user comes: without TLS, or with it and what ALPN chose. */
enum front_way { FRONT_PLAIN, FRONT_HTTP1, FRONT_HTTP2 };
void front_dial(enum front_way way, const char *sni, const struct stream_events *events, void *arg,
                struct stream **ret);

/* What a test leaves of them ends with its cloud. */
void inside_forget(void);
void users_forget(void);
void browser_forget(void);

#endif
