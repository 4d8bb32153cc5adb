#!/usr/bin/env bats
# Measuring: every workload gives its figures for every chain. How good they are is for people to judge.

setup() {
  local program
  for program in nginx haproxy wrk; do
    command -v "$program" >/dev/null || [[ -x /usr/sbin/$program ]] || skip "$program is not installed (packages of the purpose \"bench\")"
  done
}

bench() {
  SEVENSTEP_BENCH_PORT_BASE=$((${SEVENSTEP_TEST_PORT_BASE:-20440} - 140)) "$BATS_TEST_DIRNAME/../bench/run" "$@"
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
  SEVENSTEP_BENCH_PORT_BASE=$((${SEVENSTEP_TEST_PORT_BASE:-20440} - 140)) "$BATS_TEST_DIRNAME/../bench/stalled" --json --ways handshake,read --clients 20 --seconds 1 --rounds 1 \
    >"$BATS_TEST_TMPDIR/figures.json"
  run jq -r '[.ways | to_entries[] | select(.value | .with_p99_ms.median > 0 and .cpu_percent.median != null) | .key] | join(" ")' "$BATS_TEST_TMPDIR/figures.json"
  [[ $output == "handshake read" ]]
}
