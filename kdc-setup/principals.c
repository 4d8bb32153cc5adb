#include "principals.h"

#include "buf.h"
#include "ldap_realm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* String attributes (see kdb_module.c for the first two). The last marks what we made, and so may remove. */
static const char attr_delegate_to[] = "allowed_to_delegate_to";
static const char attr_act_from[] = "allowed_to_act_from";
static const char attr_owner[] = "made_by";
static const char owner[] = "sevenstep";

/* -- which there should be ------------------------------------------------------------------------------- */

static char *join(const struct lab_strings *names)
{
  struct buf b;
  buf_init(&b, 64 * 1024);
  for (size_t i = 0; i < names->n; i++)
    if (buf_printf(&b, "%s%s", i ? " " : "", names->v[i])) {
      buf_clear(&b);
      return NULL;
    }
  return (char *)b.data; /* its owner is the caller now */
}

static struct principal_wanted *find_wanted(const struct principal_list *list, const char *name)
{
  for (size_t i = 0; i < list->n; i++)
    if (strcmp(list->v[i].name, name) == 0) return &list->v[i];
  return NULL;
}

static enum err add_users(const struct lab *lab, struct principal_list *list, struct failure *f)
{
  for (size_t i = 0; i < lab->n_users; i++) {
    const struct lab_user *u = &lab->users[i];
    if (!u->password) return failure_set(f, ERR_CONFIG, "user %s has no password", u->name);
    /* Nobody may ask for a ticket to a user: its key comes from a password and could be guessed from one. */
    krb5_flags flags = KRB5_KDB_REQUIRES_PRE_AUTH | KRB5_KDB_DISALLOW_SVR;
    if (u->sensitive) flags |= KRB5_KDB_DISALLOW_FORWARDABLE;
    if (!u->enabled) flags |= KRB5_KDB_DISALLOW_ALL_TIX;
    list->v[list->n++] = (struct principal_wanted){
        .name = u->name, .password = u->password, .attributes = flags, .expires_s = u->expires_s};
  }
  return ERR_OK;
}

static enum err add_connectors(const struct lab *lab, struct principal_list *list, struct failure *f)
{
  for (size_t i = 0; i < lab->n_connectors; i++) {
    const struct lab_connector *c = &lab->connectors[i];
    if (!lab_is_member(lab, c)) continue;
    if (find_wanted(list, c->principal))
      return failure_set(f, ERR_CONFIG, "connector %s: the principal %s exists already", c->name,
                         c->principal);
    krb5_flags flags = KRB5_KDB_REQUIRES_PRE_AUTH;
    if (c->ok_to_auth_as_delegate) flags |= KRB5_KDB_OK_TO_AUTH_AS_DELEGATE;
    struct principal_wanted w = {.name = c->principal, .attributes = flags};
    if (c->allowed_to_delegate_to.n && !(w.delegate_to = join(&c->allowed_to_delegate_to)))
      return failure_set(f, ERR_TOO_LARGE, "connector %s: the delegation list is too long", c->name);
    list->v[list->n++] = w;
  }
  return ERR_OK;
}

/* The principals of these connectors, behind those that are there: applications may share an SPN. */
static enum err add_actors(const struct lab *lab, const struct lab_app *app, struct principal_wanted *w)
{
  struct buf b;
  buf_init(&b, 64 * 1024);
  enum err e = w->act_from ? buf_puts(&b, w->act_from) : ERR_OK;
  for (size_t i = 0; i < app->allowed_to_act.n && !e; i++) {
    const struct lab_connector *c = lab_connector_by_name(lab, app->allowed_to_act.v[i]);
    bool member = lab_is_member(lab, c);
    e = buf_printf(&b, "%s%s%s%s", b.len ? " " : "", c->principal, member ? "" : "@", member ? "" : c->realm);
  }
  if (e) {
    buf_clear(&b);
    return e;
  }
  free(w->act_from);
  w->act_from = (char *)b.data;
  return ERR_OK;
}

/* Applications may share an SPN; a connector's principal is never an application's. */
static enum err add_service(const struct lab *lab, const struct lab_app *app, const char *spn, size_t first,
                            struct principal_list *list, struct failure *f)
{
  struct principal_wanted *same = find_wanted(list, spn);
  if (same && (size_t)(same - list->v) < first)
    return failure_set(f, ERR_CONFIG, "application %s: the principal %s belongs to somebody else", app->name,
                       spn);
  if (!same) {
    same = &list->v[list->n++];
    *same = (struct principal_wanted){.name = spn, .attributes = KRB5_KDB_REQUIRES_PRE_AUTH};
  }
  if (add_actors(lab, app, same))
    return failure_set(f, ERR_TOO_LARGE, "application %s: allowed_to_act is too long", app->name);
  return ERR_OK;
}

