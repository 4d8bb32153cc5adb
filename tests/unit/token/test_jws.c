#include "jws.h"

#include "encode.h"
#include "mint.h"
#include "run.h"

#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* RFC 7520 section 3.3 (the key) and 4.1 (RS256). */
#define COOKBOOK_KEYS                                                                                        \
  "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"bilbo.baggins@hobbiton.example\",\"use\":\"sig\",\"n\":\""          \
  "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_"                 \
  "AJmSCpMaJMRBSFKrKb2wqVwGU"                                                                                \
  "_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-"                                    \
  "OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhG"                                                             \
  "qC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__"                   \
  "kRhuaxwUkRz5iaiQkqgc5gHdrNP"                                                                              \
  "5zw\",\"e\":\"AQAB\"}]}"
#define COOKBOOK_TOKEN                                                                                       \
  "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9."                                \
  "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9h" \
  "ZCwgYW5kI"                                                                                                \
  "GlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZ" \
  "iB0by4."                                                                                                  \
  "MRjdkly7_-"                                                                                               \
  "oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA7"  \
  "8185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_"                                                             \
  "qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdL"                                    \
  "uW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_"                      \
  "fcIe8u9ipH84ogoree7vjbU5y18kDq"                                                                           \
  "uDg"

static enum err verify_n(const char *token, size_t n)
{
  struct jws j;
  struct failure f = {0};
  enum err e = jws_verify(mint_jwks(), token, n, &j, &f);
  if (e)
    ck_assert_int_eq(f.err, e);
  else
    jws_clear(&j);
  return e;
}

static enum err verify(const char *token)
{
  return verify_n(token, strlen(token));
}

/* Takes the token. */
static void refused(char *token, enum err e)
{
  ck_assert_str_eq(err_info(verify(token))->name, err_info(e)->name);
  free(token);
}

static void header_refused(const char *header, enum err e)
{
  refused(mint_sign(mint_key(), header, "{}"), e);
}

START_TEST(jws_verify_rfc7520_cookbook_accepted)
{
  struct jwks *keys;
  struct jws j;
  ck_assert_int_eq(jwks_parse(COOKBOOK_KEYS, strlen(COOKBOOK_KEYS), &keys, NULL), ERR_OK);
  ck_assert_int_eq(jws_verify(keys, COOKBOOK_TOKEN, strlen(COOKBOOK_TOKEN), &j, NULL), ERR_OK);
  ck_assert_str_eq(j.kid, "bilbo.baggins@hobbiton.example");
  ck_assert_str_eq(j.typ, "");
  ck_assert(!strncmp(buf_str(&j.payload), "It\xe2\x80\x99s a dangerous business, Frodo", 30));
  jws_clear(&j);
  jwks_free(keys);
}
END_TEST

START_TEST(jws_verify_good_token_gives_payload)
{
  char *token = mint_sign(mint_key(), MINT_HEADER, "{\"a\":1}");
  struct jws j;
  ck_assert_int_eq(jws_verify(mint_jwks(), token, strlen(token), &j, NULL), ERR_OK);
  ck_assert_str_eq(buf_str(&j.payload), "{\"a\":1}");
  ck_assert_str_eq(j.typ, "JWT");
  jws_clear(&j);
  free(token);
}
END_TEST

/* JW-01 */
START_TEST(jws_verify_not_three_parts_malformed)
{
  static const char *const bad[] = {"", ".", "..", "...", "a", "a.b", "a.b.c.d", "....."};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    ck_assert_int_eq(verify(bad[i]), ERR_TOKEN_MALFORMED);
  char *token = mint_sign(mint_key(), MINT_HEADER, "{}");
  *strrchr(token, '.') = 0;
  refused(token, ERR_TOKEN_MALFORMED);
}
END_TEST

