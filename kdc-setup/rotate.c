#include "rotate.h"

#include "clock.h"

#include <errno.h>
#include <kdb.h>
#include <stdlib.h>
#include <string.h>

static enum err failed(const struct database *db, const struct rotated *r, kadm5_ret_t code,
                       const char *doing, struct failure *f)
{
  char *text = NULL;
  (void)krb5_unparse_name(db->ctx, r->name, &text); /* without it the message is poorer */
  enum err e = database_error(db, code, doing, text ? text : "a principal", f);
  krb5_free_unparsed_name(db->ctx, text);
  return e;
}

static krb5_kvno newest(const kadm5_key_data *keys, int n)
{
  krb5_kvno kvno = 0;
  for (int i = 0; i < n; i++)
    if (keys[i].kvno > kvno) kvno = keys[i].kvno;
  return kvno;
}

/* One for each of the newest ones, of the same kind. */
static krb5_error_code make_keys(const struct database *db, const kadm5_key_data *old, int n,
                                 struct rotated *r)
{
  krb5_kvno kvno = newest(old, n);
  krb5_error_code code = 0;
  r->kvno = kvno + 1;
  r->keys = calloc((size_t)n + 1, sizeof *r->keys);
  if (!r->keys) return ENOMEM;
  for (int i = 0; i < n && !code; i++) {
    if (old[i].kvno != kvno) continue;
    kadm5_key_data *k = &r->keys[r->n_keys];
    code = krb5_c_make_random_key(db->ctx, old[i].key.enctype, &k->key);
    if (code) break;
    k->kvno = r->kvno;
    r->n_keys++;
  }
  return code;
}

static enum err make_one(const struct database *db, const char *principal, struct rotated *r,
                         struct failure *f)
{
  kadm5_key_data *old = NULL;
  int n = 0;
  if (krb5_parse_name_flags(db->ctx, principal, KRB5_PRINCIPAL_PARSE_NO_REALM, &r->name) != 0 ||
      krb5_set_principal_realm(db->ctx, r->name, db->realm) != 0)
    return failure_set(f, ERR_CONFIG, "%s is not a principal's name", principal);
  kadm5_ret_t code = kadm5_get_principal_keys(db->handle, r->name, 0, &old, &n);
  if (code) return failed(db, r, code, "reading the keys of", f);
  code = make_keys(db, old, n, r);
  kadm5_free_kadm5_key_data(db->ctx, n, old);
  return code ? failed(db, r, code, "making keys for", f) : ERR_OK;
}

enum err rotation_make(const struct database *db, const struct lab_strings *principals, struct rotation *ret,
                       struct failure *f)
{
  struct rotation r = {.v = calloc(principals->n + 1, sizeof *r.v)};
  enum err e = r.v ? ERR_OK : failure_set(f, ERR_NOMEM, "keys");
  for (size_t i = 0; i < principals->n && !e; i++)
    e = make_one(db, principals->v[i], &r.v[r.n++], f);
  if (e)
    rotation_clear(db, &r);
  else
    *ret = r;
  return e;
}

const struct rotated *rotation_find(const struct database *db, krb5_const_principal name)
{
  for (size_t i = 0; db->rotation && i < db->rotation->n; i++)
    if (krb5_principal_compare(db->ctx, db->rotation->v[i].name, name)) return &db->rotation->v[i];
  return NULL;
}

/* The new keys, encrypted as the database keeps them, before those that are there. */
static krb5_error_code prepend_keys(krb5_context ctx, const struct rotated *r, krb5_db_entry *entry)
{
  krb5_keyblock *master;
  krb5_key_data *all = calloc((size_t)(r->n_keys + entry->n_key_data), sizeof *all);
  if (!all) return ENOMEM;
  krb5_error_code code = krb5_dbe_find_mkey(ctx, entry, &master);
  for (int i = 0; i < r->n_keys && !code; i++)
    code = krb5_dbe_encrypt_key_data(ctx, master, &r->keys[i].key, NULL, (int)r->kvno, &all[i]);
  if (code) {
    for (int i = 0; i < r->n_keys; i++)
      free(all[i].key_data_contents[0]);
    free(all);
    return code;
  }
  memcpy(all + r->n_keys, entry->key_data, (size_t)entry->n_key_data * sizeof *all);
  free(entry->key_data);
  entry->key_data = all;
  entry->n_key_data = (krb5_int16)(entry->n_key_data + r->n_keys);
  return 0;
}

/* By libkdb5, as kadm5_setkey_principal_4 drops the old keys even when it is told to keep them (1.20). */
static krb5_error_code put_keys(const struct database *db, const struct rotated *r)
{
  krb5_db_entry *entry = NULL;
  krb5_error_code code = krb5_db_get_principal(db->ctx, r->name, 0, &entry);
  if (code) return code;
  code = prepend_keys(db->ctx, r, entry);
  if (!code) code = krb5_dbe_update_last_pwd_change(db->ctx, entry, (krb5_timestamp)clock_wall_s());
  entry->mask = KADM5_KEY_DATA | KADM5_TL_DATA;
  if (!code) code = krb5_db_put_principal(db->ctx, entry);
  krb5_db_free_principal(db->ctx, entry);
  return code;
}

enum err rotation_commit(const struct database *db, const struct rotation *r, struct failure *f)
{
  for (size_t i = 0; i < r->n; i++) {
    krb5_error_code code = put_keys(db, &r->v[i]);
    if (code) return failed(db, &r->v[i], code, "setting the keys of", f);
  }
  return ERR_OK;
}

void rotation_clear(const struct database *db, struct rotation *r)
{
  for (size_t i = 0; i < r->n; i++) {
    for (int k = 0; k < r->v[i].n_keys; k++)
      krb5_free_keyblock_contents(db->ctx, &r->v[i].keys[k].key); /* wipes it */
    free(r->v[i].keys);
    krb5_free_principal(db->ctx, r->v[i].name);
  }
  free(r->v);
  *r = (struct rotation){0};
}
