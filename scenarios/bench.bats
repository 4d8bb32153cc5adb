#!/usr/bin/env bats
# Measuring: every workload gives its figures for every chain, and aims are judged rightly. How good figures are is not looked at here, as
# that depends on the machine; what is so on every machine (no errors) is.

load lib/lab

setup_file() { sanitizers_watch; }
teardown_file() { sanitizers_found_nothing; }
setup() {
  local program
  for program in nginx haproxy wrk; do
    command -v "$program" >/dev/null || [[ -x /usr/sbin/$program ]] || skip "$program is not installed (packages of the purpose \"bench\")"
  done
}

# measure TOOL OPTION...
measure() {
  SEVENSTEP_BENCH_PORT_BASE=$((${SEVENSTEP_TEST_PORT_BASE:-20440} - 140)) "$BATS_TEST_DIRNAME/../bench/$1" "${@:2}"
}

bench() {
  measure run "$@"
}

# recorded PART...: the tools' own arithmetic, for figures that a test gives.
recorded() {
  local part
  top=$BATS_TEST_DIRNAME/.. judge=0
  # shellcheck source=/dev/null
  for part in measure "$@" aims; do source "$top/bench/lib/$part.bash"; done
  declare -gA figures=()
}

# assert_missed AIM...: these, one a line, and no others.
assert_missed() {
  local missed
  missed=$(printf '%s\n' "${aims[@]}" | sed -nE 's/^no (\S+ ){3}//p')
  [[ $missed == "$1" ]] || { printf 'missed:\n%s\n' "$missed"; return 1; }
}

@test "bench: figures of every workload and chain, as JSON" {
  bench --json --seconds 1 --rounds 1 --ups 1 --connections 2 --idle 10 --bulk 5 >"$BATS_TEST_TMPDIR/figures.json"
  run jq -r '[.results[] | .workload as $w | .chains | to_entries[] | select(.value | .rps // .mb_s // .kb | .median != null)
    | "\($w):\(.key)"] | sort | join(" ")' "$BATS_TEST_TMPDIR/figures.json"
  [[ $output == "bulk_down:haproxy bulk_down:nginx bulk_down:sevenstep bulk_up:haproxy bulk_up:nginx bulk_up:sevenstep far_down:sevenstep far_up:sevenstep \
get:haproxy get:kerberos get:nginx get:sevenstep idle:haproxy idle:nginx idle:sevenstep post_1k:haproxy post_1k:nginx post_1k:sevenstep \
post_64k:haproxy post_64k:nginx post_64k:sevenstep tls:haproxy tls:nginx tls:sevenstep websocket:haproxy websocket:nginx websocket:sevenstep" ]]
  jq -e '.results[] | select(.workload == "get") | .chains.nginx | .ratio > 0 and .p99_ratio > 0' "$BATS_TEST_TMPDIR/figures.json"
  # Whether each is met is not looked at: all have been found, and none is without a verdict.
  run jq -r '.aims[] | select(.found != null and (.met | type) == "boolean") | .aim + " " + .wanted' "$BATS_TEST_TMPDIR/figures.json"
  [[ $output == "Memory of the front for an idle TLS connection: KB < 20
GET, 2 connections: requests/s to those of nginx >= 1.3
GET, 2 connections: p99 to that of nginx <= 1
Download of 5 MB, one stream: MB/s to those of nginx >= 1
Upload of 5 MB, one stream: MB/s to those of nginx >= 1
Download of 5 MB, one stream, connectors 20 ms away from the cloud: MB/s >= 100
Upload of 5 MB, one stream, connectors 20 ms away from the cloud: MB/s >= 100" ]]
}

@test "bench --kerberos: figures of every workload and chain, as JSON" {
  [[ -f /usr/lib/apache2/modules/mod_auth_gssapi.so && -x /usr/sbin/apache2 ]] || skip 'Apache with mod_auth_gssapi is not installed (packages of the purpose "bench")'
  bench --kerberos --json --rounds 1 --threads 4 --users 10 --pairs 20 --requests 100 --firsts 10 --cached 20 >"$BATS_TEST_TMPDIR/figures.json"
  run jq -r '[.results[] | .workload as $w | .chains | to_entries[] | select(.value | .rps // .us // .bytes | .median > 0)
    | "\($w):\(.key)"] | sort | join(" ")' "$BATS_TEST_TMPDIR/figures.json"
  [[ $output == "chain:sevenstep first:apache first:sevenstep header:gssapi header:sevenstep known:apache known:sevenstep memory:sevenstep \
users:libkrb5 users:sevenstep" ]]
  jq -e '.results[] | select(.workload == "known") | .chains.apache.ratio > 0' "$BATS_TEST_TMPDIR/figures.json"
}

