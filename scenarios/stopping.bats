#!/usr/bin/env bats
# The cloud is stopped while users work: what is in progress is finished, for a while.

load lib/lab
load lib/load

setup_file() { lab_start; }
teardown_file() { lab_stop; }
setup() {
  agent_new "$BATS_TEST_TMPDIR/agent"
  cloud=$(pid_of cloud)
  [[ $cloud != null ]] || {
    lab start cloud
    await_metric cloud sevenstep_cloud_ready_connectors 2
    cloud=$(pid_of cloud)
  }
  holds=()
}

# upload NAME CURL-OPTION...: one whose body lasts until upload_end NAME. Returns when it is on its way to the application.
upload() {
  local name=$1 before hold
  shift
  before=$(metric cloud sevenstep_cloud_dispatched_total)
  mkfifo "$BATS_TEST_TMPDIR/$name"
  (
    exec 3>&-
    for hold in "${holds[@]}"; do exec {hold}>&-; done # or the other uploads would not end
    exec curl -sS --noproxy '*' --cacert "$SEVENSTEP_CA" -D "$BATS_TEST_TMPDIR/$name.head" -o /dev/null -w '%{http_code}' "$@" -T - \
      "${SEVENSTEP_PASSTHROUGH_URL%/}/upload" <"$BATS_TEST_TMPDIR/$name" >"$BATS_TEST_TMPDIR/$name.status" 2>/dev/null
  ) &
  exec {hold}>"$BATS_TEST_TMPDIR/$name"
  declare -g "pid_$name=$!" "hold_$name=$hold"
  holds+=("$hold")
  printf some >&"$hold"
  await_metric cloud sevenstep_cloud_dispatched_total $((before + 1))
}

# Ends the body; sets uploaded to the answer's status.
upload_end() {
  local hold=hold_$1 pid=pid_$1
  hold=${!hold}
  exec {hold}>&-
  wait "${!pid}" || true
  uploaded=$(<"$BATS_TEST_TMPDIR/$1.status")
}

# Sends the signal; returns when the log has one line more that says so.
terminate() {
  local before
  before=$(grep -c "$1" "$SEVENSTEP_RUN/log/cloud.log" || true)
  kill -TERM "$cloud"
  until (($(grep -c "$1" "$SEVENSTEP_RUN/log/cloud.log") > before)); do kill -0 "$cloud"; done
}

@test "requests in progress are answered while the cloud stops" {
  upload old --http1.1
  upload new --http2
  terminate 'what is in progress is finished first'
  run agent_get "$SEVENSTEP_PASSTHROUGH_URL"
  [[ $status != 0 ]]
  upload_end old
  [[ $uploaded == 200 ]]
  grep -qi '^connection: close' "$BATS_TEST_TMPDIR/old.head"
  upload_end new
  [[ $uploaded == 200 ]]
  lab stop cloud
  refute grep -q 'cut off' "$SEVENSTEP_RUN/log/cloud.log"
}

@test "a second signal ends it at once" {
  upload late --http1.1
  terminate 'what is in progress is finished first'
  terminate 'stopping at once'
  upload_end late
  [[ $uploaded != 200 ]]
}

@test "WebSockets end in order" {
  sign_in
  local port=$((SEVENSTEP_PORT_BASE + 3)) client lines
  client=("--ca" "$SEVENSTEP_CA" --cookie "__Host-sevenstep=$(agent_cookie __Host-sevenstep)" "wss://hello.apps.localhost:$port/ws")
  exec {one}< <("$BATS_TEST_DIRNAME/lib/websocket" "${client[@]}" text x wait 3>&-)
  exec {two}< <("$BATS_TEST_DIRNAME/lib/websocket2" "${client[@]}" text x wait 3>&-)
  await_metric cloud sevenstep_cloud_open_websockets 2
  lab stop cloud
  mapfile -t lines <&"$one"
  [[ ${lines[-1]} == 'closed 1001 the proxy stops' ]]
  mapfile -t lines <&"$two"
  [[ ${lines[-1]} == 'closed 1001 the proxy stops' ]]
  refute grep -q 'cut off' "$SEVENSTEP_RUN/log/cloud.log"
}
