#include "revocation.h"

#include "clock.h"
#include "once.h"
#include "registry.h"

#include <string.h>

/* Sessions first: or a request could get a ticket again that was just forgotten. */
size_t revoke_user(struct cloud *c, const char *upn, void (*done)(void *arg, enum err e), void *arg)
{
  int64_t lifetime_s = (int64_t)c->lab->cloud.session_lifetime_s + c->lab->idp.token_lifetime_s;
  once_end_user(c->once, upn, lifetime_s, done, arg);
  return registry_purge(c->registry, upn);
}

/* -- what a change takes --------------------------------------------------------------------------------- */

struct change {
  const struct lab *before, *now;
  bool same_groups;
  int64_t now_s;
};

static bool same_list(const struct lab_strings *a, const struct lab_strings *b)
{
  if (a->n != b->n) return false;
  for (size_t i = 0; i < a->n; i++)
    if (strcmp(a->v[i], b->v[i]) != 0) return false;
  return true;
}

static bool same_groups(const struct lab *a, const struct lab *b)
{
  if (a->n_groups != b->n_groups) return false;
  for (size_t i = 0; i < a->n_groups; i++)
    if (strcmp(a->groups[i].name, b->groups[i].name) != 0 ||
        !same_list(&a->groups[i].members, &b->groups[i].members))
      return false;
  return true;
}

/* So that not everybody must be looked for in every list, when only a title has changed. */
static bool same_assignment(const struct change *g, const struct lab_app *was, const struct lab_app *is)
{
  return g->same_groups && was->assignment_required == is->assignment_required &&
         same_list(&was->assigned_users, &is->assigned_users) &&
         same_list(&was->assigned_groups, &is->assigned_groups);
}

static bool loses_application(const struct change *g, const struct lab_user *was, const struct lab_user *is)
{
  for (size_t i = 0; i < g->before->n_apps; i++) {
    const struct lab_app *app = &g->before->apps[i], *now = lab_app_by_name(g->now, app->name);
    if (now && !same_assignment(g, app, now) && lab_user_assigned(g->before, app, was) &&
        !lab_user_assigned(g->now, now, is))
      return true;
  }
  return false;
}

static void stored(void *arg, enum err e)
{
  struct failure f;
  (void)arg;
  if (!e) return;
  failure_set(&f, e,
              "the end of a user's sessions could not be stored: it holds until the cloud is restarted");
  log_failure(LOG_ERROR, NULL, &f);
}

void revoke_by_change(struct cloud *c, const struct lab *before)
{
  const struct change g = {before, c->lab, same_groups(before, c->lab), clock_wall_s()};
  size_t ended = 0, purged = 0;
  for (size_t i = 0; i < before->n_users; i++) {
    const struct lab_user *was = &before->users[i];
    const struct lab_user *is = was->upn ? lab_user_by_upn(g.now, was->upn) : NULL;
    if (!was->upn || !lab_user_is_active(was, g.now_s)) continue;
    if (!is || !lab_user_is_active(is, g.now_s)) {
      revoke_user(c, was->upn, stored, NULL);
      ended++;
    } else if ((is->sensitive && !was->sensitive) || loses_application(&g, was, is)) {
      registry_purge(c->registry, was->upn);
      purged++;
    }
  }
  if (ended + purged)
    log_info("the change ended all sessions of %zu users, and made connectors forget the tickets of %zu",
             ended, ended + purged);
}