static enum err add_services(const struct lab *lab, struct principal_list *list, struct failure *f)
{
  size_t first = list->n;
  const char **spns = calloc(lab_spn_count_max(lab), sizeof *spns);
  enum err e = spns ? ERR_OK : failure_set(f, ERR_NOMEM, "principals");
  for (size_t i = 0; i < lab->n_apps && !e; i++) {
    size_t n = lab_spns(lab, &lab->apps[i], spns);
    for (size_t k = 0; k < n && !e; k++)
      e = add_service(lab, &lab->apps[i], spns[k], first, list, f);
  }
  free(spns);
  return e;
}

enum err principals_of_lab(const struct lab *lab, struct principal_list *ret, struct failure *f)
{
  struct principal_list list = {0};
  list.v =
      calloc(lab->n_users + lab->n_connectors + lab->n_apps + lab_spn_count_max(lab) + 2, sizeof *list.v);
  if (!list.v) return failure_set(f, ERR_NOMEM, "principals");
  enum err e = add_users(lab, &list, f);
  if (!e) e = add_connectors(lab, &list, f);
  if (!e) e = add_services(lab, &list, f);
  if (e) {
    principals_clear(&list);
    return e;
  }
  *ret = list;
  return ERR_OK;
}

enum err principals_add_trust(const struct lab *lab, const char *secret, struct principal_list *list,
                              struct failure *f)
{
  const char *realms[2] = {lab->whole->realm, lab->partner.realm};
  for (size_t i = 0; i < 2; i++) {
    /* krbtgt/THERE@HERE, once for each direction, in both databases. */
    if ((size_t)snprintf(list->trust[i], sizeof list->trust[i], "krbtgt/%s", realms[1 - i]) >=
        sizeof list->trust[i])
      return failure_set(f, ERR_TOO_LARGE, "the realm's name");
    list->v[list->n++] = (struct principal_wanted){.name = list->trust[i],
                                                   .realm = realms[i],
                                                   .password = secret,
                                                   .kvno = 1,
                                                   .attributes = KRB5_KDB_REQUIRES_PRE_AUTH};
  }
  return ERR_OK;
}

void principals_clear(struct principal_list *list)
{
  for (size_t i = 0; i < list->n; i++) {
    free(list->v[i].delegate_to);
    free(list->v[i].act_from);
  }
  free(list->v);
  *list = (struct principal_list){0};
}

/* -- making them so -------------------------------------------------------------------------------------- */

struct sync {
  const struct database *db;
  const struct principal_wanted *wanted;
  krb5_principal name;
  krb5_deltat max_life;
  bool changed;
  struct failure *f;
};

static enum err sync_failed(const struct sync *s, kadm5_ret_t code, const char *doing)
{
  return database_error(s->db, code, doing, s->wanted->name, s->f);
}

static enum err sync_string(struct sync *s, const krb5_string_attr *have, int n, const char *key,
                            const char *value)
{
  const char *now = NULL;
  for (int i = 0; i < n; i++)
    if (strcmp(have[i].key, key) == 0) now = have[i].value;
  if (now ? value && strcmp(now, value) == 0 : !value) return ERR_OK;
  kadm5_ret_t code = kadm5_set_string(s->db->handle, s->name, key, value);
  s->changed = true;
  return code ? sync_failed(s, code, "setting an attribute of") : ERR_OK;
}

/* kldap has an attribute of its own for them. */
static enum err sync_directory(struct sync *s)
{
  char *name = NULL;
  bool changed = false;
  krb5_error_code code = krb5_unparse_name(s->db->ctx, s->name, &name);
  if (code) return sync_failed(s, code, "naming");
  enum err e = ldap_realm_set_targets(s->db->directory, name, s->wanted->delegate_to, &changed, s->f);
  krb5_free_unparsed_name(s->db->ctx, name);
  s->changed |= changed;
  return e;
}

static enum err sync_strings(struct sync *s)
{
  krb5_string_attr *have = NULL;
  int n = 0;
  kadm5_ret_t code = kadm5_get_strings(s->db->handle, s->name, &have, &n);
  if (code) return sync_failed(s, code, "reading the attributes of");
  enum err e = s->db->directory ? sync_directory(s)
                                : sync_string(s, have, n, attr_delegate_to, s->wanted->delegate_to);
  if (!e) e = sync_string(s, have, n, attr_act_from, s->wanted->act_from);
  if (!e) e = sync_string(s, have, n, attr_owner, owner);
  kadm5_free_strings(s->db->handle, have, n);
  return e;
}

