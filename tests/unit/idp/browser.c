#include "browser.h"

#include "encode.h"
#include "form.h"
#include "jws.h"

#include <dirent.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct idp provider;
char provider_folder[64];
struct httpd_response answer;

static struct lab *lab;
static struct fields jar;

static void must(bool ok, const char *what)
{
  if (ok) return;
  fprintf(stderr, "%s\n", what);
  abort();
}

const struct lab *provider_lab(void)
{
  return lab;
}

const struct lab *provider_lab_changed(const char *changes)
{
  char path[160];
  struct lab *one;
  struct failure f;
  snprintf(path, sizeof path, "%s/changes.yaml", provider_folder);
  FILE *file = fopen(path, "we");
  ck_assert_ptr_nonnull(file);
  ck_assert_int_ge(fputs(changes, file), 0);
  ck_assert_int_eq(fclose(file), 0);
  ck_assert_msg(!lab_load_changed(SEVENSTEP_SOURCE_DIR "/lab.yaml", provider_folder, LAB_SECRETS, &one, &f),
                "%s", f.why);
  return one;
}

static void open_provider(void)
{
  struct failure f = {0};
  if (idp_open(&provider, lab, NULL, provider_folder, &f)) must(false, f.why);
}

void provider_prepare(void)
{
  struct failure f = {0};
  snprintf(provider_folder, sizeof provider_folder, "/tmp/sevenstep-idp-XXXXXX");
  must(mkdtemp(provider_folder) != NULL, "mkdtemp");
  if (lab_load(SEVENSTEP_SOURCE_DIR "/lab.yaml", LAB_SECRETS, &lab, &f)) must(false, f.why);
  open_provider();
  while (passwords_pending(provider.passwords))
    usleep(1000); /* a thread's progress, which nobody signals */
  idp_close(&provider);
}

static void remove_folder(const char *path)
{
  DIR *d = opendir(path);
  for (struct dirent *e; d && (e = readdir(d));) {
    char name[600];
    struct stat st;
    snprintf(name, sizeof name, "%s/%s", path, e->d_name);
    if (e->d_name[0] == '.' || stat(name, &st)) continue;
    if (S_ISDIR(st.st_mode))
      remove_folder(name);
    else
      unlink(name);
  }
  if (d) closedir(d);
  rmdir(path);
}

void provider_finish(void)
{
  remove_folder(provider_folder);
  lab_free(lab);
}

static void clear_answer(void)
{
  fields_clear(&answer.fields);
  buf_clear(&answer.body);
}

void provider_setup(void)
{
  open_provider();
  fields_init(&jar, 16, 16384);
}

void provider_teardown(void)
{
  char changes[160];
  snprintf(changes, sizeof changes, "%s/changes.yaml", provider_folder);
  unlink(changes); /* of provider_lab_changed() */
  static const char *const files[] = {"store.db", "store.db-wal", "store.db-shm"};
  char name[128];
  idp_close(&provider);
  clear_answer();
  fields_clear(&jar);
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    snprintf(name, sizeof name, "%s/%s", provider_folder, files[i]);
    unlink(name);
  }
}

/* -- the answer -- */

const char *answer_body(void)
{
  return buf_str(&answer.body);
}

const char *answer_field(const char *name)
{
  const char *value = fields_get(&answer.fields, name);
  return value ? value : "";
}

const char *answer_error(void)
{
  return answer_field("Sevenstep-Error");
}

bool answer_has(const char *text)
{
  return strstr(answer_body(), text) != NULL;
}

const char *location_param(const char *name)
{
  static char value[8192];
  const char *query = strpbrk(answer_field("Location"), "?#"), *found;
  struct fields list;
  if (!query) return NULL;
  fields_init(&list, 16, 65536);
  must(!form_parse(&list, query + 1, strlen(query + 1)), "the Location's query");
  bool there = !form_get(&list, name, &found);
  if (there) snprintf(value, sizeof value, "%s", found);
  fields_clear(&list);
  return there ? value : NULL;
}

/* -- the browser -- */