@test "bench-send: no figures unless every answer is 200 and has the field that is asked for" {
  local folder=$BATS_TEST_TMPDIR/application port=$((${SEVENSTEP_TEST_PORT_BASE:-20440} - 40))
  local send=${SEVENSTEP_BIN:-$BATS_TEST_DIRNAME/../build/release/bin}/../lib/bench-send
  # shellcheck source=/dev/null
  source "$BATS_TEST_DIRNAME/../bench/lib/application.bash"
  chmod 755 "$BATS_TEST_TMPDIR"
  application_start "$folder" "$port" 10 10
  run "$send" localhost "$port" /tiny 2 plain <<<$'X-A: 1\nX-A: 2\nX-A: 3'
  [[ $status == 0 && $output == 'RESULT requests=3 '* ]]
  run "$send" localhost "$port" /absent 2 plain <<<'X-A: 1'
  [[ $status == 1 && $output == *'404 Not Found'* ]]
  run "$send" localhost "$port" /tiny 2 plain 'WWW-Authenticate: Negotiate ' <<<'X-A: 1'
  [[ $status == 1 && $output == *'lacks the field'* ]]
  application_stop "$folder"
}

@test "bench: what it does not know is refused" {
  run bench --only gets
  [[ $status == 2 && $output == *usage:* ]]
  run bench --rounds 0
  [[ $status == 2 ]]
}