/* Is one of the principal's current keys the one of this password? Compared by key, so that no trace of the
 * password is kept. */
static enum err password_matches(const struct sync *s, bool *ret)
{
  kadm5_key_data *keys = NULL;
  int n = 0;
  kadm5_ret_t code = kadm5_get_principal_keys(s->db->handle, s->name, 0, &keys, &n);
  if (code) return sync_failed(s, code, "reading the keys of");
  *ret = false;
  if (n > 0) {
    krb5_data salt = {0}, password = {.length = (unsigned)strlen(s->wanted->password),
                                      .data = (char *)(uintptr_t)s->wanted->password};
    krb5_keyblock key = {0};
    if (krb5_principal2salt(s->db->ctx, s->name, &salt) == 0 &&
        krb5_c_string_to_key(s->db->ctx, keys[0].key.enctype, &password, &salt, &key) == 0)
      *ret = key.length == keys[0].key.length && memcmp(key.contents, keys[0].key.contents, key.length) == 0;
    krb5_free_keyblock_contents(s->db->ctx, &key);
    krb5_free_data_contents(s->db->ctx, &salt);
  }
  kadm5_free_kadm5_key_data(s->db->ctx, n, keys);
  return ERR_OK;
}

static enum err sync_password(struct sync *s)
{
  bool same = true;
  enum err e = s->wanted->password ? password_matches(s, &same) : ERR_OK;
  if (e || same) return e;
  s->changed = true;
  kadm5_ret_t code = kadm5_chpass_principal(s->db->handle, s->name, (char *)(uintptr_t)s->wanted->password);
  return code ? sync_failed(s, code, "setting the password of") : ERR_OK;
}

/* After the key: to change it counts the version up. */
static enum err sync_kvno(struct sync *s)
{
  kadm5_principal_ent_rec have = {0};
  if (!s->wanted->kvno) return ERR_OK;
  kadm5_ret_t code = kadm5_get_principal(s->db->handle, s->name, &have, KADM5_PRINCIPAL | KADM5_KVNO);
  if (code) return sync_failed(s, code, "reading");
  if (have.kvno != s->wanted->kvno) {
    have.kvno = s->wanted->kvno;
    s->changed = true;
    code = kadm5_modify_principal(s->db->handle, &have, KADM5_KVNO);
  }
  kadm5_free_principal_ent(s->db->handle, &have);
  return code ? sync_failed(s, code, "changing the key version of") : ERR_OK;
}

static const long managed = KADM5_ATTRIBUTES | KADM5_MAX_LIFE | KADM5_PRINC_EXPIRE_TIME;

static enum err sync_entry(struct sync *s, kadm5_principal_ent_rec *have)
{
  krb5_flags flags = (have->attributes & ~PRINCIPAL_MANAGED) | s->wanted->attributes;
  krb5_timestamp expires = (krb5_timestamp)s->wanted->expires_s;
  if (flags == have->attributes && have->max_life == s->max_life && expires == have->princ_expire_time)
    return ERR_OK;
  have->attributes = flags;
  have->princ_expire_time = expires;
  have->max_life = s->max_life;
  s->changed = true;
  kadm5_ret_t code = kadm5_modify_principal(s->db->handle, have, managed);
  return code ? sync_failed(s, code, "changing") : ERR_OK;
}

static enum err create(struct sync *s)
{
  kadm5_principal_ent_rec entry = {.principal = s->name,
                                   .attributes = s->wanted->attributes,
                                   .max_life = s->max_life,
                                   .princ_expire_time = (krb5_timestamp)s->wanted->expires_s};
  /* Without a password the keys are random. */
  kadm5_ret_t code = kadm5_create_principal(s->db->handle, &entry, KADM5_PRINCIPAL | managed,
                                            (char *)(uintptr_t)s->wanted->password);
  if (code) return sync_failed(s, code, "creating");
  return sync_strings(s);
}

static enum err sync_one(struct sync *s, struct provision_result *counts)
{
  kadm5_principal_ent_rec have = {0};
  kadm5_ret_t code = kadm5_get_principal(s->db->handle, s->name, &have, KADM5_PRINCIPAL | managed);
  if (code == KADM5_UNK_PRINC) {
    counts->created++;
    return create(s);
  }
  if (code) return sync_failed(s, code, "reading");
  enum err e = sync_entry(s, &have);
  kadm5_free_principal_ent(s->db->handle, &have);
  if (!e) e = sync_strings(s);
  if (!e) e = sync_password(s);
  if (!e) e = sync_kvno(s);
  if (!e && s->changed) counts->changed++;
  if (!e && !s->changed) counts->unchanged++;
  return e;
}

