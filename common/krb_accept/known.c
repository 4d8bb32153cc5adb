#include "known.h"

#include "decrypt.h"
#include "logon.h"

#include "clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_key_t crypto_key;
static pthread_once_t crypto_once = PTHREAD_ONCE_INIT;

static void crypto_free(void *ctx)
{
  krb5_free_context(ctx);
}

static void crypto_init(void)
{
  if (pthread_key_create(&crypto_key, crypto_free) != 0) abort();
}

krb5_context known_crypto_context(void)
{
  pthread_once(&crypto_once, crypto_init);
  krb5_context ctx = pthread_getspecific(crypto_key);
  if (!ctx && krb5_init_context(&ctx) == 0) pthread_setspecific(crypto_key, ctx);
  return ctx;
}

/* -- one ticket ------------------------------------------------------------------------------------------ */

static void name_text(krb5_context ctx, krb5_const_principal name, char *out, size_t size)
{
  char *text = NULL;
  if (krb5_unparse_name(ctx, name, &text) == 0) snprintf(out, size, "%s", text);
  krb5_free_unparsed_name(ctx, text);
}

static void flags_text(krb5_flags flags, char *out, size_t size)
{
  static const struct {
    krb5_flags bit;
    const char *name;
  } names[] = {{TKT_FLG_FORWARDABLE, "forwardable"},
               {TKT_FLG_FORWARDED, "forwarded"},
               {TKT_FLG_PROXIABLE, "proxiable"},
               {TKT_FLG_PROXY, "proxy"},
               {TKT_FLG_RENEWABLE, "renewable"},
               {TKT_FLG_INITIAL, "initial"},
               {TKT_FLG_PRE_AUTH, "pre-authent"},
               {TKT_FLG_HW_AUTH, "hw-authent"},
               {TKT_FLG_TRANSIT_POLICY_CHECKED, "transited-policy-checked"},
               {TKT_FLG_OK_AS_DELEGATE, "ok-as-delegate"},
               {TKT_FLG_ENC_PA_REP, "enc-pa-rep"},
               {TKT_FLG_ANONYMOUS, "anonymous"}};
  size_t at = 0;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (!(flags & names[i].bit)) continue;
    int n = snprintf(out + at, size - at, "%s%s", at ? "," : "", names[i].name);
    if (n < 0 || (size_t)n >= size - at) return;
    at += (size_t)n;
  }
}

static void fill_info(krb5_context ctx, const krb5_ticket *t, struct krb_accepted *info)
{
  const krb5_enc_tkt_part *part = t->enc_part2;
  name_text(ctx, part->client, info->client, sizeof info->client);
  name_text(ctx, t->server, info->target, sizeof info->target);
  flags_text(part->flags, info->ticket_flags, sizeof info->ticket_flags);
  if (krb5_enctype_to_name(t->enc_part.enctype, FALSE, info->enctype, sizeof info->enctype) != 0)
    snprintf(info->enctype, sizeof info->enctype, "enctype %d", (int)t->enc_part.enctype);
  info->kvno = (int)t->enc_part.kvno;
  info->auth_time_s = (uint32_t)part->times.authtime;
  info->start_time_s = (uint32_t)(part->times.starttime ? part->times.starttime : part->times.authtime);
  info->end_time_s = (uint32_t)part->times.endtime;
}

/* The client's name in the form in which authenticators have it, to be compared as bytes. */
static bool copy_client(struct known_ticket *k, krb5_const_principal client)
{
  uint8_t store[2048];
  struct der_writer w;
  der_writer_init(&w, store, sizeof store);
  for (krb5_int32 i = client->length; i-- > 0;)
    der_put_element(&w, DER_GENERAL_STRING, client->data[i].data, client->data[i].length);
  if (w.overflow) return false;
  k->names_len = der_written(&w);
  k->names = malloc(k->names_len + 1);
  k->realm_len = client->realm.length;
  k->realm = malloc(k->realm_len + 1);
  if (!k->names || !k->realm) return false;
  memcpy(k->names, w.at, k->names_len);
  memcpy(k->realm, client->realm.data, k->realm_len);
  return true;
}

static krb5_error_code fill(krb5_context ctx, const krb5_ticket *t, struct known_ticket *k)
{
  fill_info(ctx, t, &k->info);
  if (!copy_client(k, t->enc_part2->client)) return ENOMEM;
  k->enctype = t->enc_part2->session->enctype;
  krb5_error_code code = 0;
  for (size_t i = 0; i < KNOWN_KEYS && !code; i++)
    code = krb5_k_create_key(ctx, t->enc_part2->session, &k->keys[i].key);
  return code;
}

/* -- decrypting it --------------------------------------------------------------------------------------- */

