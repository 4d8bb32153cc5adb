#include "fetch.h"

#include <curl/curl.h>
#include <stdio.h>

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
  return buf_append(arg, data, size * n) ? 0 : size * n;
}

enum err fetch(const struct fetch *q, long *ret_status, struct buf *out, struct failure *f)
{
  enum err e = ERR_OK;
  CURL *c = curl_easy_init();
  if (!c) return ERR_NOMEM;
  struct curl_slist *to = q->connect_to ? curl_slist_append(NULL, q->connect_to) : NULL;
  struct curl_slist *fields = NULL;
  char parent[128];
  if (q->connect_to && !to) { /* else another machine would be asked */
    curl_easy_cleanup(c);
    return ERR_NOMEM;
  }
  if (q->traceparent) {
    snprintf(parent, sizeof parent, "traceparent: %s", q->traceparent);
    fields = curl_slist_append(NULL, parent);
  }
  curl_easy_setopt(c, CURLOPT_HTTPHEADER, fields);
  curl_easy_setopt(c, CURLOPT_URL, q->url);
  curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
  curl_easy_setopt(c, CURLOPT_CAINFO, q->ca);
  curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
  curl_easy_setopt(c, CURLOPT_PROXY, "");
  curl_easy_setopt(c, CURLOPT_CONNECT_TO, to);
  curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, 2000L);
  curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, 5000L);
  curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(c, CURLOPT_WRITEDATA, out);
  if (q->form) curl_easy_setopt(c, CURLOPT_POSTFIELDS, q->form);
  if (q->user) {
    curl_easy_setopt(c, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    curl_easy_setopt(c, CURLOPT_USERNAME, q->user);
    curl_easy_setopt(c, CURLOPT_PASSWORD, q->password);
  }
  CURLcode r = curl_easy_perform(c);
  if (r != CURLE_OK)
    e = failure_set(f, ERR_IDP_UNREACHABLE, "%s: %s", q->url, curl_easy_strerror(r));
  else
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, ret_status);
  curl_easy_cleanup(c);
  curl_slist_free_all(to);
  curl_slist_free_all(fields);
  return e;
}
