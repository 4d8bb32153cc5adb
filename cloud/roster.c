#include "roster.h"

#include "authority.h"
#include "clock.h"
#include "roster_private.h"
#include "store.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_KEPT_S (10 * 365 * 86400LL)

/* -- records: in memory once they were asked for --------------------------------------------------------- */

static void copy_text(const json_t *doc, const char *member, char *out, size_t size)
{
  const char *s = json_string_value(json_object_get(doc, member));
  if (s && strlen(s) < size) memcpy(out, s, strlen(s) + 1);
}

static void read_record(const struct buf *text, struct record *c)
{
  json_t *doc = json_loadb(buf_str(text), text->len, JSON_REJECT_DUPLICATES, NULL);
  copy_text(doc, "group", c->group, sizeof c->group);
  copy_text(doc, "version", c->version, sizeof c->version);
  copy_text(doc, "from", c->from, sizeof c->from);
  copy_text(doc, "serial", c->serial, sizeof c->serial);
  copy_text(doc, "last", c->last, sizeof c->last);
  c->from_s = json_integer_value(json_object_get(doc, "issued"));
  c->until_s = json_integer_value(json_object_get(doc, "expires"));
  c->revocations = json_integer_value(json_object_get(doc, "revocations"));
  c->seen_s = json_integer_value(json_object_get(doc, "seen"));
  json_decref(doc);
}

enum err roster_save_record(struct roster *r, const struct record *c)
{
  json_t *doc = json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:I}", "group", c->group, "version", c->version,
                          "from", c->from, "serial", c->serial, "last", c->last, "issued",
                          (json_int_t)c->from_s, "expires", (json_int_t)c->until_s, "revocations",
                          (json_int_t)c->revocations, "seen", (json_int_t)c->seen_s);
  char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
  enum err e =
      text ? store_put(r->store, "connector", c->name, text, strlen(text), RECORD_KEPT_S) : ERR_NOMEM;
  free(text);
  json_decref(doc);
  return e;
}

struct record *roster_record(struct roster *r, const char *name)
{
  struct record *c = r->records;
  while (c && strcmp(c->name, name) != 0)
    c = c->more;
  if (c) return c;
  c = calloc(1, sizeof *c);
  if (!c) return NULL;
  struct buf text;
  buf_init(&text, RECORD_MAX);
  snprintf(c->name, sizeof c->name, "%s", name);
  if (store_get(r->store, "connector", name, &text) == ERR_OK) read_record(&text, c);
  buf_clear(&text);
  c->more = r->records;
  r->records = c;
  return c;
}

/* -- life ------------------------------------------------------------------------------------------------ */

enum err roster_new(const struct lab *lab, const char *folder, struct roster **ret, struct failure *f)
{
  char certificate[4096 + 128], key[4096 + 128], store[4096 + 128];
  struct roster *r = calloc(1, sizeof *r);
  if (!r) return failure_set(f, ERR_NOMEM, "no memory");
  lab_slot_init(&r->lab, lab);
  pthread_mutex_init(&r->writing, NULL);
  pthread_mutex_init(&r->lock, NULL);
  snprintf(certificate, sizeof certificate, "%s/connector-ca.crt", folder);
  snprintf(key, sizeof key, "%s/connector-ca.key", folder);
  snprintf(store, sizeof store, "%s/connectors.db", folder);
  enum err e = authority_open(certificate, key, &r->authority, f);
  /* A lost record here would let a used token in again. */
  if (!e) e = store_open(store, STORE_REFUSE, &r->store, NULL, f);
  for (size_t i = 0; !e && i < lab->n_connectors; i++)
    if (!roster_record(r, lab->connectors[i].name)) e = failure_set(f, ERR_NOMEM, "no memory");
  if (e)
    roster_free(r);
  else
    *ret = r;
  return e;
}

void roster_free(struct roster *r)
{
  if (!r) return;
  if (r->store) (void)!roster_save(r); /* what is lost with it is when somebody was last seen */
  struct record *next;
  for (struct record *c = r->records; c; c = next) {
    next = c->more;
    free(c);
  }
  store_close(r->store);
  authority_free(r->authority);
  lab_slot_clear(&r->lab);
  pthread_mutex_destroy(&r->lock);
  pthread_mutex_destroy(&r->writing);
  free(r);
}

enum lab_balancing roster_balancing(struct roster *r, const char *group)
{
  const struct lab *in = lab_slot_get(&r->lab);
  enum lab_balancing balancing = lab_balancing(in, group);
  lab_free(in);
  return balancing;
}

void roster_use(struct roster *r, const struct lab *lab)
{
  lab_slot_put(&r->lab, lab_ref(lab));
}

bool roster_is_old(struct roster *r, const struct certificate *c)
{
  const struct lab *in = lab_slot_get(&r->lab);
  bool is_old = clock_wall_s() - c->from_s >= in->cloud.certificate_renewal_s;
  lab_free(in);
  return is_old;
}

