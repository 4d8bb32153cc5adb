#include "body.h"

#include "coding.h"
#include "markup.h"
#include "translate.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TEXT_MAX = 1024 * 1024 }; /* one decoded piece, translated */

struct body {
  const struct lab *lab;
  const struct lab_app *app;
  struct decoder *decoder;
  struct markup *markup;
  struct encoder *encoder;
  struct buf text; /* a decoded piece, translated */
  struct buf *out;
};

/* -- inwards ------------------------------------------------------------------------------------------- */

/* The members of a list (RFC 9110 5.6.1), one after another; NULL behind the last. */
static const char *next_member(const char **at, size_t *ret_n)
{
  const char *p = *at + strspn(*at, ", \t");
  size_t n = strcspn(p, ",");
  *at = p + n;
  while (n && (p[n - 1] == ' ' || p[n - 1] == '\t'))
    n--;
  *ret_n = n;
  return n ? p : NULL;
}

/* "gzip;q=0.5": a coding that is known here. "*" would let others in, and what it says of ours is lost with
 * it. */
static bool is_ours(const char *member, size_t n)
{
  enum coding coding;
  size_t name = 0;
  while (name < n && !strchr("; \t", member[name]))
    name++;
  return coding_parse(member, name, &coding) == ERR_OK;
}

static enum err keep_ours(const char *list, struct buf *out)
{
  const char *member;
  size_t n;
  enum err e = ERR_OK;
  while (!e && (member = next_member(&list, &n)) != NULL) {
    if (!is_ours(member, n)) continue;
    if (out->len) e = buf_puts(out, ", ");
    if (!e) e = buf_append(out, member, n);
  }
  return e;
}

enum err body_accept(struct fields *f)
{
  struct buf kept;
  enum err e = ERR_OK;
  if (fields_has_token(f, "Cache-Control", "no-transform")) return ERR_OK;
  buf_init(&kept, 4096);
  for (size_t i = 0; i < fields_count(f) && !e; i++) {
    struct field field = fields_at(f, i);
    if (http_name_is(field.name, field.name_len, "Accept-Encoding")) e = keep_ours(field.value, &kept);
  }
  /* No field at all would mean any coding. */
  if (!e) e = fields_set(f, "Accept-Encoding", kept.len ? buf_str(&kept) : "identity");
  buf_clear(&kept);
  return e;
}

/* -- which bodies, and their fields ------------------------------------------------------------------- */

/* Encodings that ASCII is a part of, by how their names begin (WHATWG Encoding 4.2). UTF-16, UTF-32, UTF-7
 * and ISO-2022 are not: their bytes do not mean what they look like. */
static bool is_ascii_compatible(const char *name, size_t n)
{
  static const char *const known[] = {"utf-8",    "utf8",    "us-ascii",  "ascii",  "iso-8859-", "iso8859",
                                      "iso_8859", "latin",   "windows-",  "cp12",   "koi8",      "euc-",
                                      "gb2312",   "gbk",     "gb18030",   "big5",   "shift",     "sjis",
                                      "ks_c_",    "tis-620", "macintosh", "x-mac-", "x-sjis",    "x-gbk"};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strlen(known[i]) <= n && strncasecmp(known[i], name, strlen(known[i])) == 0) return true;
  return false;
}

/* Of a media type (RFC 9110 8.3.1); without one browsers find it in the page, and it is ASCII-compatible as
 * they could not find it otherwise. */
static bool has_known_charset(const char *type)
{
  for (const char *at = strchr(type, ';'); at; at = strchr(at, ';')) {
    at += 1 + strspn(at + 1, " \t");
    if (strncasecmp(at, "charset=", 8) != 0) continue;
    at += 8 + (at[8] == '"');
    return is_ascii_compatible(at, strcspn(at, "\"; \t"));
  }
  return true;
}

static bool has_language(const char *type, enum markup_language *ret)
{
  static const struct {
    const char *type;
    enum markup_language language;
  } known[] = {{"text/html", MARKUP_HTML}, {"application/xhtml+xml", MARKUP_XHTML}, {"text/css", MARKUP_CSS}};
  size_t n = type ? strcspn(type, "; \t") : 0;
  for (size_t i = 0; i < sizeof known / sizeof *known && type; i++)
    if (http_name_is(type, n, known[i].type)) {
      *ret = known[i].language;
      return true;
    }
  return false;
}