@test "bench: each aim is judged by the median of the rounds' ratios" {
  local workload load
  recorded rounds report
  workloads() {
    echo 'idle 1000 sevenstep,nginx kb Idle'
    echo 'get 1,64 sevenstep,nginx rps GET'
    echo 'bulk_up 1 sevenstep,nginx mb_s Upload'
    echo 'far_down 1 sevenstep mb_s Far'
  }
  only='' without=''
  figures=([idle/1000/sevenstep/kb]=' 19.5' [bulk_up/1/sevenstep/mb_s]=' 500' [bulk_up/1/nginx/mb_s]=' 500' [far_down/1/sevenstep/mb_s]=' 90 100 300')
  for load in 1 64; do
    figures[get/$load/sevenstep/rps]=' 130 260 130' figures[get/$load/nginx/rps]=' 100 200 900' # ratios 1.3, 1.3, 0.14
    figures[get/$load/sevenstep/p99_ms]=' 2 4 9' figures[get/$load/nginx/p99_ms]=' 2 4 3'       # 1, 1, 3
  done
  aims_of_run
  assert_missed ''
  [[ ${#aims[@]} == 7 && $(judge=1 aims_code) == 0 ]]
  figures[idle/1000/sevenstep/kb]=' 19.6' figures[bulk_up/1/nginx/mb_s]=' 501' figures[far_down/1/sevenstep/mb_s]=' 90 99 300'
  figures[get/64/nginx/rps]=' 101 201 900' figures[get/1/nginx/p99_ms]=' 1 3 9'
  aims=()
  aims_of_run
  assert_missed 'Idle: KB
GET, 1 connections: p99 to that of nginx
GET, 64 connections: requests/s to those of nginx
Upload: MB/s to those of nginx
Far: MB/s'
  [[ $(aims_code) == 0 && $(judge=1 aims_code) == 1 ]]
}

@test "bench: without nginx there is nothing to be compared with it, and a missing figure is a miss" {
  local workload load
  recorded rounds report
  workloads() { echo 'get 1 sevenstep,nginx rps GET'; }
  only='' without=nginx
  aims_of_run
  [[ ${#aims[@]} == 0 ]]
  without=''
  figures=([get/1/sevenstep/rps]=' 130' [get/1/sevenstep/p99_ms]=' 1')
  aims_of_run
  assert_missed 'GET, 1 connections: requests/s to those of nginx
GET, 1 connections: p99 to that of nginx'
}

@test "stalled: figures for each way that is asked for" {
  measure stalled --json --ways handshake,read --clients 20 --seconds 1 --rounds 1 >"$BATS_TEST_TMPDIR/figures.json"
  run jq -r '[.ways | to_entries[] | select(.value | .with_p99_ms.median > 0 and .cpu_percent.median != null) | .key] | join(" ")' "$BATS_TEST_TMPDIR/figures.json"
  [[ $output == "handshake read" ]]
  run jq -c '[.aims[] | select(.found != null) | .wanted]' "$BATS_TEST_TMPDIR/figures.json"
  [[ $output == '["< 2","< 5","< 2","< 5"]' ]]
}

@test "stalled: a doubled p99, and 5 % of a core, are misses" {
  recorded
  figures=([head/with_p99_ms]=' 3.9 1.9 9' [head/without_p99_ms]=' 2 1 1' [head/cpu_percent]=' 4.9 1 9')
  aims_of_stalled head
  assert_missed ''
  figures=([head/with_p99_ms]=' 4 2 1' [head/without_p99_ms]=' 2 1 1' [head/cpu_percent]=' 5 1 9')
  aims_of_stalled head
  assert_missed 'head: p99 of users to theirs without the stalled
head: processor time of the cloud for the stalled, % of one core'
  [[ $(aims_code) == 0 && $(judge=1 aims_code) == 1 ]]
}

@test "failover: no user notices that connectors are killed, restarted, told to dial anew, or given a changed application" {
  measure failover --json --connections 8 --seconds 2 --rounds 1 --events kill,restart,hangup,change >"$BATS_TEST_TMPDIR/figures.json"
  run jq -r '[.events | to_entries[] | select(.value.requests[0] > 0 and .value.errors == [0]) | .key] | join(" ")' "$BATS_TEST_TMPDIR/figures.json"
  [[ $output == "change hangup kill restart" ]]
}

@test "failover: when no connector is left, errors are counted, and it fails" {
  run measure failover --connections 8 --seconds 2 --rounds 1 --events outage
  [[ $status == 1 && $output =~ outage:\ errors\ +[1-9][0-9]*\ +"<= 0"\ +no ]]
}

@test "failover: errors and lost requests are facts, the longest wait is an aim" {
  recorded
  figures=([kill/errors]=' 0 0' [kill/elsewhere]=' 0 0' [kill/beyond]=' 0 0' [kill/max_ms]=' 20 99.9')
  aims_of_failover kill
  assert_missed ''
  [[ $(judge=1 aims_code) == 0 ]]
  figures[kill/max_ms]=' 20 100'
  aims_of_failover kill
  assert_missed 'kill: longest wait of a request, ms'
  [[ $(aims_code) == 0 && $(judge=1 aims_code) == 1 ]]
  run jq -r '.[] | select(.met == false) | "\(.found) \(.wanted)"' <<<"$(aims_json)"
  [[ $output == '100 < 100' ]]
}

@test "failover: each lost request is a miss, with and without --judge" {
  local name
  recorded
  for name in errors elsewhere beyond; do
    figures=([restart/errors]=' 0 0' [restart/elsewhere]=' 0 0' [restart/beyond]=' 0 0')
    figures[restart/$name]=' 0 1'
    aims=() aims_missed=0 facts_missed=0
    aims_of_failover restart
    [[ $(grep -c '^no 1 <= 0 ' < <(printf '%s\n' "${aims[@]}")) == 1 && $(aims_code) == 1 ]]
  done
}

@test "aims: what was not found is not met" {
  recorded
  aim 'without a figure' '' '<' 5
  aim 'no number' nan '<' 5
  assert_missed $'without a figure\nno number'
}

@test "soak: every request is answered, over kept and over new connections" {
  measure soak --json --seconds 2 --connections 8 --growth 50 >"$BATS_TEST_TMPDIR/figures.json"
  run jq -r 'select(.requests > 0) | [.aims[] | select(.met) | .aim] | join(" ")' "$BATS_TEST_TMPDIR/figures.json"
  [[ $output == *'cloud: growth of its memory, %'*'connector-1: growth'*'connector-2: growth'* ]]
}

@test "soak: an actor that grows by more than its percent and 1 MiB fails it" {
  declare -A before=([cloud]=100000 [idp]=10000) after=([cloud]=105000 [idp]=11000)
  recorded
  aims_of_soak 5 1024
  assert_missed ''
  after=([cloud]=105200 [idp]=11100)
  aims_of_soak 5 1024
  assert_missed 'cloud: growth of its memory, %
idp: growth of its memory, %'
  [[ $(aims_code) == 1 ]]
}

@test "websocket: messages of mixed size come back as they were" {
  /usr/bin/python3 -c 'import websockets' || skip 'python3-websockets is not installed'
  measure websocket --json --messages 200 --bytes 10000000 >"$BATS_TEST_TMPDIR/figures.json"
  jq -e '.messages == 200 and .bytes == 10000000 and (.aims | length == 3 and all(.met))' "$BATS_TEST_TMPDIR/figures.json"
}

@test "websocket: an actor that grows by more than the windows fails it" {
  declare -A before=([cloud]=20000 [connector-1]=20000) after=([cloud]=52768 [connector-1]=52769)
  recorded
  aims_of_websocket 32768
  assert_missed 'connector-1: growth of its memory, KiB'
  [[ $(aims_code) == 1 ]]
}