/* Is its PAC signed with the service's key (MS-PAC 2.8.1)? GSSAPI's word is not enough: krb5 1.21 marks a PAC
 * as verified also when krb5_pac_verify(), whose answer is right, has found that it is not. */
static bool is_pac_signed(krb5_context ctx, const krb5_ticket *t, const krb5_keyblock *key)
{
  const krb5_enc_tkt_part *part = t->enc_part2;
  krb5_authdata **found = NULL;
  krb5_pac pac = NULL;
  bool is = krb5_find_authdata(ctx, part->authorization_data, NULL, KRB5_AUTHDATA_WIN2K_PAC, &found) == 0 &&
            found && krb5_pac_parse(ctx, found[0]->contents, found[0]->length, &pac) == 0 &&
            krb5_pac_verify(ctx, pac, part->times.authtime, part->client, key, NULL) == 0;
  krb5_pac_free(ctx, pac);
  krb5_free_authdata(ctx, found);
  return is;
}

static krb5_error_code decrypt_by(krb5_context ctx, const krb5_keyblock *key, krb5_ticket *t,
                                  bool *ret_pac_signed)
{
  krb5_error_code code = krb5_decrypt_tkt_part(ctx, key, t);
  if (!code) *ret_pac_signed = is_pac_signed(ctx, t, key);
  return code;
}

/* The ticket's server may have another name in the keytab. */
static krb5_error_code try_all_keys(krb5_context ctx, krb5_keytab keytab, krb5_ticket *t,
                                    bool *ret_pac_signed)
{
  krb5_kt_cursor cursor;
  krb5_keytab_entry entry;
  krb5_error_code code = krb5_kt_start_seq_get(ctx, keytab, &cursor), tried = KRB5_KT_NOTFOUND;
  if (code) return code;
  while (tried && krb5_kt_next_entry(ctx, keytab, &entry, &cursor) == 0) {
    if (entry.key.enctype == t->enc_part.enctype) tried = decrypt_by(ctx, &entry.key, t, ret_pac_signed);
    krb5_free_keytab_entry_contents(ctx, &entry);
  }
  krb5_kt_end_seq_get(ctx, keytab, &cursor);
  return tried;
}

/* Not by krb5_server_decrypt_ticket_keytab, which judges the realms that the ticket has come through once
 * more, and that without a look at the KDC's own judgement (the flag transited-policy-checked, RFC 4120 2.7):
 * it would refuse a user whose ticket comes home from another realm. */
static krb5_error_code decrypt(krb5_context ctx, krb5_keytab keytab, krb5_ticket *t, bool *ret_pac_signed)
{
  krb5_keytab_entry entry;
  krb5_error_code code =
      krb5_kt_get_entry(ctx, keytab, t->server, t->enc_part.kvno, t->enc_part.enctype, &entry);
  if (!code) {
    code = decrypt_by(ctx, &entry.key, t, ret_pac_signed);
    krb5_free_keytab_entry_contents(ctx, &entry);
  }
  return code ? try_all_keys(ctx, keytab, t, ret_pac_signed) : 0;
}

enum err known_ticket_new(krb5_keytab keytab, const struct der *ticket, struct known_ticket **ret,
                          struct failure *f)
{
  size_t n = der_left(ticket);
  krb5_context ctx = known_crypto_context();
  krb5_ticket *t = NULL;
  krb5_data encoded = {.length = (unsigned)n, .data = (char *)(uintptr_t)ticket->p};
  struct known_ticket *k = ctx ? calloc(1, sizeof *k + n) : NULL;
  if (!k) return failure_set(f, ERR_NOMEM, "ticket");
  atomic_init(&k->refs, 1);
  for (size_t i = 0; i < KNOWN_KEYS; i++)
    pthread_mutex_init(&k->keys[i].lock, NULL);
  k->ticket_len = n;
  memcpy(k->ticket, ticket->p, n);
  krb5_error_code code = krb5_decode_ticket(&encoded, &t);
  if (!code) code = decrypt(ctx, keytab, t, &k->pac_signed);
  if (!code) code = fill(ctx, t, k);
  krb5_free_ticket(ctx, t); /* wipes the session key */
  if (code) {
    const char *text = krb5_get_error_message(ctx, code);
    failure_set(f, ERR_TICKET_INVALID, "%s", text);
    krb5_free_error_message(ctx, text);
    known_ticket_unref(k);
    return ERR_TICKET_INVALID;
  }
  *ret = k;
  return ERR_OK;
}

struct known_key *known_ticket_lock_key(struct known_ticket *t)
{
  for (size_t i = 0; i < KNOWN_KEYS; i++)
    if (pthread_mutex_trylock(&t->keys[i].lock) == 0) return &t->keys[i];
  pthread_mutex_lock(&t->keys[0].lock);
  return &t->keys[0];
}

