/* What is inside of encrypted parts: the input is encrypted with keys that are known here, and read as what
 * the first byte says. */
#include "wire_private.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { PLAIN_MAX = 4096, CIPHER_MAX = PLAIN_MAX + 64, KEY_LEN = 32 };

static const struct part {
  reader *read;
  krb5_keyusage usage;
  bool armored; /* with the armor key, inside of PA-FX-FAST */
  size_t skip;  /* fields of the armor before it */
} parts[] = {
    {field_authenticator, 11, false, 0}, {field_ap_rep_part, 12, false, 0}, {field_kdc_rep_part, 9, false, 0},
    {field_fast_request, 51, true, 2},   {field_fast_reply, 52, true, 0},
};

/* EncryptedData of the input. */
static void put_sealed(struct der_writer *w, const struct wire *state, const struct key *k,
                       krb5_keyusage usage, const uint8_t *data, size_t n)
{
  uint8_t cipher[CIPHER_MAX];
  krb5_keyblock key = {
      .enctype = k->type, .length = (unsigned)k->n, .contents = (krb5_octet *)(uintptr_t)k->bytes};
  krb5_data in = {.length = (unsigned)n, .data = (char *)(uintptr_t)data};
  krb5_enc_data enc = {.ciphertext = {.length = sizeof cipher, .data = (char *)cipher}};
  if (krb5_c_encrypt(state->ctx, &key, usage, NULL, &in, &enc)) abort();
  der_put_field(w, 2, DER_OCTET_STRING, cipher, enc.ciphertext.length);
  der_put_int_field(w, 0, key.enctype);
  der_wrap(w, DER_SEQUENCE, 0);
}

static void set_keys(struct wire *w, struct key *armor)
{
  uint8_t a[KEY_LEN], b[KEY_LEN];
  memset(a, 'a', sizeof a);
  memset(b, 'b', sizeof b);
  key_set(&w->ticket_key, ENCTYPE_AES256_CTS_HMAC_SHA1_96, a, sizeof a);
  key_set(&w->subkey, ENCTYPE_AES256_CTS_HMAC_SHA1_96, b, sizeof b);
  w->strengthen_key = (struct key){0};
  if (!key_combine(w, &w->subkey, "subkeyarmor", &w->ticket_key, "ticketarmor", armor)) abort();
}

static void put_armor(struct der_writer *w, const struct part *p)
{
  der_wrap(w, DER_CONTEXT(p->skip), 0);
  if (p->skip) der_put_field(w, 1, DER_SEQUENCE, "", 0);
  der_wrap(w, DER_SEQUENCE, 0);
  der_wrap(w, DER_CONTEXT(0), 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  static struct wire *w;
  static const struct field none;
  uint8_t room[CIPHER_MAX + 128];
  struct der_writer d;
  struct failure f;
  struct key armor;
  if (n == 0 || n - 1 > PLAIN_MAX) return 0;
  if (!w && wire_new(&w, &f)) abort();
  const struct part *p = &parts[data[0] % (sizeof parts / sizeof *parts)];
  set_keys(w, &armor);
  const struct key k = p->armored ? armor : p->usage == 9 ? w->subkey : w->ticket_key;
  der_writer_init(&d, room, sizeof room);
  put_sealed(&d, w, &k, p->usage, data + 1, n - 1);
  if (p->armored) put_armor(&d, p);
  w->depth = 0;
  json_t *v = p->read(w, &none, der_of(d.at, der_written(&d)));
  if (!json_object_get(v, "plain")) abort();
  char *text = json_dumps(v, JSON_COMPACT);
  if (!text) abort();
  free(text);
  json_decref(v);
  return 0;
}
