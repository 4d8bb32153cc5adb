#!/usr/bin/env bats
# Answers that take their time: server-sent events arrive one by one, and who reads slowly holds up nobody else.

load lib/lab
load lib/load

setup_file() { lab_start; }
teardown_file() { lab_stop; }
setup() { agent_new "$BATS_TEST_TMPDIR/agent"; }

# get_slowly URL...: in the background, as the agent; what comes is read from $answer, and nothing more is read ahead than pipes hold.
get_slowly() {
  exec {answer}< <(exec curl -sSN --http1.1 --noproxy '*' --cacert "$SEVENSTEP_CA" -b "$agent_jar" "$@" 2>&1 3>&-)
  answer_pid=$!
}

stop_reading() {
  kill "$answer_pid"
  exec {answer}<&-
}

next_line() {
  read -r -t 30 -u "$answer" line
  [[ $line == "$1" ]] || fail "expected \"$1\", found \"$line\""
}

next_line_like() {
  read -r -t 30 -u "$answer" line
  # shellcheck disable=SC2053 # a pattern
  [[ $line == $1 ]] || fail "expected \"$1\", found \"$line\""
}

next_event() {
  local id data empty
  { read -r -t 30 id && read -r -t 30 data && read -r -t 30 empty; } <&"$answer" || fail "event $1 does not come"
  [[ $id == "id: $1" && $data == "data: event $(($1 + 1)) of $2" && -z $empty ]] || fail "expected event $1, found \"$id\" \"$data\""
}

@test "the first event arrives before the second is made" {
  sign_in
  # The application waits for an hour before it makes the second.
  get_slowly "${SEVENSTEP_APP_URL}stream?count=2&ms=3600000"
  next_event 0 2
  stop_reading
}

@test "events arrive without delay also behind another answer on the same connection, and others follow" {
  sign_in
  get_slowly -w 'new connections: %{num_connects}\n' -o /dev/null "${SEVENSTEP_APP_URL}whoami.json" -o - "${SEVENSTEP_APP_URL}stream?count=3&ms=1" \
    -o /dev/null "${SEVENSTEP_APP_URL}whoami.json" -o - "${SEVENSTEP_APP_URL}stream?count=2&ms=3600000"
  next_line 'new connections: 1'
  for event in 0 1 2; do next_event "$event" 3; done
  next_line 'new connections: 0'
  next_line 'new connections: 0'
  next_event 0 2
  stop_reading
}

# is_broken_off: what is read from $answer ends, and curl has seen that it is not whole.
is_broken_off() {
  next_line_like 'curl: *'
  ! wait "$answer_pid" || fail 'the answer ended as if it were whole'
  exec {answer}<&-
}

@test "logout ends what is still being answered" {
  sign_in
  get_slowly "${SEVENSTEP_APP_URL}stream?count=2&ms=3600000"
  next_event 0 2
  agent_get "${SEVENSTEP_APP_URL}.sevenstep/logout"
  is_broken_off
}

@test "by HTTP/2 a revocation ends what is still being answered" {
  sign_in
  get_slowly --http2 "${SEVENSTEP_APP_URL}stream?count=2&ms=3600000"
  next_event 0 2
  lab revoke alice@sevenstep.test
  is_broken_off
}

@test "users who do not read hold up nobody else, and lose nothing" {
  local size=50000000 slow=() pids=() reader
  sign_in
  # More than there are tunnels, so that each tunnel has some.
  for reader in {1..8}; do
    get_slowly "${SEVENSTEP_APP_URL}download?bytes=$size"
    slow+=("$answer") pids+=("$answer_pid")
    read -r -N 1 -t 30 -u "$answer" byte
    [[ $byte == a ]]
  done
  for ((reader = 0; reader < 20; reader++)); do
    agent_get "${SEVENSTEP_APP_URL}download?bytes=1000000"
    assert_status 200
    [[ $(stat -c %s "$agent_body") == 1000000 ]]
  done
  get_slowly "${SEVENSTEP_APP_URL}stream?count=2&ms=3600000"
  next_event 0 2
  stop_reading
  { printf a && cat <&"${slow[0]}"; } | cmp - <(pattern "$size")
  kill "${pids[@]:1}"
}

# What the application's /download is made of: pattern BYTES.
pattern() { yes abcdefghijklmnopqrstuvwxyz | tr -d '\n' | head -c "$1"; }

# FOLDER USER N, in it: a session, and N requests of three kinds each.
much_prepare() {
  local folder=$1 n
  shift
  agent_new "$folder"
  sign_in "$SEVENSTEP_APP_URL" "$1"
  for ((n = 1; n <= $2; n++)); do
    head -c $((n * 7907)) /dev/urandom >"$folder/random-$n"
    printf 'url = "%s"\noutput = "%s"\nupload-file = "%s"\n' "${SEVENSTEP_APP_URL}upload" "$folder/upload-$n" "$folder/random-$n"
  done >"$folder/requests"
  for ((n = 1; n <= $2; n++)); do
    printf 'url = "%s"\noutput = "%s"\n' "${SEVENSTEP_APP_URL}echo/${folder##*/}/$n" "$folder/$n"
    printf 'url = "%s"\noutput = "%s"\n' "${SEVENSTEP_APP_URL}download?bytes=$((n * 7919))" "$folder/download-$n"
  done >>"$folder/requests"
}

# FOLDER CURL-OPTION...: all of them, 16 at a time, in the background.
much_ask() {
  curl -s --noproxy '*' --cacert "$SEVENSTEP_CA" -b "$1/cookies" --parallel --parallel-immediate --parallel-max 16 "${@:2}" \
    -w '%{http_code} %{exitcode} %{url_effective}\n' -K "$1/requests" >"$1/results" 2>/dev/null 3>&- &
}

# FOLDER USER N: the answers are what was asked for, byte for byte.
much_compare() {
  local n
  [[ $(grep -c '^200 0 ' "$1/results") == $((3 * $3)) ]] || fail "$1:" "$(grep -v '^200 0 ' "$1/results")"
  grep /echo/ "$1/results" | answers_of_others "$1" "$2" || fail "$1: answers of others"
  for ((n = 1; n <= $3; n++)); do
    pattern $((n * 7919)) | cmp - "$1/download-$n"
    [[ $(jq -r .sha256 "$1/upload-$n") == "$(sha256sum <"$1/random-$n" | cut -d ' ' -f 1)" ]] || fail "$1: upload $n"
  done
}

@test "many requests of several users at once, between others that are broken off: each gets his own answers, byte for byte" {
  local user way
  for user in alice bob; do
    for way in http1.1 http2; do much_prepare "$BATS_TEST_TMPDIR/$user-$way" "$user@sevenstep.test" 40; done
  done
  for user in alice bob; do
    for way in http1.1 http2; do much_ask "$BATS_TEST_TMPDIR/$user-$way" "--$way"; done
  done
  while [[ -n $(jobs -r) ]]; do
    for way in http1.1 http2; do
      curl -s --noproxy '*' --cacert "$SEVENSTEP_CA" -b "$agent_jar" "--$way" "${SEVENSTEP_APP_URL}download?bytes=50000000" 3>&- |
        head -c 100000 | cmp - <(pattern 100000)
    done
  done
  for user in alice bob; do
    for way in http1.1 http2; do much_compare "$BATS_TEST_TMPDIR/$user-$way" "$user@sevenstep.test" 40; done
  done
}