void known_ticket_unlock_key(struct known_key *k)
{
  pthread_mutex_unlock(&k->lock);
}

void known_ticket_unref(struct known_ticket *t)
{
  if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1) return;
  for (size_t i = 0; i < KNOWN_KEYS; i++) {
    if (t->keys[i].key) krb5_k_free_key(known_crypto_context(), t->keys[i].key); /* wipes it */
    pthread_mutex_destroy(&t->keys[i].lock);
  }
  logon_unref(t->info.logon);
  free(t->realm);
  free(t->names);
  free(t);
}

/* -- the table ------------------------------------------------------------------------------------------- */

struct known {
  pthread_mutex_t lock;
  struct known_ticket **bucket;
  size_t mask, count, max;
  struct known_ticket *newest, *oldest;
  uint64_t seed;
};

/* The end of a ticket is the checksum of its cipher: as good as random. The seed keeps the places secret all
 * the same. */
static uint64_t hash_of(const struct known *k, const uint8_t *ticket, size_t n)
{
  uint64_t h = k->seed ^ n;
  for (size_t i = n > 32 ? n - 32 : 0; i < n; i++)
    h = (h ^ ticket[i]) * 0x100000001b3ULL;
  return h ^ h >> 32;
}

static void unlink_use(struct known *k, struct known_ticket *t)
{
  *(t->newer ? &t->newer->older : &k->newest) = t->older;
  *(t->older ? &t->older->newer : &k->oldest) = t->newer;
}

static void link_newest(struct known *k, struct known_ticket *t)
{
  t->newer = NULL;
  t->older = k->newest;
  *(k->newest ? &k->newest->newer : &k->oldest) = t;
  k->newest = t;
}

static void drop(struct known *k, struct known_ticket *t)
{
  struct known_ticket **at = &k->bucket[t->hash & k->mask];
  while (*at != t)
    at = &(*at)->chain;
  *at = t->chain;
  unlink_use(k, t);
  k->count--;
  known_ticket_unref(t);
}

static struct known_ticket *find(const struct known *k, uint64_t hash, const uint8_t *ticket, size_t n)
{
  for (struct known_ticket *t = k->bucket[hash & k->mask]; t; t = t->chain)
    if (t->hash == hash && t->ticket_len == n && memcmp(t->ticket, ticket, n) == 0) return t;
  return NULL;
}

enum err known_new(size_t max, struct known **ret)
{
  size_t buckets = 16;
  while (buckets < max && buckets < SIZE_MAX / 32)
    buckets *= 2;
  struct known *k = calloc(1, sizeof *k);
  struct known_ticket **bucket = calloc(buckets, sizeof(struct known_ticket *));
  if (!k || !bucket) {
    free(k);
    free(bucket);
    return ERR_NOMEM;
  }
  pthread_mutex_init(&k->lock, NULL);
  k->bucket = bucket;
  k->mask = buckets - 1;
  k->max = max ? max : 1;
  random_bytes(&k->seed, sizeof k->seed);
  *ret = k;
  return ERR_OK;
}

void known_free(struct known *k)
{
  if (!k) return;
  known_forget_all(k);
  pthread_mutex_destroy(&k->lock);
  free(k->bucket);
  free(k);
}

struct known_ticket *known_get(struct known *k, const struct der *ticket)
{
  uint64_t hash = hash_of(k, ticket->p, der_left(ticket));
  pthread_mutex_lock(&k->lock);
  struct known_ticket *t = find(k, hash, ticket->p, der_left(ticket));
  if (t) {
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    if (k->newest != t) {
      unlink_use(k, t);
      link_newest(k, t);
    }
  }
  pthread_mutex_unlock(&k->lock);
  return t;
}

void known_put(struct known *k, struct known_ticket *t)
{
  pthread_mutex_lock(&k->lock);
  t->hash = hash_of(k, t->ticket, t->ticket_len);
  /* Two threads may have met the same new ticket: the first one's stays. */
  if (!find(k, t->hash, t->ticket, t->ticket_len)) {
    if (k->count == k->max) drop(k, k->oldest);
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    t->chain = k->bucket[t->hash & k->mask];
    k->bucket[t->hash & k->mask] = t;
    link_newest(k, t);
    k->count++;
  }
  pthread_mutex_unlock(&k->lock);
}

void known_forget_all(struct known *k)
{
  pthread_mutex_lock(&k->lock);
  while (k->newest)
    drop(k, k->newest);
  pthread_mutex_unlock(&k->lock);
}

size_t known_count(struct known *k)
{
  pthread_mutex_lock(&k->lock);
  size_t n = k->count;
  pthread_mutex_unlock(&k->lock);
  return n;
}
