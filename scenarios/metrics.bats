#!/usr/bin/env bats
# docs/metrics.md names every metric that an actor has, and no other, with its type and its text.

load lib/lab

setup_file() { lab_start; }
teardown_file() { lab_stop; }

# The rows of an actor's table, as the actor itself would write them.
rows_of() {
  curl -s --unix-socket "$SEVENSTEP_RUN/$1.sock" http://localhost/metrics |
    awk '$2 == "HELP" { name = $3; help = $0; sub(/^# HELP [^ ]* /, "", help) } $2 == "TYPE" { printf "| `%s` | %s | %s |\n", name, $4, help }'
}

rows_in_document() {
  awk -v heading="## $1" '/^## / { here = $0 == heading } here && /^\| `/' "$lab_top/docs/metrics.md"
}

@test "docs/metrics.md is what the actors print" {
  for actor in cloud idp backend kdc connector-1; do
    spans=''
    [[ $actor == kdc ]] || spans='Every actor that writes spans'
    (($(rows_of "$actor" | wc -l) >= 2))
    diff -u <({ rows_in_document "${actor%-1}"; rows_in_document "$spans"; } | sort) <(rows_of "$actor" | sort)
  done
}

@test "what is printed is Prometheus text: every sample has its HELP and its TYPE before it" {
  for actor in cloud idp backend kdc connector-1 connector-2; do
    curl -s --unix-socket "$SEVENSTEP_RUN/$actor.sock" http://localhost/metrics >"$BATS_TEST_TMPDIR/metrics"
    [[ -s $BATS_TEST_TMPDIR/metrics ]]
    awk '$2 == "HELP" { help[$3] = 1; next } $2 == "TYPE" { type[$3] = 1; next }
      { name = $1; sub(/\{.*/, "", name); if (!(name in help && name in type) || $NF !~ /^[0-9]+(\.[0-9]+)?$/) { print; bad = 1 } }
      END { exit bad }' "$BATS_TEST_TMPDIR/metrics"
  done
}