/* -- those which the lab does not name ------------------------------------------------------------------- */

static enum err is_ours(const struct sync *s, bool *ret)
{
  krb5_string_attr *have = NULL;
  int n = 0;
  kadm5_ret_t code = kadm5_get_strings(s->db->handle, s->name, &have, &n);
  if (code) return sync_failed(s, code, "reading the attributes of");
  *ret = false;
  for (int i = 0; i < n; i++)
    if (strcmp(have[i].key, attr_owner) == 0) *ret = true;
  kadm5_free_strings(s->db->handle, have, n);
  return ERR_OK;
}

static enum err require_preauth(struct sync *s)
{
  kadm5_principal_ent_rec have = {0};
  kadm5_ret_t code =
      kadm5_get_principal(s->db->handle, s->name, &have, KADM5_PRINCIPAL | KADM5_ATTRIBUTES | KADM5_MAX_LIFE);
  if (code) return sync_failed(s, code, "reading");
  krb5_flags flags = have.attributes | KRB5_KDB_REQUIRES_PRE_AUTH;
  /* The life of krbtgt bounds everybody's. */
  if (flags != have.attributes || have.max_life != s->max_life) {
    have.attributes = flags;
    have.max_life = s->max_life;
    code = kadm5_modify_principal(s->db->handle, &have, KADM5_ATTRIBUTES | KADM5_MAX_LIFE);
  }
  kadm5_free_principal_ent(s->db->handle, &have);
  return code ? sync_failed(s, code, "changing") : ERR_OK;
}

static enum err sync_other(struct sync *s, struct provision_result *counts)
{
  bool ours = false;
  enum err e = is_ours(s, &ours);
  if (e) return e;
  if (!ours) return require_preauth(s);
  kadm5_ret_t code = kadm5_delete_principal(s->db->handle, s->name);
  if (code) return sync_failed(s, code, "removing");
  counts->removed++;
  return ERR_OK;
}

static bool is_wanted(const struct principal_list *list, const char *full_name, const char *realm)
{
  for (size_t i = 0; i < list->n; i++) {
    const struct principal_wanted *w = &list->v[i];
    size_t n = strlen(w->name);
    if (strncmp(full_name, list->v[i].name, n) == 0 && full_name[n] == '@' &&
        strcmp(full_name + n + 1, w->realm ? w->realm : realm) == 0)
      return true;
  }
  return false;
}

static enum err sync_others(const struct database *db, const struct principal_list *wanted,
                            krb5_deltat max_life, struct provision_result *counts, struct failure *f)
{
  char **names = NULL;
  int n = 0;
  kadm5_ret_t code = kadm5_get_principals(db->handle, NULL, &names, &n);
  if (code) return database_error(db, code, "listing", "the principals", f);
  enum err e = ERR_OK;
  for (int i = 0; i < n && !e; i++) {
    if (is_wanted(wanted, names[i], db->realm)) continue;
    struct principal_wanted other = {.name = names[i]};
    struct sync s = {.db = db, .wanted = &other, .max_life = max_life, .f = f};
    if (krb5_parse_name(db->ctx, names[i], &s.name) != 0) continue;
    e = sync_other(&s, counts);
    krb5_free_principal(db->ctx, s.name);
  }
  kadm5_free_name_list(db->handle, names, n);
  return e;
}

enum err principals_sync(const struct database *db, const struct lab *lab,
                         const struct principal_list *wanted, struct provision_result *counts,
                         struct failure *f)
{
  krb5_deltat max_life = (krb5_deltat)lab->kdc.max_ticket_life_s;
  enum err e = ERR_OK;
  for (size_t i = 0; i < wanted->n && !e; i++) {
    struct sync s = {.db = db, .wanted = &wanted->v[i], .max_life = max_life, .f = f};
    if (krb5_parse_name_flags(db->ctx, wanted->v[i].name, KRB5_PRINCIPAL_PARSE_NO_REALM, &s.name) != 0 ||
        krb5_set_principal_realm(db->ctx, s.name, s.wanted->realm ? s.wanted->realm : db->realm) != 0)
      e = failure_set(f, ERR_CONFIG, "%s is not a principal's name", wanted->v[i].name);
    if (!e) e = sync_one(&s, counts);
    krb5_free_principal(db->ctx, s.name);
  }
  return e ? e : sync_others(db, wanted, max_life, counts, f);
}
