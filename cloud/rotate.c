#include "rotate.h"

#include "clock.h"
#include "seal.h"
#include "session.h"

#include <stdlib.h>
#include <string.h>

#define CLOCKS_S 60 /* as much are clocks apart at most */

struct rotation {
  struct cloud *c;
  struct seal_ring next;
  struct failure failure;
  void (*done)(void *arg, const struct failure *f);
  void *arg;
};

/* What is sealed lives as long as a session or a logon. */
static int64_t kept_s(const struct cloud *c)
{
  int64_t session_s = c->lab->cloud.session_lifetime_s;
  return (session_s > LOGON_LIFETIME_S ? session_s : LOGON_LIFETIME_S) + CLOCKS_S;
}

static void end(struct rotation *r)
{
  r->done(r->arg, &r->failure);
  explicit_bzero(&r->next, sizeof r->next);
  free(r);
}

static void store_run(void *arg)
{
  struct rotation *r = arg;
  char path[4096 + 128];
  actor_path(r->c->actor, path, "cloud/session.key");
  (void)!seal_ring_write(path, &r->next, &r->failure); /* store_done() looks at it */
}

static void store_done(void *arg)
{
  struct rotation *r = arg;
  r->c->rotating = false;
  if (!r->failure.err && seal_use(r->c->seal, &r->next))
    failure_set(&r->failure, ERR_NOMEM, "no memory for the keys of sessions");
  end(r);
}

static void store(struct rotation *r)
{
  r->c->rotating = true;
  if (net_work(r->c->net, store_run, store_done, r) == ERR_OK) return;
  r->c->rotating = false;
  failure_set(&r->failure, ERR_NOMEM, "no memory to store the keys of sessions");
  end(r);
}

void rotate_sessions(struct cloud *c, void (*done)(void *arg, const struct failure *f), void *arg)
{
  struct failure f;
  struct rotation *r = c->rotating ? NULL : calloc(1, sizeof *r);
  if (!r) {
    failure_set(&f, c->rotating ? ERR_AGAIN : ERR_NOMEM, "the keys of sessions are being stored");
    done(arg, &f);
    return;
  }
  *r = (struct rotation){.c = c, .next = *seal_ring(c->seal), .done = done, .arg = arg};
  if (seal_ring_rotate(&r->next, clock_wall_s(), kept_s(c), &r->failure))
    end(r);
  else
    store(r);
}

static void sweep_done(void *arg, const struct failure *f)
{
  (void)arg;
  if (f->err)
    log_failure(LOG_ERROR, NULL, f);
  else
    log_info("a former key of sessions is forgotten: what it has sealed has ended");
}

/* Whether it can be stored or not: what is over is no more in use. */
void rotate_sweep(struct cloud *c)
{
  int64_t now_s = clock_wall_s();
  if (c->rotating || !seal_ring_is_over(seal_ring(c->seal), now_s)) return;
  struct rotation *r = calloc(1, sizeof *r);
  if (!r) return;
  *r = (struct rotation){.c = c, .next = *seal_ring(c->seal), .done = sweep_done};
  seal_ring_drop(&r->next, now_s);
  if (seal_use(c->seal, &r->next)) {
    free(r);
    return;
  }
  store(r);
}
