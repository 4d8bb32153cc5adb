#!/usr/bin/env bats
# Measuring: every workload gives its figures for every chain. How good they are is for people to judge.

setup_file() {
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
