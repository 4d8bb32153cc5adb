#include "lab_keys.h"
#include "tool.h"

#include <stdio.h>

static void print_default(const struct lab_key *k)
{
  if (k->required)
    printf("required");
  else if (k->fallback)
    printf("`%s`", k->fallback);
  else
    printf("%s", k->otherwise ? k->otherwise : "");
}

static void print_type(const struct lab_key *k)
{
  switch (k->type) {
  case KEY_TEXT:
    printf("%s", k->rule->expected);
    break;
  case KEY_TEXTS:
    printf("a list, each %s", k->rule->expected);
    break;
  case KEY_BOOL:
    printf("`true` or `false`");
    break;
  case KEY_COUNT:
  case KEY_PORT:
    if (k->min == k->max)
      printf("%u", k->min);
    else
      printf("a whole number from %u to %u", k->min, k->max);
    break;
  case KEY_CHOICE:
    for (const struct lab_choice *c = k->choices; c->word; c++)
      printf("%s`%s`: %s", c == k->choices ? "" : "; ", c->word, c->help);
    break;
  case KEY_TIME:
    printf("a date or time in UTC: `2026-01-31` or `2026-01-31T17:30:00Z`");
    break;
  case KEY_ADDR:
    printf("HOST:PORT");
    break;
  case KEY_URL:
    printf("%s", k->url_rule ? k->url_rule->expected : "a URL");
    break;
  case KEY_SECTION:
  case KEY_TABLE:
  case KEY_ROWS:
    printf("see below");
    break;
  }
}

static void print_keys(const char *title, const char *help, const struct lab_keys *keys)
{
  printf("\n## %s\n\n%s\n\n| key | what it is | value | default |\n|---|---|---|---|\n", title, help);
  for (const struct lab_key *k = keys->keys; k->name; k++) {
    printf("| `%s` | %s%s | ", k->name, k->help, k->kept_by ? " A secret." : "");
    print_type(k);
    printf(" | ");
    print_default(k);
    printf(" |\n");
  }
  for (const struct lab_key *k = keys->keys; k->name; k++) {
    if (!k->members) continue;
    const char *row = k->type == KEY_TABLE ? ".NAME" : k->type == KEY_ROWS ? "[]" : "";
    const char *up = keys == &lab_top_keys ? "" : title, *dot = *up ? "." : "";
    char inner[128], text[512];
    snprintf(inner, sizeof inner, "%s%s%s%s", up, dot, k->name, row);
    snprintf(text, sizeof text, "%s%s%s%s", k->help, k->members->name_rule ? " NAME is " : "",
             k->members->name_rule ? k->members->name_rule->expected : "", k->members->name_rule ? "." : "");
    print_keys(inner, text, k->members);
  }
}

int tool_reference(void)
{
  printf("<!-- Made by `sevenstep-lab doc` from the table in common/config/lab_keys.c; a test compares. Do "
         "not edit. -->\n"
         "# The lab file\n"
         "\n"
         "`lab.yaml` describes the whole lab. Every actor reads it at start; `./sevenstep check` (or `-n` on "
         "any actor) checks it.\n"
         "Whatever is wrong is refused with FILE:LINE:COLUMN and what was expected.\n"
         "\n"
         "Where an address or URL has `{NAME}`, one of the lab's own ports is put: `port_base` plus its "
         "offset.\n"
         "\n"
         "| port | offset | what |\n"
         "|---|---|---|\n");
  for (const struct lab_port *p = lab_ports; p->name; p++)
    printf("| `{%s}` | %u | %s |\n", p->name, p->offset, p->help);
  printf("\n"
         "Checked across the file: names, hosts, UPNs, principals and listening addresses are unique where "
         "they must be; users,\n"
         "groups and SPNs that are mentioned exist; an application's connector group has a connector; and "
         "keys that have no effect\n"
         "together (single sign-on without pre-authentication, a client secret without `flow: code`) are "
         "refused.\n");
  print_keys("The top", "The file is one mapping of these keys.", &lab_top_keys);
  return 0;
}
