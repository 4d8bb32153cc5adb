/* sevenstep-trace: what happened, step by step. Reads RUN/trace; talks to nobody. */
#include "clock.h"
#include "exchanges.h"
#include "follow.h"
#include "page.h"
#include "show.h"
#include "spans.h"
#include "story.h"
#include "tables.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TABLE_MAX   1048576u
#define KEYTABS_MAX 16

enum exit_code { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_UNKNOWN = 3, EXIT_AMBIGUOUS = 4 };

struct options {
  const char *run;
  bool json;
  long limit;  /* of list */
  long wait_s; /* of show */
  bool wire;   /* the same */
  char *keytabs[KEYTABS_MAX];
  size_t n_keytabs;
  const char *check, *write; /* of table */
  struct page page;
};

static const char help[] =
    "usage: sevenstep-trace [OPTIONS] list | show [TRACE_ID|last] | follow | table [steps|errors]\n"
    "\n"
    "  list             the latest traces, one a line\n"
    "  show             one trace: the steps in order, what was sent, token and tickets, errors\n"
    "                   (TRACE_ID may be shortened as long as one trace begins so; default: last)\n"
    "  follow           each span as it is written, until interrupted\n"
    "  table            the table of the steps, or of the errors, in Markdown\n"
    "\n"
    "  --run RUN        the run folder (default: $SEVENSTEP_RUN, else ./run)\n"
    "  --json           for scripts; docs/trace.md describes the form\n"
    "  --color WHEN     auto (default: on a terminal, unless NO_COLOR is set), always, never\n"
    "  -n N             list: at most N traces (default 20)\n"
    "  --wait SECONDS   show: wait until the trace is complete, at most so long\n"
    "  --wire           show: with what was said to KDCs and applications, decoded\n"
    "  --keytab FILE    --wire: use these keys, too, besides those in RUN/keytabs; may be repeated\n"
    "  --check FILE     table: only check that FILE holds the table of now\n"
    "  --write FILE     table: put it into FILE\n"
    "\n"
    "exit status: 0 done, 1 failed, 2 usage, 3 no such trace, 4 several traces begin so\n";

static int complain(const struct failure *f)
{
  fprintf(stderr, "sevenstep-trace: %s\n", f->why[0] ? f->why : err_info(f->err)->what);
  switch (f->err) {
  case ERR_SYNTAX:
  case ERR_USAGE:
    return EXIT_USAGE;
  case ERR_NOT_FOUND:
    return EXIT_UNKNOWN;
  case ERR_EXISTS:
    return EXIT_AMBIGUOUS;
  default:
    return EXIT_FAILED;
  }
}