START_TEST(jws_verify_bytes_around_malformed)
{
  static const char *const around[] = {" ", "\n", "=", "==", "\r\n", "+", "/", "%3d", "\xc3\xa9"};
  char *token = mint_sign(mint_key(), MINT_HEADER, "{}");
  for (size_t i = 0; i < sizeof around / sizeof *around; i++) {
    char text[4096];
    snprintf(text, sizeof text, "%s%s", token, around[i]);
    ck_assert_int_eq(verify(text), ERR_TOKEN_MALFORMED);
    snprintf(text, sizeof text, "%s%s", around[i], token);
    ck_assert_int_eq(verify(text), ERR_TOKEN_MALFORMED);
  }
  ck_assert_int_eq(verify_n(token, strlen(token) + 1), ERR_TOKEN_MALFORMED); /* a NUL behind */
  free(token);
}
END_TEST

/* The unused bits of the last character are zero, or two texts would be one token. */
START_TEST(jws_verify_non_canonical_base64url_malformed)
{
  char *token = mint_sign(mint_key(), MINT_HEADER, "{}");
  token[strlen(token) - 1]++;
  refused(token, ERR_TOKEN_MALFORMED);
}
END_TEST

START_TEST(jws_verify_header_not_one_object_malformed)
{
  header_refused("", ERR_TOKEN_MALFORMED);
  header_refused("null", ERR_TOKEN_MALFORMED);
  header_refused("[]", ERR_TOKEN_MALFORMED);
  header_refused("\"RS256\"", ERR_TOKEN_MALFORMED);
  header_refused("{\"alg\":\"RS256\",\"kid\":\"k1\"", ERR_TOKEN_MALFORMED);
  header_refused("{\"alg\":\"RS256\",\"kid\":\"k1\"}{}", ERR_TOKEN_MALFORMED);
  header_refused("{\"alg\":\"RS256\",\"kid\":\"k1\",\"x\":\"\xff\"}", ERR_TOKEN_MALFORMED);
}
END_TEST

/* JW-07 */
START_TEST(jws_verify_header_duplicate_member_malformed)
{
  header_refused("{\"alg\":\"none\",\"alg\":\"RS256\",\"kid\":\"k1\"}", ERR_TOKEN_MALFORMED);
  header_refused("{\"alg\":\"RS256\",\"kid\":\"k1\",\"\\u006bid\":\"k1\"}", ERR_TOKEN_MALFORMED);
}
END_TEST

/* JW-02 */
START_TEST(jws_verify_header_crit_malformed)
{
  header_refused("{\"alg\":\"RS256\",\"kid\":\"k1\",\"crit\":[\"exp\"],\"exp\":1}", ERR_TOKEN_MALFORMED);
  header_refused("{\"alg\":\"RS256\",\"kid\":\"k1\",\"crit\":[]}", ERR_TOKEN_MALFORMED);
  header_refused("{\"alg\":\"RS256\",\"kid\":\"k1\",\"crit\":null}", ERR_TOKEN_MALFORMED);
  header_refused("{\"alg\":\"RS256\",\"kid\":\"k1\",\"crit\":[\"b64\"],\"b64\":false}", ERR_TOKEN_MALFORMED);
}
END_TEST

/* JW-05 */
START_TEST(jws_verify_header_brings_a_key_malformed)
{
  header_refused("{\"alg\":\"RS256\",\"kid\":\"k1\",\"jku\":\"https://evil.example/keys\"}",
                 ERR_TOKEN_MALFORMED);
  header_refused("{\"alg\":\"RS256\",\"kid\":\"k1\",\"x5u\":\"https://evil.example/cert\"}",
                 ERR_TOKEN_MALFORMED);
  header_refused("{\"alg\":\"RS256\",\"kid\":\"k1\",\"jwk\":{}}", ERR_TOKEN_MALFORMED);
  header_refused("{\"alg\":\"RS256\",\"kid\":\"k1\",\"x5c\":[\"MII\"]}", ERR_TOKEN_MALFORMED);
}
END_TEST

START_TEST(jws_verify_header_without_alg_malformed)
{
  header_refused("{\"kid\":\"k1\"}", ERR_TOKEN_MALFORMED);
  header_refused("{\"alg\":256,\"kid\":\"k1\"}", ERR_TOKEN_MALFORMED);
  header_refused("{\"alg\":[\"RS256\"],\"kid\":\"k1\"}", ERR_TOKEN_MALFORMED);
}
END_TEST

