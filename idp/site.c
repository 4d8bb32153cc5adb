/* The provider in force, and putting another lab into force while requests are in progress. */
#include "idp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void idp_site_init(struct idp_site *s, struct idp *first)
{
  pthread_mutex_init(&s->lock, NULL);
  s->first = s->now = first;
  first->site = s;
  first->refs = 1;
}

void idp_site_clear(struct idp_site *s)
{
  if (!s->now) return;
  idp_release(s->now);
  s->now = NULL;
  pthread_mutex_destroy(&s->lock);
}

void *idp_hold(void *site)
{
  struct idp_site *s = site;
  pthread_mutex_lock(&s->lock);
  struct idp *i = s->now;
  i->refs++;
  pthread_mutex_unlock(&s->lock);
  return i;
}

void idp_release(void *idp)
{
  struct idp *i = idp;
  struct idp_site *s = i->site;
  pthread_mutex_lock(&s->lock);
  bool last = --i->refs == 0;
  pthread_mutex_unlock(&s->lock);
  if (!last || i == s->first) return;
  passwords_free(i->passwords);
  lab_free(i->lab);
  free(i);
}

static bool same_text(const char *a, const char *b)
{
  return a == b || (a && b && strcmp(a, b) == 0);
}

/* Hashes are made anew only where somebody's name or password is another one. */
static bool same_users(const struct lab *a, const struct lab *b)
{
  bool same = a->n_users == b->n_users;
  for (size_t i = 0; i < a->n_users && same; i++)
    same = same_text(a->users[i].name, b->users[i].name) &&
           same_text(a->users[i].password, b->users[i].password);
  return same;
}

static enum err take_passwords(struct idp *next, const struct idp *now, struct failure *f)
{
  char path[sizeof now->folder + 16];
  next->passwords = NULL;
  if (same_users(next->lab, now->lab)) {
    next->passwords = passwords_ref(now->passwords);
    return ERR_OK;
  }
  snprintf(path, sizeof path, "%s/passwords", now->folder);
  return passwords_open(next->lab, path, &next->passwords, f);
}

enum err idp_site_put(struct idp_site *s, const struct lab *lab, struct failure *f)
{
  struct idp *now = idp_hold(s), *next = malloc(sizeof *next);
  enum err e = ERR_OK;
  if (next) {
    *next = *s->first; /* what all share never changes */
    next->lab = lab;
    next->refs = 1;
    e = take_passwords(next, now, f);
  } else {
    e = failure_set(f, ERR_NOMEM, "reload");
  }
  if (e) {
    free(next);
    lab_free(lab);
    idp_release(now);
    return e;
  }
  pthread_mutex_lock(&s->lock);
  s->now = next;
  pthread_mutex_unlock(&s->lock);
  idp_release(now); /* ours */
  idp_release(now); /* the site's */
  return ERR_OK;
}