const char *roster_name(struct roster *r, const char *name)
{
  pthread_mutex_lock(&r->lock);
  const struct record *c = roster_record(r, name);
  pthread_mutex_unlock(&r->lock);
  return c ? c->name : NULL;
}

unsigned roster_connections(struct roster *r, const char *name)
{
  pthread_mutex_lock(&r->lock);
  const struct record *c = roster_record(r, name);
  unsigned n = c ? c->connections : 0;
  pthread_mutex_unlock(&r->lock);
  return n;
}

/* -- presence -------------------------------------------------------------------------------------------- */

void roster_came(struct roster *r, const struct certificate *c, const char *version, const char *from)
{
  pthread_mutex_lock(&r->lock);
  struct record *record = roster_record(r, c->name);
  if (record) {
    record->from_s = c->from_s;
    record->until_s = c->until_s;
    snprintf(record->group, sizeof record->group, "%s", c->group);
    snprintf(record->version, sizeof record->version, "%s", version);
    snprintf(record->from, sizeof record->from, "%s", from);
    record->connections++;
    record->seen_s = clock_wall_s();
    record->changed = true;
  }
  pthread_mutex_unlock(&r->lock);
}

void roster_left(struct roster *r, const char *name)
{
  pthread_mutex_lock(&r->lock);
  struct record *record = roster_record(r, name);
  if (record) {
    record->connections--;
    record->seen_s = clock_wall_s();
    record->changed = true;
  }
  pthread_mutex_unlock(&r->lock);
}

bool roster_is_changed(struct roster *r)
{
  bool changed = false;
  pthread_mutex_lock(&r->lock);
  for (const struct record *c = r->records; c && !changed; c = c->more)
    changed = c->changed;
  pthread_mutex_unlock(&r->lock);
  return changed;
}

/* As it is now, so that nobody waits while it is written. Is there one? */
static bool take_changed(struct roster *r, struct record **at, struct record *ret)
{
  pthread_mutex_lock(&r->lock);
  struct record *c = r->records;
  while (c && !c->changed)
    c = c->more;
  if (c) {
    *at = c;
    *ret = *c;
    c->changed = false;
  }
  pthread_mutex_unlock(&r->lock);
  return c;
}

enum err roster_save(struct roster *r)
{
  enum err e = ERR_OK;
  struct record *c, now;
  pthread_mutex_lock(&r->writing);
  while (!e && take_changed(r, &c, &now)) {
    e = roster_save_record(r, &now);
    if (!e) continue;
    pthread_mutex_lock(&r->lock);
    c->changed = true;
    pthread_mutex_unlock(&r->lock);
  }
  pthread_mutex_unlock(&r->writing);
  return e;
}

/* -- status ---------------------------------------------------------------------------------------------- */

static json_t *time_or_null(int64_t s)
{
  return s ? json_integer(s) : json_null();
}

static json_t *describe(const struct record *c, const struct lab_connector *lab)
{
  return json_pack("{s:s,s:s,s:s,s:s,s:s,s:i,s:b,s:o,s:o,s:o}", "name", c->name, "group", lab->group, "state",
                   c->connections ? "active" : "inactive", "version", c->version, "from", c->from,
                   "connections", (int)c->connections, "registered", c->serial[0] != 0, "issued",
                   time_or_null(c->from_s), "expires", time_or_null(c->until_s), "seen",
                   time_or_null(c->seen_s));
}

static bool is_listed(const struct record *c, int64_t now)
{
  return c->connections || now - c->seen_s < ROSTER_ABSENT_S;
}

static enum err json_in(struct roster *r, const struct lab *in, struct buf *out)
{
  int64_t now = clock_wall_s();
  json_t *list = json_array(), *doc = json_pack("{s:o}", "connectors", list);
  enum err e = doc ? ERR_OK : ERR_NOMEM;
  pthread_mutex_lock(&r->lock);
  for (size_t i = 0; !e && i < in->n_connectors; i++) {
    struct record *c = roster_record(r, in->connectors[i].name);
    if (!c) e = ERR_NOMEM;
    if (c && c->connections) c->seen_s = now;
    if (c && is_listed(c, now) && json_array_append_new(list, describe(c, &in->connectors[i]))) e = ERR_NOMEM;
  }
  pthread_mutex_unlock(&r->lock);
  char *text = e ? NULL : json_dumps(doc, JSON_COMPACT);
  if (!e) e = text ? buf_puts(out, text) : ERR_NOMEM;
  if (!e) e = buf_putc(out, '\n');
  free(text);
  json_decref(doc);
  return e;
}

enum err roster_json(struct roster *r, struct buf *out)
{
  const struct lab *in = lab_slot_get(&r->lab);
  enum err e = json_in(r, in, out);
  lab_free(in);
  return e;
}
