#include "spans.h"

#include "encode.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID_AT     13  /* where the id stands in a line: behind {"trace_id":" */
#define HEAD_MAX  512 /* start_ns stands before the attributes, so within this */
#define FILES_MAX 256

struct line {
  uint8_t id[16];
  int64_t start_ns;
  const char *at;
  size_t n;
};

struct file {
  void *map;
  size_t size;
};

struct spans {
  struct file files[FILES_MAX];
  size_t n_files;
  struct line *lines; /* by id, then time */
  size_t n_lines, cap_lines;
  struct trace_entry *traces;
  size_t n_traces;
};

/* What the index needs of a line, without parsing it; false: not a span of ours. */
static bool read_head(const char *at, size_t n, struct line *ret)
{
  static const char begin[] = "{\"trace_id\":\"", start[] = "\"start_ns\":";
  if (n < ID_AT + 34 || memcmp(at, begin, ID_AT) != 0 || at[ID_AT + 32] != '"') return false;
  if (hex_decode(ret->id, sizeof ret->id, at + ID_AT)) return false;
  const char *number = memmem(at, n < HEAD_MAX ? n : HEAD_MAX, start, sizeof start - 1);
  if (!number) return false;
  ret->start_ns = strtoll(number + sizeof start - 1, NULL, 10); /* ends before the newline */
  ret->at = at;
  ret->n = n;
  return true;
}

static enum err add_line(struct spans *s, const struct line *line)
{
  if (s->n_lines == s->cap_lines) {
    size_t cap = s->cap_lines ? 2 * s->cap_lines : 1024;
    struct line *grown = realloc(s->lines, cap * sizeof *grown);
    if (!grown) return ERR_NOMEM;
    s->lines = grown;
    s->cap_lines = cap;
  }
  s->lines[s->n_lines++] = *line;
  return ERR_OK;
}

static enum err index_file(struct spans *s, const struct file *file)
{
  const char *at = file->map, *end = at + file->size, *newline;
  enum err e = ERR_OK;
  for (; !e && at < end && (newline = memchr(at, '\n', (size_t)(end - at))); at = newline + 1) {
    struct line line;
    if (read_head(at, (size_t)(newline - at), &line)) e = add_line(s, &line);
  }
  return e;
}

static enum err open_file(struct spans *s, int folder, const char *name)
{
  struct stat st;
  int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return errno == ENOENT ? ERR_OK : ERR_IO; /* rotated away in between */
  if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0 || s->n_files == FILES_MAX) {
    close(fd);
    return ERR_OK;
  }
  struct file file = {.size = (size_t)st.st_size};
  file.map = mmap(NULL, file.size, PROT_READ, MAP_PRIVATE, fd, 0);
  close(fd);
  if (file.map == MAP_FAILED) return ERR_IO;
  s->files[s->n_files++] = file;
  return index_file(s, &file);
}

static bool ends_with(const char *name, const char *end)
{
  size_t n = strlen(name), k = strlen(end);
  return n > k && strcmp(name + n - k, end) == 0;
}

static int by_id_and_time(const void *a, const void *b)
{
  const struct line *x = a, *y = b;
  int order = memcmp(x->id, y->id, sizeof x->id);
  if (order) return order;
  return (x->start_ns > y->start_ns) - (x->start_ns < y->start_ns);
}

static int by_time(const void *a, const void *b)
{
  const struct trace_entry *x = a, *y = b;
  return (x->start_ns > y->start_ns) - (x->start_ns < y->start_ns);
}

static bool begins_trace(const struct spans *s, size_t i)
{
  return i == 0 || memcmp(s->lines[i].id, s->lines[i - 1].id, sizeof s->lines[i].id) != 0;
}

static enum err group(struct spans *s)
{
  if (s->n_lines) qsort(s->lines, s->n_lines, sizeof *s->lines, by_id_and_time);
  size_t n = 0;
  for (size_t i = 0; i < s->n_lines; i++)
    n += begins_trace(s, i);
  s->traces = calloc(n + 1, sizeof *s->traces);
  if (!s->traces) return ERR_NOMEM;
  for (size_t i = 0; i < s->n_lines; i++) {
    if (begins_trace(s, i)) {
      struct trace_entry *t = &s->traces[s->n_traces++];
      hex_encode(t->id, s->lines[i].id, sizeof s->lines[i].id);
      t->start_ns = s->lines[i].start_ns;
    }
    s->traces[s->n_traces - 1].n++;
  }
  qsort(s->traces, s->n_traces, sizeof *s->traces, by_time);
  return ERR_OK;
}

