/* One HTTPS request by libcurl, blocking: for workers only. Trusts the lab's authority alone, follows no
 * redirects, and bounds time and size. */
#ifndef SEVENSTEP_FETCH_H
#define SEVENSTEP_FETCH_H

#include "buf.h"

struct fetch {
  const char *url;
  const char *ca;
  const char *connect_to;      /* "host:port:addr:port" as curl's --connect-to, or NULL */
  const char *form;            /* a body to POST, or NULL for GET */
  const char *traceparent;     /* to send along (W3C Trace Context), or NULL */
  const char *user, *password; /* HTTP Basic (RFC 6749 2.3.1: already form-encoded), or NULL */
};

/* Appends the body to out. ERR_IDP_UNREACHABLE when there was no answer; otherwise ret_status tells. */
enum err fetch(const struct fetch *q, long *ret_status, struct buf *out, struct failure *f) MUST_CHECK;

#endif
