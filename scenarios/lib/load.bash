# shellcheck shell=bash
# Load without a pause, and what became of it: what users got is compared with how many requests the application counted itself.
# For scenarios in which something changes meanwhile; the agent has signed in to $SEVENSTEP_APP_URL.
#
#   load_start [CURL-OPTION...]  load_await N  load_stop      all as the lab's user
#   answers_of_others FOLDER USER
#   pid_of ACTOR   metric ACTOR NAME   await_metric ACTOR NAME VALUE

# Lines of STATUS CURL-CODE URL say what was asked of /echo/, and FOLDER has the answers, each by the last part of its path. Fails
# if one that is 200 is to another request or another user, and prints which.
answers_of_others() {
  local urls files
  mapfile -t urls < <(sed -n 's/^200 0 //p')
  ((${#urls[@]})) || return 0
  files=("${urls[@]##*/}")
  diff <(printf '%s\n' "${urls[@]}" | sed -E "s|^https://[^/]*||; s|\$| ${2%@*}@$SEVENSTEP_REALM|") \
    <(jq -r '"\(.request.target) \(.user)"' "${files[@]/#/$1/}" 2>&1)
}

# load_start [CURL-OPTION...]: 16 requests at a time, until load_stop. Lines of STATUS CURL-CODE URL go to $results.
load_start() {
  results=$BATS_TEST_TMPDIR/results answers=$BATS_TEST_TMPDIR/answers foreign=$BATS_TEST_TMPDIR/foreign
  mkdir -p "$answers"
  : >"$BATS_TEST_TMPDIR/go"
  : >"$foreign"
  : >"$results"
  retried=$(metric cloud sevenstep_cloud_retried_total)
  arrived=$(metric backend sevenstep_backend_requests_total)
  (
    exec 3>&-
    for ((round = 0; ; round++)); do
      [[ -e $BATS_TEST_TMPDIR/go ]] || break
      before=$(wc -l <"$results")
      stdbuf -oL curl -s --noproxy '*' --cacert "$SEVENSTEP_CA" -b "$agent_jar" --max-time 30 --parallel --parallel-immediate \
        --parallel-max 16 -o "$answers/#1" -w '%{http_code} %{exitcode} %{url_effective}\n' "$@" \
        "${SEVENSTEP_APP_URL}echo/$round/[1-200]" >>"$results" 2>/dev/null || true
      tail -n +"$((before + 1))" "$results" | answers_of_others "$answers" "$SEVENSTEP_USER" >>"$foreign" || true
      rm -f "$answers"/*
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

# Sets: sent, good (answered 200), retried (sent again by the cloud), arrived (counted by the application). Fails if somebody got
# another one's answer.
load_stop() {
  rm "$BATS_TEST_TMPDIR/go"
  wait "$load" || true
  [[ ! -s $foreign ]] || fail "answers to others:" "$(head -n 20 "$foreign")"
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