enum err spans_open(const char *run, const char *name, struct spans **ret, struct failure *f)
{
  char path[4096];
  struct dirent *entry;
  enum err e = ERR_OK;
  snprintf(path, sizeof path, "%s/%s", run, name);
  DIR *folder = opendir(path);
  if (!folder && errno == ENOENT) return failure_set(f, ERR_NOT_FOUND, "%s: no traces here", path);
  if (!folder) return failure_set(f, ERR_IO, "%s: %s", path, strerror(errno));
  struct spans *s = calloc(1, sizeof *s);
  if (!s) e = ERR_NOMEM;
  while (!e && (entry = readdir(folder)))
    if (ends_with(entry->d_name, ".jsonl") || ends_with(entry->d_name, ".jsonl.1"))
      e = open_file(s, dirfd(folder), entry->d_name);
  closedir(folder);
  if (!e) e = group(s);
  if (e) {
    spans_close(s);
    return failure_set(f, e, "%s: %s", path, e == ERR_NOMEM ? "out of memory" : strerror(errno));
  }
  *ret = s;
  return ERR_OK;
}

void spans_close(struct spans *s)
{
  if (!s) return;
  for (size_t i = 0; i < s->n_files; i++)
    munmap(s->files[i].map, s->files[i].size);
  free(s->lines);
  free(s->traces);
  free(s);
}

const struct trace_entry *spans_traces(const struct spans *s, size_t *ret_n)
{
  *ret_n = s->n_traces;
  return s->traces;
}

enum err spans_find(const struct spans *s, const char *prefix, const struct trace_entry **ret,
                    struct failure *f)
{
  const struct trace_entry *found = NULL;
  size_t n = strlen(prefix);
  if (strcmp(prefix, "last") == 0) {
    if (!s->n_traces) return failure_set(f, ERR_NOT_FOUND, "no trace has been recorded yet");
    *ret = &s->traces[s->n_traces - 1];
    return ERR_OK;
  }
  if (n == 0 || n > 32 || strspn(prefix, "0123456789abcdef") != n)
    return failure_set(f, ERR_SYNTAX, "a trace id is 1 to 32 lower-case hex digits, or \"last\": %s", prefix);
  for (size_t i = 0; i < s->n_traces; i++) {
    if (strncmp(s->traces[i].id, prefix, n) != 0) continue;
    if (found)
      return failure_set(f, ERR_EXISTS, "several trace ids begin with %s: %s, %s, ...", prefix, found->id,
                         s->traces[i].id);
    found = &s->traces[i];
  }
  if (!found) return failure_set(f, ERR_NOT_FOUND, "no trace id begins with %s", prefix);
  *ret = found;
  return ERR_OK;
}

static int span_order(const void *a, const void *b)
{
  json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
  json_int_t tx = json_integer_value(json_object_get(x, "start_ns"));
  json_int_t ty = json_integer_value(json_object_get(y, "start_ns"));
  if (tx != ty) return tx > ty ? 1 : -1;
  return (int)(json_integer_value(json_object_get(x, "step")) -
               json_integer_value(json_object_get(y, "step")));
}

/* Of lines[0..n) those that are objects, the latest max of them. */
static json_t *parse(const struct line *const *lines, size_t n, size_t max)
{
  size_t found = 0;
  json_t *all = json_array(), **list = calloc(n + 1, sizeof *list);
  for (size_t i = 0; list && i < n; i++) {
    json_t *v = json_loadb(lines[i]->at, lines[i]->n, 0, NULL);
    if (json_is_object(v))
      list[found++] = v;
    else
      json_decref(v);
  }
  if (found) qsort(list, found, sizeof *list, span_order);
  for (size_t i = 0; i < found; i++)
    if (i + max < found)
      json_decref(list[i]);
    else
      json_array_append_new(all, list[i]);
  free(list);
  return all;
}

json_t *spans_load(const struct spans *s, const struct trace_entry *trace)
{
  struct line key = {.start_ns = INT64_MIN};
  size_t low = 0, high = s->n_lines, n = 0;
  const struct line **lines = calloc(trace->n + 1, sizeof(struct line *));
  bool known = lines && hex_decode(key.id, sizeof key.id, trace->id) == ERR_OK;
  while (low < high) { /* the first line of this trace */
    size_t mid = low + (high - low) / 2;
    if (by_id_and_time(&s->lines[mid], &key) < 0)
      low = mid + 1;
    else
      high = mid;
  }
  for (size_t i = low; known && n < trace->n && i < s->n_lines; i++)
    lines[n++] = &s->lines[i];
  json_t *all = parse(lines, n, n);
  free(lines);
  return all;
}

json_t *spans_with(const struct spans *s, const char *text, size_t max)
{
  size_t n = 0, size = strlen(text);
  const struct line **lines = calloc(s->n_lines + 1, sizeof(struct line *));
  for (size_t i = 0; lines && i < s->n_lines; i++)
    if (memmem(s->lines[i].at, s->lines[i].n, text, size)) lines[n++] = &s->lines[i];
  json_t *all = parse(lines, n, max);
  free(lines);
  return all;
}
