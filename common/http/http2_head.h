/* The rules of a request's head that came by HTTP/2 (RFC 9113 8.3, 8.2.2, 8.2.3), so that what stands behind
 * the codecs meets the same in both versions. Framing is another's: the session has checked what HTTP/2
 * itself demands. */
#ifndef SEVENSTEP_HTTP2_HEAD_H
#define SEVENSTEP_HTTP2_HEAD_H

#include "http1.h"

struct http2_request {
  const char *method, *protocol, *scheme, *authority, *path; /* "" when missing */
  size_t path_len;
  const struct fields *fields;
  bool end; /* no body follows */
};

/* Fills p->head of a fresh parser: minor is 2, the crumbs of Cookie are joined, Host is where :authority
 * came, body is BODY_CHUNKED when its length is not told. An extended CONNECT for a WebSocket becomes the GET
 * that it is in HTTP/1.1 (RFC 8441 5): websocket is set, there is no key, and no body. False: p->failure
 * tells, by the errors that a request of HTTP/1.1 has. */
bool http2_request_head(struct http1_parser *p, const struct http2_request *r) MUST_CHECK;

#endif
