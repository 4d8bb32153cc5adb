/* What the provider keeps in RUN/idp: keys/ (signing), store.db (sessions, codes, lockouts), passwords
 * (hashes), form.key. */
#include "clock.h"
#include "encode.h"
#include "idp.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Relying parties tolerate clocks that differ, so an old key is published a little longer than its tokens
 * live. */
enum { RETAIN_MARGIN_S = 300, PATH_MAX_LEN = 4096 + 128 };

void idp_random_text(char out[static IDP_SECRET_TEXT + 1])
{
  uint8_t raw[IDP_SECRET_LEN];
  struct buf text;
  random_bytes(raw, sizeof raw);
  buf_init(&text, IDP_SECRET_TEXT + 1);
  if (base64url_encode(&text, raw, sizeof raw)) abort(); /* nothing unguessable could follow */
  memcpy(out, text.data, IDP_SECRET_TEXT + 1);
  buf_wipe(&text);
}

/* The key of our forms lives on, so that a logon page outlives a restart. Made anew when it is not what it
 * should be. */
static enum err open_form_key(const char *path, uint8_t key[static IDP_SECRET_LEN], struct failure *f)
{
  struct stat st;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  bool good = fd >= 0 && !fstat(fd, &st) && !(st.st_mode & 077) && st.st_size == IDP_SECRET_LEN &&
              read(fd, key, IDP_SECRET_LEN) == IDP_SECRET_LEN;
  if (fd >= 0) close(fd);
  if (good) return ERR_OK;
  unlink(path);
  random_bytes(key, IDP_SECRET_LEN);
  fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  good = fd >= 0 && write(fd, key, IDP_SECRET_LEN) == IDP_SECRET_LEN;
  if (fd >= 0 && close(fd)) good = false;
  return good ? ERR_OK : failure_set(f, ERR_IO, "%s: %s", path, strerror(errno));
}

static enum err open_store(const char *path, struct store **ret, struct failure *f)
{
  bool set_aside = false;
  /* What is lost with a damaged file costs a logon, and closes no door. */
  enum err e = store_open(path, STORE_SET_ASIDE, ret, &set_aside, f);
  if (!e && set_aside)
    log_warn("%s was damaged; it is kept as %s.damaged, and a new one is begun", path, path);
  return e;
}

enum err idp_open(struct idp *i, const struct lab *lab, struct tracer *tracer, const char *folder,
                  struct failure *f)
{
  char path[PATH_MAX_LEN];
  memset(i, 0, sizeof *i);
  i->lab = lab;
  i->tracer = tracer;
  if ((size_t)snprintf(i->folder, sizeof i->folder, "%s", folder) >= sizeof i->folder)
    return failure_set(f, ERR_TOO_LARGE, "a path of %zu bytes", strlen(folder));
  if (mkdir(folder, 0700) && errno != EEXIST)
    return failure_set(f, ERR_IO, "%s: %s", folder, strerror(errno));
  i->counts = calloc(COUNT_IDP, sizeof *i->counts);
  if (!i->counts) return failure_set(f, ERR_NOMEM, "counters");
  snprintf(path, sizeof path, "%s/store.db", folder);
  enum err e = open_store(path, &i->store, f);
  snprintf(path, sizeof path, "%s/form.key", folder);
  if (!e) e = open_form_key(path, i->form_key, f);
  snprintf(path, sizeof path, "%s/keys", folder);
  if (!e) e = token_keys_open(path, (int64_t)lab->idp.token_lifetime_s + RETAIN_MARGIN_S, &i->keys, f);
  /* Last: its thread would only slow down the making of the first key, which the start waits for. */
  snprintf(path, sizeof path, "%s/passwords", folder);
  if (!e) e = passwords_open(lab, path, &i->passwords, f);
  if (e) idp_close(i);
  return e;
}

void idp_close(struct idp *i)
{
  token_keys_free(i->keys);
  passwords_free(i->passwords);
  store_close(i->store);
  free(i->counts);
  OPENSSL_cleanse(i->form_key, sizeof i->form_key);
  i->keys = NULL;
  i->passwords = NULL;
  i->store = NULL;
  i->counts = NULL;
}

void idp_count(struct idp *i, enum idp_count what)
{
  atomic_fetch_add_explicit(&i->counts[what], 1, memory_order_relaxed);
}
