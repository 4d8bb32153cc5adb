# shellcheck shell=bash
# What is measured, and of what: the chains behind HTTPS, and the workloads they are given (rounds.bash).

# -- chains --------------------------------------------------------------------------------------------------------

# chain_url PATH: where the chain at hand answers it.
chain_url() {
  local name=static
  [[ $1 != /upload* && $1 != /ws* ]] || name=sink
  case $chain in
    sevenstep) echo "https://$name.apps.localhost:$cloud_port$1" ;;
    kerberos) echo "${SEVENSTEP_APP_URL%/}/download?bytes=$tiny_bytes" ;;
    nginx) echo "https://front.apps.localhost:$nginx_port$1" ;;
    haproxy) echo "https://front.apps.localhost:$haproxy_port$1" ;;
  esac
}

# chain_header PATH: what a request needs besides: the session's cookie, where there is one.
chain_header() {
  case $chain in
    sevenstep) [[ $1 == /upload* || $1 == /ws* ]] && echo "$sink_session" || echo "$static_session" ;;
    kerberos) echo "$kerberos_session" ;;
    *) echo 'Accept: */*' ;;
  esac
}

# Every process that works for a request, the applications' included.
chain_pids() {
  case $chain in
    sevenstep | kerberos) echo "$lab_pids_now" ;;
    nginx) echo "$nginx_pids_now" ;;
    haproxy) echo "$haproxy_pids_now" ;;
  esac
  echo "$application_pids_now"
}

front_pids() {
  case $chain in
    sevenstep) lab_pids cloud ;;
    nginx) nginx_front_pids "$work/nginx" ;;
    haproxy) haproxy_front_pids "$work/haproxy" ;;
  esac
}

# -- workloads -----------------------------------------------------------------------------------------------------

# wrk_measure PATH SECONDS METHOD BYTES [HEADER...]: requests per second, latency, processor time for one request.
wrk_measure() {
  local path=$1 url size sample seconds_here=$2
  url=$(chain_url "$1")
  wrk_body=(${3:+"$3" "$4"})
  shift 4
  measured_cpu wrk_run "$url" "$load" "$seconds_here" "$(chain_header "$path")" "$@" || fail "no figures: $chain: $wrk_problem"
  # Redirects are no errors to wrk: whether every answer was the one looked at shows in their size.
  size=$(calculate "$bytes / $requests")
  sample=${answer_bytes[$workload/$chain]:=$size}
  if awk "BEGIN { exit !($size < 0.9 * $sample || $size > 1.1 * $sample) }"; then
    fail "no figures: answers of $chain had $size bytes instead of $sample"
  fi
  record rps "$(calculate "$requests * 1e6 / $duration_us")"
  record p50_ms "$(calculate "$p50_us / 1000")"
  record p99_ms "$(calculate "$p99_us / 1000")"
  record cpu_us "$(calculate "$cpu / $requests")"
}
declare -A answer_bytes=()

work_get() { wrk_measure /tiny "$seconds" '' ''; }
work_post_1k() { wrk_measure /upload "$seconds" POST 1024; }
work_post_64k() { wrk_measure /upload "$seconds" POST 65536; }
# Every request on a connection of its own, with a whole TLS handshake.
work_tls() { wrk_measure /tiny "$seconds" '' '' 'Connection: close'; }

# Messages of 100 bytes and their echoes, one after the other on each connection.
echo_run() {
  local url line at
  url=$(chain_url /ws)
  at=${url#https://} at=${at%%/*}
  line=$("$lib/bench-echo" "${at%%:*}" "${at#*:}" /ws "$load" "$seconds" 100 "$(chain_header /ws)" 2>&1) || fail "no figures: $chain: $line"
  take_result "$line"
}

work_websocket() {
  measured_cpu echo_run
  record rps "$(calculate "$requests * 1e6 / $duration_us")"
  record p50_ms "$(calculate "$p50_us / 1000")"
  record p99_ms "$(calculate "$p99_us / 1000")"
  record cpu_us "$(calculate "$cpu / $requests")"
}

# curl_bulk DIRECTION PATH CURL-OPTION...: MB/s of one stream, and processor time for one MB.
curl_bulk() {
  local direction=$1 url out
  url=$(chain_url "$2")
  out=$(curl -sS --noproxy '*' --cacert "$SEVENSTEP_CA" --http1.1 -H "$(chain_header "$2")" "${@:3}" -o "$work/bulk.out" \
    -w "%{http_code} %{size_$direction} %{speed_$direction}" "$url") || fail "no figures: $chain: curl failed for $url"
  read -r status size speed <<<"$out"
  [[ $status == 200 && $size == "$bulk_bytes" ]] || fail "no figures: $url answered $status, $size bytes"
}

bulk() {
  local status size speed
  measured_cpu curl_bulk "$@"
  record mb_s "$(calculate "$speed / 1e6")"
  record cpu_us "$(calculate "$cpu / ($bulk_bytes / 1e6)")"
}

work_bulk_down() { bulk download /bulk -o /dev/null; }
work_bulk_up() { bulk upload /upload -X POST -T "$work/application/site/bulk" -H 'Expect:'; }

# Through a relay between connectors and cloud, 20 ms there and back: a lab of its own, made for it.
far() {
  local status size speed
  curl_bulk "$@"
  record mb_s "$(calculate "$speed / 1e6")"
}

work_far_down() { far download /bulk -o /dev/null; }
work_far_up() { far upload /upload -X POST -T "$work/application/site/bulk" -H 'Expect:'; }

# Resident memory of the front for one more connection that has asked once and is idle now.
work_idle() {
  local pids before
  mapfile -t pids < <(front_pids)
  before=$(rss_kb_of "${pids[@]}")
  stall_start idle "$load" "$(chain_url /tiny)" "$(chain_header /tiny)"
  record kb "$(calculate "($(rss_kb_of "${pids[@]}") - $before) / $load")"
  stall_stop
}
