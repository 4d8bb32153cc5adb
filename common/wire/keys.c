#include "wire_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void key_set(struct key *k, krb5_enctype type, const void *bytes, size_t n)
{
  *k = (struct key){.type = type};
  if (n > sizeof k->bytes) return;
  memcpy(k->bytes, bytes, n);
  k->n = n;
}

static krb5_keyblock block_of(const struct key *k)
{
  return (krb5_keyblock){
      .enctype = k->type, .length = (unsigned)k->n, .contents = (krb5_octet *)(uintptr_t)k->bytes};
}

bool key_combine(const struct wire *w, const struct key *a, const char *pepper_a, const struct key *b,
                 const char *pepper_b, struct key *ret)
{
  krb5_keyblock left = block_of(a), right = block_of(b), *out = NULL;
  if (!a->n || !b->n || krb5_c_fx_cf2_simple(w->ctx, &left, pepper_a, &right, pepper_b, &out) != 0)
    return false;
  key_set(ret, out->enctype, out->contents, out->length);
  krb5_free_keyblock(w->ctx, out); /* wipes it */
  return true;
}

static bool same_bytes(const struct learned *l, const struct der *ticket)
{
  return l->ticket && der_equals(ticket, l->ticket, l->n);
}

void keys_learn(struct wire *w, const struct der *ticket, const struct key *k)
{
  struct key known;
  size_t n = der_left(ticket);
  void *copy = n && k->n && !keys_learned(w, ticket, &known) ? malloc(n) : NULL;
  if (!copy) return;
  struct learned *l = &w->learned[w->n_learned++ % LEARNED_MAX];
  free(l->ticket);
  memcpy(copy, ticket->p, n);
  *l = (struct learned){copy, n, *k};
}

bool keys_learned(const struct wire *w, const struct der *ticket, struct key *ret)
{
  for (size_t i = 0; i < LEARNED_MAX; i++)
    if (same_bytes(&w->learned[i], ticket)) {
      *ret = w->learned[i].key;
      return true;
    }
  return false;
}

bool sealed_take(struct der *d, struct sealed *ret)
{
  struct der seq;
  struct sealed s = {0};
  if (!der_take_last(d, DER_SEQUENCE, &seq) || !der_take_int(&seq, 0, &s.enctype) ||
      (der_at(&seq, DER_CONTEXT(1)) && !der_take_int(&seq, 1, &s.kvno)) ||
      !der_take_field(&seq, 2, DER_OCTET_STRING, &s.cipher) || der_left(&seq))
    return false;
  *ret = s;
  return true;
}

static uint8_t *open_by(const struct wire *w, const struct sealed *s, const krb5_keyblock *key, int usage,
                        size_t *ret_n)
{
  size_t n = der_left(&s->cipher);
  if (key->enctype != s->enctype || n == 0) return NULL;
  uint8_t *plain = malloc(n);
  if (!plain) return NULL;
  krb5_data out = {.length = (unsigned)n, .data = (char *)plain};
  krb5_enc_data enc = {.enctype = key->enctype,
                       .ciphertext = {.length = (unsigned)n, .data = (char *)(uintptr_t)s->cipher.p}};
  if (krb5_c_decrypt(w->ctx, key, usage, NULL, &enc, &out) != 0) {
    plain_free(plain, n);
    return NULL;
  }
  *ret_n = out.length;
  return plain;
}

uint8_t *sealed_open(const struct wire *w, const struct sealed *s, const struct key *k, int usage,
                     size_t *ret_n)
{
  krb5_keyblock key = block_of(k);
  return k->n ? open_by(w, s, &key, usage, ret_n) : NULL;
}

uint8_t *sealed_open_by_keytab(const struct wire *w, const struct sealed *s, int usage, size_t *ret_n)
{
  krb5_kt_cursor cursor;
  krb5_keytab_entry entry;
  uint8_t *plain = NULL;
  if (krb5_kt_start_seq_get(w->ctx, w->keytab, &cursor) != 0) return NULL;
  while (!plain && krb5_kt_next_entry(w->ctx, w->keytab, &entry, &cursor) == 0) {
    plain = open_by(w, s, &entry.key, usage, ret_n);
    krb5_free_keytab_entry_contents(w->ctx, &entry);
  }
  krb5_kt_end_seq_get(w->ctx, w->keytab, &cursor);
  return plain;
}

void plain_free(uint8_t *plain, size_t n)
{
  if (plain) explicit_bzero(plain, n);
  free(plain);
}

/* -- keytabs --------------------------------------------------------------------------------------------- */

static krb5_error_code copy_entries(struct wire *w, krb5_keytab from)
{
  krb5_kt_cursor cursor;
  krb5_keytab_entry entry;
  krb5_error_code added = 0, code = krb5_kt_start_seq_get(w->ctx, from, &cursor);
  if (code) return code;
  while (!added && (code = krb5_kt_next_entry(w->ctx, from, &entry, &cursor)) == 0) {
    added = krb5_kt_add_entry(w->ctx, w->keytab, &entry);
    w->n_keys += !added;
    krb5_free_keytab_entry_contents(w->ctx, &entry);
  }
  krb5_kt_end_seq_get(w->ctx, from, &cursor);
  return added ? added : code == KRB5_KT_END ? 0 : code;
}

enum err wire_add_keys(struct wire *w, const char *path, struct failure *f)
{
  char name[4096 + 8];
  krb5_keytab file = NULL;
  snprintf(name, sizeof name, "FILE:%s", path);
  krb5_error_code code = krb5_kt_resolve(w->ctx, name, &file);
  if (!code) code = copy_entries(w, file);
  if (file) krb5_kt_close(w->ctx, file);
  if (!code) return ERR_OK;
  const char *text = krb5_get_error_message(w->ctx, code);
  failure_set(f, ERR_IO, "keytab %s: %s", path, text);
  krb5_free_error_message(w->ctx, text);
  return ERR_IO;
}
