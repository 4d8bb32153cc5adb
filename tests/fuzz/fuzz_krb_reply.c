/* What an application answers to our Negotiate token, what a client sends to our acceptor, and the insides of
 * both: every parser of the library spnego, over the same bytes. The first byte tells which. */
#include "spnego.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Whatever is pointed to must be inside what was given. */
static void require_inside(const struct der *d, const uint8_t *data, size_t n)
{
  if (!d->p && !d->end) return;
  if (d->p < data || d->end > data + n || d->p > d->end) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  struct spnego_reply reply;
  struct spnego_request request;
  struct spnego_ap_rep rep;
  struct spnego_authenticated authenticated;
  int code = 0;
  if (n == 0) return 0;
  const uint8_t *p = data + 1;
  size_t left = n - 1;
  switch (data[0] % 5) {
  case 0:
    if (spnego_parse_reply(p, left, &reply, &code)) break;
    require_inside(&reply.cipher, p, left);
    require_inside(&reply.mic, p, left);
    break;
  case 1:
    if (spnego_parse_request(p, left, &request)) break;
    require_inside(&request.ticket, p, left);
    require_inside(&request.cipher, p, left);
    break;
  case 2:
    if (spnego_parse_ap_rep(p, left, &rep)) require_inside(&rep.subkey, p, left);
    break;
  case 3:
    if (!spnego_parse_authenticator(p, left, &authenticated)) break;
    require_inside(&authenticated.realm, p, left);
    require_inside(&authenticated.names, p, left);
    require_inside(&authenticated.checksum, p, left);
    break;
  default:
    code = spnego_krb_error(p, left);
    if (code < -1 || code > 10000) abort();
    break;
  }
  return 0;
}
