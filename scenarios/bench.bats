#!/usr/bin/env bats
# Measuring: every workload gives its figures for every chain, and aims are judged rightly. How good figures are is not looked at here, as
# that depends on the machine; what is so on every machine (no errors) is.

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
  [[ $output == "bulk_down:haproxy bulk_down:nginx bulk_down:sevenstep bulk_up:haproxy bulk_up:nginx bulk_up:sevenstep far_down:sevenstep \
get:haproxy get:kerberos get:nginx get:sevenstep idle:haproxy idle:nginx idle:sevenstep post_1k:haproxy post_1k:nginx post_1k:sevenstep \
post_64k:haproxy post_64k:nginx post_64k:sevenstep tls:haproxy tls:nginx tls:sevenstep websocket:haproxy websocket:nginx websocket:sevenstep" ]]
  jq -e '.results[] | select(.workload == "get") | .chains.nginx.ratio > 0' "$BATS_TEST_TMPDIR/figures.json"
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

@test "stalled: figures for each way that is asked for" {
  measure stalled --json --ways handshake,read --clients 20 --seconds 1 --rounds 1 >"$BATS_TEST_TMPDIR/figures.json"
  run jq -r '[.ways | to_entries[] | select(.value | .with_p99_ms.median > 0 and .cpu_percent.median != null) | .key] | join(" ")' "$BATS_TEST_TMPDIR/figures.json"
  [[ $output == "handshake read" ]]
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