static void keep_cookie(const char *set_cookie)
{
  char name[64], value[512];
  must(strstr(set_cookie, "; Secure; HttpOnly; SameSite=") != NULL, set_cookie);
  must(strstr(set_cookie, "; Path=/;") && !strncmp(set_cookie, "__Host-", 7), set_cookie);
  must(sscanf(set_cookie, "%63[^=]=%511[^;]", name, value) >= 1, set_cookie);
  fields_remove(&jar, name);
  if (!strstr(set_cookie, "Max-Age=0")) must(!fields_add(&jar, name, value), "the jar");
}

static const struct httpd_route *route_of(const char *method, const char *path)
{
  for (const struct httpd_route *r = idp_routes; r->method; r++)
    if (!strcmp(r->path, path) && !strcmp(r->method, method)) return r;
  return NULL;
}

void browse(const char *method, const char *target, const char *body, ...)
{
  char path[256], cookies[4096] = "";
  struct fields headers;
  va_list ap;
  clear_answer();
  answer = (struct httpd_response){.status = 200, .produce_length = -1};
  fields_init(&answer.fields, 64, 65536);
  buf_init(&answer.body, 1 << 20);
  fields_init(&headers, 32, 65536);
  for (size_t i = 0; i < fields_count(&jar); i++)
    snprintf(cookies + strlen(cookies), sizeof cookies - strlen(cookies), "%s%s=%s", *cookies ? "; " : "",
             fields_at(&jar, i).name, fields_at(&jar, i).value);
  if (*cookies) must(!fields_add(&headers, "Cookie", cookies), "cookies");
  va_start(ap, body);
  for (const char *name; (name = va_arg(ap, const char *));)
    must(!fields_add(&headers, name, va_arg(ap, const char *)), "headers");
  va_end(ap);
  snprintf(path, sizeof path, "%.*s", (int)strcspn(target, "?"), target);
  const char *query = strchr(target, '?');
  struct httpd_request q = {
      .method = method,
      .target = target,
      .path = path,
      .query = query ? query + 1 : "",
      .fields = &headers,
      .body = (const uint8_t *)body,
      .body_len = body ? strlen(body) : 0,
      .peer_ip = "127.0.0.1",
      .arg = &provider,
  };
  const struct httpd_route *route = route_of(method, path);
  must(route != NULL, path);
  must(q.body_len <= route->max_body, "the body is too large for the route");
  route->handle(&q, &answer);
  for (size_t i = 0; i < fields_count(&answer.fields); i++)
    if (!strcmp(fields_at(&answer.fields, i).name, "Set-Cookie"))
      keep_cookie(fields_at(&answer.fields, i).value);
  fields_clear(&headers);
}

void browser_get(const char *target)
{
  browse("GET", target, NULL, NULL);
}

void browser_post(const char *target, const char *form)
{
  browse("POST", target, form, "Content-Type", "application/x-www-form-urlencoded", NULL);
}

void browser_new(void)
{
  fields_reset(&jar);
}

const char *browser_cookie(const char *name)
{
  const char *value = fields_get(&jar, name);
  return value ? value : "";
}

/* -- pages -- */

