/* Access tokens of the lab's identity provider for many users at once, with its own key: what each of them
 * would get who signs in, without thousands of logons.
 *
 *   bench-tokens KEYS-FOLDER ISSUER APPLICATION SPN UPN-SUFFIX PREFIX FIRST COUNT
 *
 * One line "Authorization: Bearer ..." each, for the users PREFIX<FIRST> and so on. */
#include "token_issue.h"

#include "clock.h"

#include <stdio.h>
#include <stdlib.h>

enum { LIFETIME_S = 3600, LINE_MAX_BYTES = 16 * 1024 };

static void give_up(const char *what, const char *why)
{
  fprintf(stderr, "bench-tokens: %s: %s\n", what, why);
  exit(1);
}

int main(int argc, char **argv)
{
  if (argc != 9) {
    fprintf(stderr, "usage: bench-tokens KEYS-FOLDER ISSUER APPLICATION SPN UPN-SUFFIX PREFIX FIRST COUNT\n");
    return 2;
  }
  struct token_keys *keys = NULL;
  struct failure f = {0};
  struct buf line;
  size_t first = strtoul(argv[7], NULL, 10), count = strtoul(argv[8], NULL, 10);
  int64_t now = clock_wall_s();
  if (token_keys_open(argv[1], 2 * LIFETIME_S, &keys, &f)) give_up(argv[1], f.why);
  buf_init(&line, LINE_MAX_BYTES);
  for (size_t i = first; i < first + count; i++) {
    char name[64], upn[320], jti[64];
    snprintf(name, sizeof name, "%s%zu", argv[6], i);
    snprintf(upn, sizeof upn, "%s@%s", name, argv[5]);
    snprintf(jti, sizeof jti, "bench-%zu", i);
    const struct token_issue t = {.issuer = argv[2],
                                  .subject = name,
                                  .client_id = "sevenstep-cli",
                                  .audiences = {argv[3]},
                                  .jti = jti,
                                  .upn = upn,
                                  .spn = argv[4],
                                  .scope = "user_impersonation",
                                  .issued_s = now,
                                  .expires_s = now + LIFETIME_S,
                                  .auth_time_s = now};
    buf_reset(&line);
    if (token_issue_access(keys, &t, &line, &f)) give_up(name, f.why);
    printf("Authorization: Bearer %s\n", buf_str(&line));
  }
  buf_wipe(&line);
  token_keys_free(keys);
  return fflush(stdout) ? 1 : 0;
}
