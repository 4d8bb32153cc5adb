/* The answer to /robots.txt (RFC 9309): what is published here is for users who sign in, not for crawlers.
 * The same for every host, whatever the application's own says. */
#include "exchange.h"

void robots(struct exchange *x)
{
  static const char text[] = "User-agent: *\nDisallow: /\n";
  struct tracer *t = x->cloud->actor->tracer;
  span_start(&x->step, t, 0, SPAN_SERVER, "robots", &x->ctx, tracer_sample(t));
  x->ctx = x->step.ctx;
  exchange_respond(x, 200, NULL, "text/plain; charset=utf-8", text, sizeof text - 1);
}