START_TEST(jws_verify_header_without_kid_malformed)
{
  header_refused("{\"alg\":\"RS256\"}", ERR_TOKEN_MALFORMED);
  header_refused("{\"alg\":\"RS256\",\"kid\":\"\"}", ERR_TOKEN_MALFORMED);
  header_refused("{\"alg\":\"RS256\",\"kid\":1}", ERR_TOKEN_MALFORMED);
}
END_TEST

START_TEST(jws_verify_header_long_kid_or_typ_malformed)
{
  char text[512], filler[200] = {0};
  memset(filler, 'k', sizeof filler - 1);
  snprintf(text, sizeof text, "{\"alg\":\"RS256\",\"kid\":\"%s\"}", filler);
  header_refused(text, ERR_TOKEN_MALFORMED);
  snprintf(text, sizeof text, "{\"alg\":\"RS256\",\"kid\":\"k1\",\"typ\":\"%s\"}", filler);
  header_refused(text, ERR_TOKEN_MALFORMED);
}
END_TEST

/* JW-03 */
START_TEST(jws_verify_alg_none_in_any_case_refused)
{
  static const char *const none[] = {"none", "None", "NONE", "nOnE", ""};
  char header[64];
  for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
    snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"k1\"}", none[i]);
    refused(mint_join(header, "{}", ""), ERR_TOKEN_ALGORITHM);
    header_refused(header, ERR_TOKEN_ALGORITHM);
  }
}
END_TEST

START_TEST(jws_verify_other_algorithm_refused)
{
  static const char *const other[] = {"RS384", "RS512", "PS256", "ES256", "EdDSA", "rs256", "RS256 ", "dir"};
  char header[64];
  for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
    snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"k1\"}", other[i]);
    header_refused(header, ERR_TOKEN_ALGORITHM);
  }
}
END_TEST

/* The classical confusion: HMAC with the public key's PEM as the secret. */
START_TEST(jws_verify_hmac_with_public_key_refused)
{
  const char *header = "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"k1\"}";
  BIO *bio = BIO_new(BIO_s_mem());
  char *pem;
  PEM_write_bio_PUBKEY(bio, mint_key());
  long pem_len = BIO_get_mem_data(bio, &pem);
  char *input = mint_join(header, "{}", "");
  uint8_t mac[32];
  HMAC(EVP_sha256(), pem, (int)pem_len, (uint8_t *)input, strlen(input) - 1, mac, NULL);
  struct buf text;
  buf_init(&text, 100);
  ck_assert_int_eq(base64url_encode(&text, mac, sizeof mac), ERR_OK);
  refused(mint_join(header, "{}", buf_str(&text)), ERR_TOKEN_ALGORITHM);
  buf_clear(&text);
  free(input);
  BIO_free(bio);
}
END_TEST

START_TEST(jws_verify_unknown_kid_refused)
{
  header_refused("{\"alg\":\"RS256\",\"kid\":\"k2\"}", ERR_TOKEN_UNKNOWN_KEY);
  header_refused("{\"alg\":\"RS256\",\"kid\":\"../../dev/null\"}", ERR_TOKEN_UNKNOWN_KEY);
  header_refused("{\"alg\":\"RS256\",\"kid\":\"k1' OR '1'='1\"}", ERR_TOKEN_UNKNOWN_KEY);
}
END_TEST

START_TEST(jws_verify_other_key_signature_refused)
{
  refused(mint_sign(mint_other_key(), MINT_HEADER, "{}"), ERR_TOKEN_SIGNATURE);
}
END_TEST

START_TEST(jws_verify_empty_signature_refused)
{
  refused(mint_join(MINT_HEADER, "{}", ""), ERR_TOKEN_SIGNATURE);
}
END_TEST

/* JW-04: a signature is exactly as long as the modulus. */
START_TEST(jws_verify_zero_or_odd_length_signature_refused)
{
  char zeros[343] = {0};
  memset(zeros, 'A', 342);
  refused(mint_join(MINT_HEADER, "{}", zeros), ERR_TOKEN_SIGNATURE);
  char *token = mint_sign(mint_key(), MINT_HEADER, "{}");
  token[strlen(token) - 4] = 0;
  ck_assert(verify(token));
  free(token);
  token = mint_sign(mint_key(), MINT_HEADER, "{}");
  char text[4096];
  snprintf(text, sizeof text, "%sAAAA", token);
  ck_assert(verify(text));
  free(token);
}
END_TEST

