/* The end of a session: it is void from now on, wherever its cookie may be (CK-03). */
#include "exchange.h"

#include "once.h"

static void ended(void *arg, enum err e)
{
  struct exchange *x = arg;
  struct fields f;
  struct failure why;
  fields_init(&f, 4, 2048);
  if (!e || e == ERR_EXISTS) e = session_cookie_set(&f, x->app, "", 0);
  if (e) {
    failure_set(&why, e, "the end of the session could not be stored");
    exchange_fail(x, &why);
  } else {
    static const char text[] = "You are signed out of this application.\n";
    exchange_respond(x, 200, &f, "text/plain; charset=utf-8", text, sizeof text - 1);
  }
  fields_clear(&f);
  exchange_release(x);
}

void logout(struct exchange *x)
{
  span_start(&x->step, x->cloud->actor->tracer, 0, SPAN_SERVER, "logout", &x->ctx, true);
  x->ctx = x->step.ctx;
  exchange_hold(x);
  if (x->session.upn[0])
    once_end_session(x->cloud->once, &x->session, ended, x);
  else
    ended(x, ERR_OK);
}