static bool find_field(const char *name, char *out, size_t size)
{
  static const struct {
    const char *escaped;
    char plain;
  } refs[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#39;", '\''}};
  char tag[128];
  snprintf(tag, sizeof tag, " name=\"%s\" value=\"", name);
  const char *at = strstr(answer_body(), tag);
  if (!at) return false;
  size_t n = 0;
  for (at += strlen(tag); *at && *at != '"' && n + 1 < size; n++) {
    out[n] = *at++;
    for (size_t i = 0; out[n] == '&' && i < sizeof refs / sizeof *refs; i++) {
      size_t k = strlen(refs[i].escaped);
      if (strncmp(at - 1, refs[i].escaped, k) != 0) continue;
      out[n] = refs[i].plain;
      at += k - 1;
      break;
    }
  }
  out[n] = 0;
  return true;
}

bool page_has_field(const char *name)
{
  char value[16384];
  return find_field(name, value, sizeof value);
}

const char *page_field(const char *name)
{
  static char values[4][16384];
  static int turn;
  char *value = values[turn++ % 4];
  must(find_field(name, value, sizeof values[0]), name);
  return value;
}

/* -- requests -- */

static const char *changed(struct fields *list, const char *name, va_list ap)
{
  static struct buf query;
  for (; name; name = va_arg(ap, const char *)) {
    const char *value = va_arg(ap, const char *);
    fields_remove(list, name);
    if (value) must(!fields_add(list, name, value), name);
  }
  buf_clear(&query);
  buf_init(&query, 65536);
  for (size_t i = 0; i < fields_count(list); i++)
    must(!form_add(&query, fields_at(list, i).name, fields_at(list, i).value), "form_add");
  fields_clear(list);
  return buf_str(&query);
}

static void add_all(struct fields *list, const char *const pairs[][2], size_t n)
{
  fields_init(list, 32, 65536);
  for (size_t i = 0; i < n; i++)
    must(!fields_add(list, pairs[i][0], pairs[i][1]), "fields_add");
}

const char *hello_request(const char *name, ...)
{
  char uri[256];
  snprintf(uri, sizeof uri, "%s.sevenstep/callback", lab_app_by_name(lab, "hello")->external_url.text);
  const char *const pairs[][2] = {
      {"response_type", "id_token"},
      {"response_mode", "form_post"},
      {"client_id", "hello"},
      {"redirect_uri", uri},
      {"scope", "openid profile"},
      {"state", "s-1"},
      {"nonce", "n-1"},
  };
  struct fields list;
  va_list ap;
  add_all(&list, pairs, sizeof pairs / sizeof *pairs);
  va_start(ap, name);
  const char *query = changed(&list, name, ap);
  va_end(ap);
  return query;
}

const char *code_request(const char *name, ...)
{
  static const char *const pairs[][2] = {
      {"response_type", "code"},
      {"client_id", "sevenstep-cli"},
      {"redirect_uri", "https://client.localhost/callback"},
      {"scope", "openid profile"},
      {"state", "s-1"},
      {"nonce", "n-1"},
      {"code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"},
      {"code_challenge_method", "S256"},
  };
  struct fields list;
  va_list ap;
  add_all(&list, pairs, sizeof pairs / sizeof *pairs);
  va_start(ap, name);
  const char *query = changed(&list, name, ap);
  va_end(ap);
  return query;
}

void authorize_with(const char *request)
{
  char target[32768];
  snprintf(target, sizeof target, "/authorize?%s", request);
  browser_get(target);
}

void logon(const char *user, const char *password)
{
  struct buf form;
  buf_init(&form, 65536);
  must(!form_add(&form, "request", page_field("request")) && !form_add(&form, "csrf", page_field("csrf")) &&
           !form_add(&form, "username", user) && !form_add(&form, "password", password),
       "the form");
  browser_post("/logon", buf_str(&form));
  buf_clear(&form);
}

const char *get_code(const char *user, const char *password)
{
  authorize_with(code_request(NULL));
  if (answer.status == 200) logon(user, password);
  ck_assert_int_eq(answer.status, 303);
  const char *code = location_param("code");
  must(code != NULL, "a code");
  return code;
}

void redeem_code(const char *code, const char *form)
{
  char text[4096];
  snprintf(text, sizeof text,
           "grant_type=authorization_code&code=%s&redirect_uri=https%%3A%%2F%%2Fclient.localhost%%2Fcallback"
           "&code_verifier=" VERIFIER,
           code);
  browse("POST", "/token", form ? form : text, "Content-Type", "application/x-www-form-urlencoded",
         "Authorization", "Basic c2V2ZW5zdGVwLWNsaTpjbGktc2VjcmV0LW9mLXRoZS1sYWI=", NULL);
}

const char *json_text(const char *member)
{
  static char text[16384];
  json_t *body = json_loads(answer_body(), JSON_REJECT_DUPLICATES, NULL);
  must(body != NULL, answer_body());
  const char *value = json_string_value(json_object_get(body, member));
  snprintf(text, sizeof text, "%s", value ? value : "");
  json_decref(body);
  return text;
}
