# shellcheck shell=bash
# Load without a pause, and what became of it: what users got is compared with how many requests the application counted itself.
# For scenarios in which something changes meanwhile; the agent has signed in to $SEVENSTEP_APP_URL.
#
#   load_start [CURL-OPTION...]  load_await N  load_stop
#   pid_of ACTOR   metric ACTOR NAME   await_metric ACTOR NAME VALUE

# load_start [CURL-OPTION...]: 16 requests at a time, until load_stop. Lines of STATUS CURL-CODE PATH go to $results.
load_start() {
  results=$BATS_TEST_TMPDIR/results
  : >"$BATS_TEST_TMPDIR/go"
  : >"$results"
  retried=$(metric cloud sevenstep_cloud_retried_total)
  arrived=$(metric backend sevenstep_backend_requests_total)
  (
    exec 3>&-
    for ((round = 0; ; round++)); do
      [[ -e $BATS_TEST_TMPDIR/go ]] || break
      stdbuf -oL curl -s --noproxy '*' --cacert "$SEVENSTEP_CA" -b "$agent_jar" --max-time 30 --parallel --parallel-immediate \
        --parallel-max 16 -o /dev/null -w '%{http_code} %{exitcode} %{url_effective}\n' "$@" \
        "${SEVENSTEP_APP_URL}echo/$round/[1-200]" >>"$results" 2>/dev/null
    done
  ) &
  load=$!
}

# Waits until the users have got N answers more; fails the test after a minute.
load_await() {
  local wanted=$(($(wc -l <"$results") + $1)) found
  found=$(timeout 60 tail -n +1 -f --pid="$load" "$results" | head -n "$wanted" | wc -l)
  ((found == wanted)) || fail "expected $wanted answers, found $found"
}

# Sets: sent, good (answered 200), retried (sent again by the cloud), arrived (counted by the application).
load_stop() {
  rm "$BATS_TEST_TMPDIR/go"
  wait "$load" || true
  sent=$(wc -l <"$results")
  good=$(grep -c '^200 0 ' "$results")
  retried=$(($(metric cloud sevenstep_cloud_retried_total) - retried))
  arrived=$(($(metric backend sevenstep_backend_requests_total) - arrived))
}

pid_of() {
  lab status --json | jq -r --arg name "$1" '.actors[] | select(.name == $name) | .pid'
}

metric() {
  curl -s --unix-socket "$SEVENSTEP_RUN/$1.sock" http://localhost/metrics | awk -v name="$2" '$1 == name { print $2 }'
}

# Waits for the actor's metric to have this value, by asking again: its own server has no other way to tell.
await_metric() {
  for _ in $(seq 1 2000); do
    [[ $(metric "$1" "$2") == "$3" ]] && return
  done
  fail "$1: expected $2 = $3, found $(metric "$1" "$2")"
}