static void print_json(const struct options *o, json_t *v)
{
  json_dumpf(v, o->page.out, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
  fputc('\n', o->page.out);
  json_decref(v);
}

static int cmd_list(const struct options *o)
{
  struct spans *spans;
  struct failure f;
  size_t n;
  if (spans_open(o->run, "trace", &spans, &f)) return complain(&f);
  const struct trace_entry *traces = spans_traces(spans, &n);
  json_t *all = json_array();
  if (!o->json) show_list_head(&o->page);
  for (size_t i = n > (size_t)o->limit ? n - (size_t)o->limit : 0; i < n; i++) {
    struct story s;
    story_tell(&s, traces[i].id, spans_load(spans, &traces[i]));
    if (o->json) {
      json_t *line = story_json(&s);
      json_object_del(line, "steps");
      json_object_del(line, "others");
      json_array_append_new(all, line);
    } else {
      show_list_line(&o->page, &s);
    }
    story_clear(&s);
  }
  if (o->json)
    print_json(o, all);
  else
    json_decref(all);
  spans_close(spans);
  return EXIT_DONE;
}

/* Reads the trace as it is now. */
static enum err load(const struct options *o, const char *id, struct story *ret, struct failure *f)
{
  struct spans *spans;
  const struct trace_entry *trace;
  enum err e = spans_open(o->run, "trace", &spans, f);
  if (e) return e;
  e = spans_find(spans, id, &trace, f);
  if (!e) story_tell(ret, trace->id, spans_load(spans, trace));
  spans_close(spans);
  return e;
}

/* The spans of one request come from several processes, the last of them after the user has the answer. */
static enum err load_complete(const struct options *o, const char *id, struct story *ret, struct failure *f)
{
  int64_t until = clock_mono_ns() + o->wait_s * 1000000000;
  struct follow *w = NULL;
  enum err e = o->wait_s ? follow_new(o->run, &w, f) : ERR_OK;
  if (e) return e;
  for (;;) {
    e = load(o, id, ret, f);
    int64_t left_ms = (until - clock_mono_ns()) / 1000000;
    if (!w || left_ms <= 0 || (e && e != ERR_NOT_FOUND) || (!e && story_complete(ret))) break;
    if (!e) story_clear(ret);
    if (follow_wait(w, (int)left_ms, NULL, NULL) == ERR_IO) {
      e = failure_set(f, ERR_IO, "the trace folder cannot be watched");
      break;
    }
  }
  follow_free(w);
  return e;
}

static int cmd_show(const struct options *o, const char *id)
{
  struct story s;
  struct failure f;
  if (load_complete(o, id, &s, &f)) return complain(&f);
  if (o->wire && exchanges_add(&s, o->run, o->keytabs, o->n_keytabs, &f)) {
    story_clear(&s);
    return complain(&f);
  }
  if (o->json)
    print_json(o, story_json(&s));
  else
    show_story(&o->page, &s);
  story_clear(&s);
  return EXIT_DONE;
}

static void show_line(void *arg, const char *text)
{
  const struct options *o = arg;
  json_t *span = json_loads(text, 0, NULL);
  if (json_is_object(span)) {
    if (o->json)
      fprintf(o->page.out, "%s\n", text);
    else
      show_span_line(&o->page, span);
  }
  json_decref(span);
}

static int cmd_follow(struct options *o)
{
  struct follow *w;
  struct failure f;
  enum err e = follow_new(o->run, &w, &f);
  if (e) return complain(&f);
  while (!e && fflush(o->page.out) == 0)
    e = follow_wait(w, -1, show_line, o);
  follow_free(w);
  return e ? EXIT_FAILED : EXIT_DONE;
}

static int cmd_table(const struct options *o, const char *name)
{
  struct failure f = {0};
  struct buf table;
  enum err e;
  if (o->check || o->write) {
    e = o->check ? table_check(name, o->check, &f) : table_write(name, o->write, &f);
    if (e) complain(&f);
    return e ? EXIT_FAILED : EXIT_DONE;
  }
  buf_init(&table, TABLE_MAX);
  e = table_make(name, &table);
  if (!e) fputs(buf_str(&table), o->page.out);
  buf_clear(&table);
  if (e) (void)failure_set(&f, ERR_USAGE, "there is no table %s; there are steps and errors", name);
  return e ? complain(&f) : EXIT_DONE;
}

static bool set_colour(struct options *o, const char *when)
{
  const char *no_color = getenv("NO_COLOR");
  if (strcmp(when, "auto") == 0)
    o->page.colour = isatty(STDOUT_FILENO) && !(no_color && *no_color);
  else if (strcmp(when, "always") == 0 || strcmp(when, "never") == 0)
    o->page.colour = when[0] == 'a';
  else
    return false;
  return true;
}

static bool parse_count(const char *text, long *ret)
{
  char *end;
  long v = strtol(text, &end, 10);
  if (end == text || *end || v < 0 || v > 1000000) return false;
  *ret = v;
  return true;
}

static int usage(const char *why)
{
  fprintf(stderr, "sevenstep-trace: %s\n%s", why, help);
  return EXIT_USAGE;
}

/* -1: go on; else the exit code. */
static int parse(struct options *o, int argc, char **argv)
{
  static const struct option longs[] = {
      {"run", required_argument, NULL, 'r'},   {"json", no_argument, NULL, 'j'},
      {"color", required_argument, NULL, 'c'}, {"wait", required_argument, NULL, 'w'},
      {"check", required_argument, NULL, 'k'}, {"write", required_argument, NULL, 'o'},
      {"wire", no_argument, NULL, 'W'},        {"keytab", required_argument, NULL, 't'},
      {"help", no_argument, NULL, 'h'},        {0},
  };
  int c;
  while ((c = getopt_long(argc, argv, "r:n:h", longs, NULL)) != -1) {
    switch (c) {
    case 'r':
      o->run = optarg;
      break;
    case 'j':
      o->json = true;
      break;
    case 'c':
      if (!set_colour(o, optarg)) return usage("--color takes auto, always or never");
      break;
    case 'n':
      if (!parse_count(optarg, &o->limit)) return usage("-n takes a number");
      break;
    case 'w':
      if (!parse_count(optarg, &o->wait_s)) return usage("--wait takes seconds");
      break;
    case 'W':
      o->wire = true;
      break;
    case 't':
      if (o->n_keytabs == KEYTABS_MAX) return usage("too many keytabs");
      o->keytabs[o->n_keytabs++] = optarg;
      break;
    case 'k':
      o->check = optarg;
      break;
    case 'o':
      o->write = optarg;
      break;
    case 'h':
      fputs(help, stdout);
      return EXIT_DONE;
    default:
      return EXIT_USAGE;
    }
  }
  return -1;
}

int main(int argc, char **argv)
{
  const char *run = getenv("SEVENSTEP_RUN");
  struct options o = {.run = run && *run ? run : "run", .limit = 20, .page = {.out = stdout}};
  (void)set_colour(&o, "auto");
  int code = parse(&o, argc, argv);
  if (code >= 0) return code;
  const char *verb = argv[optind], *what = verb ? argv[optind + 1] : NULL;
  if (!verb) return usage("say what to do");
  if (what && (argv[optind + 2] || strcmp(verb, "list") == 0 || strcmp(verb, "follow") == 0))
    return usage("too many arguments");
  if (strcmp(verb, "list") == 0)
    code = cmd_list(&o);
  else if (strcmp(verb, "show") == 0)
    code = cmd_show(&o, what ? what : "last");
  else if (strcmp(verb, "follow") == 0)
    code = cmd_follow(&o);
  else if (strcmp(verb, "table") == 0)
    code = cmd_table(&o, what ? what : "steps");
  else
    return usage("there is no such command");
  return fflush(stdout) == 0 ? code : EXIT_FAILED;
}