START_TEST(jws_verify_any_changed_character_refused)
{
  char *token = mint_sign(mint_key(), MINT_HEADER, "{\"sub\":\"alice\"}");
  for (char *c = token; *c; c++) {
    char was = *c;
    *c = was == 'A' ? 'B' : 'A';
    ck_assert(verify(token) != ERR_OK);
    *c = was;
  }
  ck_assert_int_eq(verify(token), ERR_OK);
  free(token);
}
END_TEST

/* JW-11 */
START_TEST(jws_verify_monsters_refused_at_once)
{
  size_t n = 1 << 20;
  char *big = calloc(1, n + 1);
  struct timespec a, b;
  clock_gettime(CLOCK_MONOTONIC, &a);
  memset(big, 'A', n);
  ck_assert_int_eq(verify(big), ERR_TOKEN_MALFORMED);
  memset(big, '.', n);
  big[5000] = 0;
  ck_assert_int_eq(verify(big), ERR_TOKEN_MALFORMED);
  memset(big, '[', 9000);
  big[9000] = 0;
  header_refused(big, ERR_TOKEN_MALFORMED);
  free(big);
  clock_gettime(CLOCK_MONOTONIC, &b);
  ck_assert_int_lt(b.tv_sec - a.tv_sec, 2);
}
END_TEST

START_TEST(jws_peek_payload_unverified_decoded)
{
  char *token = mint_join("x", "{\"a\":1}", "");
  struct buf out;
  buf_init(&out, 1000);
  ck_assert_int_eq(token_peek_payload(token, strlen(token), &out), ERR_OK);
  ck_assert_str_eq(buf_str(&out), "{\"a\":1}");
  ck_assert_int_eq(token_peek_payload("a.b", 3, &out), ERR_TOKEN_MALFORMED);
  ck_assert_int_eq(token_peek_payload("a.!.c", 5, &out), ERR_TOKEN_MALFORMED);
  ck_assert_str_eq(buf_str(&out), "{\"a\":1}");
  buf_clear(&out);
  free(token);
}
END_TEST

int main(void)
{
  mint_init();
  TCase *t = tcase_create("jws");
  tcase_add_test(t, jws_verify_rfc7520_cookbook_accepted);
  tcase_add_test(t, jws_verify_good_token_gives_payload);
  tcase_add_test(t, jws_verify_not_three_parts_malformed);
  tcase_add_test(t, jws_verify_bytes_around_malformed);
  tcase_add_test(t, jws_verify_non_canonical_base64url_malformed);
  tcase_add_test(t, jws_verify_header_not_one_object_malformed);
  tcase_add_test(t, jws_verify_header_duplicate_member_malformed);
  tcase_add_test(t, jws_verify_header_crit_malformed);
  tcase_add_test(t, jws_verify_header_brings_a_key_malformed);
  tcase_add_test(t, jws_verify_header_without_alg_malformed);
  tcase_add_test(t, jws_verify_header_without_kid_malformed);
  tcase_add_test(t, jws_verify_header_long_kid_or_typ_malformed);
  tcase_add_test(t, jws_verify_alg_none_in_any_case_refused);
  tcase_add_test(t, jws_verify_other_algorithm_refused);
  tcase_add_test(t, jws_verify_hmac_with_public_key_refused);
  tcase_add_test(t, jws_verify_unknown_kid_refused);
  tcase_add_test(t, jws_verify_other_key_signature_refused);
  tcase_add_test(t, jws_verify_empty_signature_refused);
  tcase_add_test(t, jws_verify_zero_or_odd_length_signature_refused);
  tcase_add_test(t, jws_verify_any_changed_character_refused);
  tcase_add_test(t, jws_verify_monsters_refused_at_once);
  tcase_add_test(t, jws_peek_payload_unverified_decoded);
  Suite *s = suite_create("jws");
  suite_add_tcase(s, t);
  int result = run(s);
  mint_free();
  return result;
}
