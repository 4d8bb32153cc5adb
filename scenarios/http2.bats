#!/usr/bin/env bats
# Browsers speak HTTP/2 to the proxy, which ALPN chooses. What they meet is the same as ever.

load lib/lab

setup_file() {
  lab_start
  dd if=/dev/urandom of="$BATS_FILE_TMPDIR/upload" bs=1024 count=3000 status=none
}
teardown_file() { lab_stop; }
setup() { agent_new "$BATS_TEST_TMPDIR/agent"; }

# The cookies of a user who is signed in, for tools that keep none.
cookies() {
  awk -F '\t' '/^(#HttpOnly_)?[^#]/ && NF == 7 { printf "%s%s=%s", sep, $6, $7; sep = "; " }' "$agent_jar"
}

@test "the seven steps by HTTP/2" {
  agent_get "$SEVENSTEP_APP_URL" --http2
  assert_status 302
  [[ $(head -n 1 "$agent_headers") == "HTTP/2 302"* ]]
  trace=$(agent_trace_id)
  agent_follow
  agent_logon "$SEVENSTEP_USER" "$SEVENSTEP_PASSWORD"
  agent_post_token
  assert_status 200
  [[ $(head -n 1 "$agent_headers") == "HTTP/2 200"* ]]
  assert_page "alice@$SEVENSTEP_REALM"
  [[ $(agent_trace_id) == "$trace" ]]
  assert_steps "1 2 3 4 5 6 7"
}

@test "who offers HTTP/1.1 alone, or no ALPN, gets HTTP/1.1" {
  agent_get "$SEVENSTEP_PASSTHROUGH_URL" --http1.1
  assert_status 200
  [[ $(head -n 1 "$agent_headers") == "HTTP/1.1 200"* ]]
  agent_get "$SEVENSTEP_PASSTHROUGH_URL" --no-alpn
  assert_status 200
  [[ $(head -n 1 "$agent_headers") == "HTTP/1.1 200"* ]]
}

# The application says what it received.
assert_uploaded() {
  assert_status 200
  [[ $(jq -r .sha256 "$agent_body") == $(sha256sum <"$BATS_FILE_TMPDIR/upload" | cut -d ' ' -f 1) ]]
}

@test "an upload arrives unchanged" {
  agent_request POST "${SEVENSTEP_PASSTHROUGH_URL%/}/upload" --http2 --data-binary "@$BATS_FILE_TMPDIR/upload"
  assert_uploaded
}

@test "an answer that comes before the upload has ended arrives" {
  agent_request POST "${SEVENSTEP_PASSTHROUGH_URL%/}/echo" --http2 --data-binary "@$BATS_FILE_TMPDIR/upload"
  assert_status 413
}

@test "an upload of unknown length arrives unchanged" {
  agent_request PUT "${SEVENSTEP_PASSTHROUGH_URL%/}/upload" --http2 -T - <"$BATS_FILE_TMPDIR/upload"
  assert_uploaded
}

@test "a download arrives whole" {
  agent_get "${SEVENSTEP_PASSTHROUGH_URL%/}/download?bytes=3000000" --http2
  assert_status 200
  [[ $(wc -c <"$agent_body") == 3000000 ]]
}

@test "an answer without a body is no user who left" {
  agent_get "$SEVENSTEP_PASSTHROUGH_URL" --http2 --head
  assert_status 200
  assert_steps "3 6 7"
  assert_step_attribute 3 cloud sevenstep.user_left ''
}

@test "the application is told the version" {
  agent_get "${SEVENSTEP_PASSTHROUGH_URL%/}/echo" --http2
  assert_status 200
  grep -F '2.0 sevenstep' "$agent_body"
}

@test "many requests on one connection are all answered" {
  sign_in
  local port=${SEVENSTEP_APP_URL##*:}
  h2load --connect-to="127.0.0.1:${port%%/*}" -n 200 -c 2 -m 50 -H "cookie: $(cookies)" "$SEVENSTEP_APP_URL" >"$BATS_TEST_TMPDIR/h2load"
  grep -F '200 succeeded, 0 failed, 0 errored, 0 timeout' "$BATS_TEST_TMPDIR/h2load"
  grep -F 'status codes: 200 2xx' "$BATS_TEST_TMPDIR/h2load"
}

@test "a host that the connection is not for is misdirected" {
  local other=${SEVENSTEP_PASSTHROUGH_URL#https://}
  agent_get "$SEVENSTEP_APP_URL" --http2 -H "Host: ${other%%/*}"
  assert_status 421
}

@test "a stream that is broken off leaves the others alone" {
  run curl -sS --noproxy '*' --cacert "$SEVENSTEP_CA" --http2 --max-filesize 10 -o /dev/null "$SEVENSTEP_PASSTHROUGH_URL" \
    --next -sS --noproxy '*' --cacert "$SEVENSTEP_CA" --http2 -o /dev/null -w '%{http_version} %{http_code} %{num_connects}' \
    "$SEVENSTEP_PASSTHROUGH_URL"
  [[ $output == *"2 200"* ]]
}