/* NULL: it is to be translated. */
static const char *why_not(const struct http1_head *request, int status, const struct fields *f,
                           enum markup_language *ret_language, enum coding *ret_coding)
{
  const char *type = fields_get(f, "Content-Type"), *coding = fields_get(f, "Content-Encoding");
  *ret_coding = CODING_IDENTITY;
  if (status == 204 || status == 205) return "no content";
  if (!has_language(type, ret_language)) return "neither HTML nor CSS";
  if (status == 206) return "a range";
  if (fields_has_token(f, "Cache-Control", "no-transform") ||
      fields_has_token(&request->fields, "Cache-Control", "no-transform"))
    return "no-transform";
  if (fields_count_of(f, "Content-Type") > 1 || !has_known_charset(type)) return "character encoding";
  if (fields_count_of(f, "Content-Encoding") > 1 ||
      (coding && coding_parse(coding, strlen(coding), ret_coding) != ERR_OK))
    return "content coding";
  return NULL;
}

/* What users get is equivalent to what the application sent, not the same bytes (RFC 9110 8.8.1). */
static enum err weaken(struct fields *f)
{
  struct buf tag;
  const char *strong = fields_get(f, "ETag");
  if (!strong || strncmp(strong, "W/", 2) == 0) return ERR_OK;
  buf_init(&tag, 4096);
  enum err e = buf_printf(&tag, "W/%s", strong);
  if (!e) e = fields_set(f, "ETag", buf_str(&tag));
  buf_clear(&tag);
  return e;
}

/* Length, digests and ranges are of other bytes (RFC 9110 8.6, RFC 9530, RFC 3230). */
static enum err disown(struct fields *f)
{
  static const char *const gone[] = {"Content-Length", "Content-MD5", "Digest", "Content-Digest",
                                     "Repr-Digest"};
  for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
    fields_remove(f, gone[i]);
  enum err e = weaken(f);
  return e || !fields_get(f, "Accept-Ranges") ? e : fields_set(f, "Accept-Ranges", "none");
}

/* -- the bytes ----------------------------------------------------------------------------------------- */

static size_t map(void *arg, const char *url, const char **ret_with)
{
  const struct body *b = arg;
  return translate_url(b->lab, b->app, url, ret_with);
}

static enum err body_new(const struct lab *lab, const struct lab_app *app, enum markup_language language,
                         enum coding coding, struct body **ret)
{
  struct body *b = calloc(1, sizeof *b);
  if (!b) return ERR_NOMEM;
  b->lab = lab;
  b->app = app;
  buf_init(&b->text, TEXT_MAX);
  enum err e = decoder_new(coding, &b->decoder);
  if (!e) e = markup_new(language, map, b, &b->markup);
  if (!e) e = encoder_new(coding, &b->encoder);
  if (e)
    body_free(b);
  else
    *ret = b;
  return e;
}

void body_free(struct body *b)
{
  if (!b) return;
  decoder_free(b->decoder);
  markup_free(b->markup);
  encoder_free(b->encoder);
  buf_clear(&b->text);
  free(b);
}

enum err body_begin(const struct lab *lab, const struct lab_app *app, const struct http1_head *request,
                    int status, struct fields *f, const char **ret_why, struct body **ret)
{
  enum markup_language language;
  enum coding coding;
  *ret = NULL;
  if (status == 304) { /* of something that may have been translated */
    *ret_why = "not modified";
    return weaken(f);
  }
  *ret_why = why_not(request, status, f, &language, &coding);
  if (*ret_why) return ERR_OK;
  *ret_why = "translated";
  enum err e = disown(f);
  return e || strcmp(request->method, "HEAD") == 0 ? e : body_new(lab, app, language, coding, ret);
}

static enum err take_piece(void *arg, const uint8_t *piece, size_t n)
{
  struct body *b = arg;
  buf_reset(&b->text);
  enum err e = markup_put(b->markup, piece, n, &b->text);
  return e ? e : encoder_put(b->encoder, b->text.data, b->text.len, b->out);
}

/* What the decoder did not refuse, had no room or memory. */
static enum err failed(struct failure *f, enum err e)
{
  return f->err == e ? e : failure_set(f, e, "its translation has no room");
}

enum err body_put(struct body *b, const uint8_t *data, size_t n, struct buf *out, struct failure *f)
{
  *f = (struct failure){0};
  b->out = out;
  enum err e = decoder_put(b->decoder, data, n, take_piece, b, f);
  if (!e) e = encoder_flush(b->encoder, out);
  return failed(f, e);
}

enum err body_end(struct body *b, struct buf *out, struct failure *f)
{
  *f = (struct failure){0};
  buf_reset(&b->text);
  enum err e = decoder_end(b->decoder, f);
  if (!e) e = markup_end(b->markup, &b->text);
  if (!e) e = encoder_put(b->encoder, b->text.data, b->text.len, out);
  if (!e) e = encoder_end(b->encoder, out);
  return failed(f, e);
}
