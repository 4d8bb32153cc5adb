#!/usr/bin/env bats
# Scripts: what those of other origins may do is answered by the proxy, and those whose user must sign in are told so.

load lib/lab

# hello: rules with credentials; public: rules without; ledger: none.
publish() {
  awk '{ print }
    /spn: HTTP\/hello/ && !done++ {
      print "    cors:"
      print "      - origins: [\"https://spa.example:{cloud}\", https://other.example]"
      print "        methods: [PUT]"
      print "        headers: [Content-Type, X-Custom]"
      print "        exposed_headers: [X-Total]"
      print "        credentials: true"
      print "        max_age: 60"
    }
    /preauthentication: passthru/ { print "    cors: [{origins: [https://other.example]}]" }' "$lab_top/lab.yaml" >"$1"
}

setup_file() {
  publish "$BATS_FILE_TMPDIR/lab.yaml"
  lab_start "$BATS_FILE_TMPDIR/lab.yaml"
}
teardown_file() { lab_stop; }
setup() {
  agent_new "$BATS_TEST_TMPDIR/agent"
  port=$((SEVENSTEP_PORT_BASE + 3))
  hello=https://hello.apps.localhost:$port public=https://public.apps.localhost:$port ledger=https://ledger.apps.localhost:$port
  spa=https://spa.example:$port
}

# preflight URL ORIGIN METHOD [CURL-OPTION...]
preflight() {
  local url=$1 origin=$2 method=$3
  shift 3
  agent_request OPTIONS "$url" -X OPTIONS -H "Origin: $origin" -H "Access-Control-Request-Method: $method" "$@"
}

assert_header() {
  [[ $(agent_header "$1") == "$2" ]] || fail "expected $1: $2, found \"$(agent_header "$1")\""
}

@test "preflight: what a rule allows is answered 204, without a session, and goes nowhere" {
  preflight "$hello/api" "$spa" PUT -H 'Access-Control-Request-Headers: content-type,x-custom'
  assert_status 204
  assert_header Access-Control-Allow-Origin "$spa"
  assert_header Access-Control-Allow-Methods 'GET, HEAD, POST, PUT'
  assert_header Access-Control-Allow-Headers 'Content-Type, X-Custom'
  assert_header Access-Control-Allow-Credentials true
  assert_header Access-Control-Max-Age 60
  [[ $(agent_header Vary) == *Origin* ]]
  assert_reached_no_connector
  preflight "$public/" https://other.example POST
  assert_status 204
  [[ -z $(agent_header Access-Control-Allow-Credentials) ]]
}

@test "preflight: every other origin, method and header is refused, and told which" {
  for origin in null "$spa/" "$spa." https://spa.example "${spa^^}" "http${spa#https}" https://spa.example:443 \
    https://evil.example "https://evil.example, $spa" "$spa.evil.example" '*'; do
    preflight "$hello/" "$origin" PUT
    assert_status 403
    assert_error cors_refused
    [[ -z $(agent_header Access-Control-Allow-Origin) ]] || fail "$origin"
  done
  preflight "$hello/" "$spa" DELETE
  assert_status 403
  assert_page 'does not have the method DELETE'
  preflight "$hello/" "$spa" put
  assert_status 403
  preflight "$hello/" "$spa" PUT -H 'Access-Control-Request-Headers: content-type, x-other'
  assert_status 403
  assert_page 'does not have the header x-other'
  preflight "$hello/" "$spa" PUT -H 'Origin: https://other.example'
  assert_status 403
}

@test "preflight: without rules it is a request like any other" {
  preflight "$ledger/" "$spa" PUT
  [[ $agent_status != 204 ]]
  [[ -z $(agent_header Access-Control-Allow-Origin) ]]
}

@test "answers: the rule's fields take the place of the application's own" {
  agent_get "$public/links" -H 'Origin: https://other.example'
  assert_header Access-Control-Allow-Origin https://other.example
  [[ $(agent_header Vary) == *Origin* ]]
  agent_get "$public/links" -H 'Origin: https://evil.example'
  [[ -z $(agent_header Access-Control-Allow-Origin) && $(agent_header Vary) == *Origin* ]]
}

@test "answers: with the user's session, whose cookie other sites' scripts may bring" {
  agent_open "$hello/"
  agent_logon "$SEVENSTEP_USER" "$SEVENSTEP_PASSWORD"
  agent_submit
  grep -qi '^set-cookie: __Host-sevenstep=.*SameSite=None' "$agent_headers"
  agent_follow
  agent_get "$hello/" -H "Origin: $spa" -H 'Sec-Fetch-Mode: cors'
  assert_status 200
  assert_header Access-Control-Allow-Origin "$spa"
  assert_header Access-Control-Allow-Credentials true
  assert_header Access-Control-Expose-Headers X-Total
}

@test "scripts without a session get 401 and JSON, which those of an allowed origin can read" {
  agent_get "$hello/api" -H "Origin: $spa" -H 'Sec-Fetch-Mode: cors'
  assert_status 401
  assert_error sign_in_required
  assert_header Content-Type application/json
  assert_header Access-Control-Allow-Origin "$spa"
  [[ $(agent_header WWW-Authenticate) == 'Cookie realm="hello"'* ]]
  [[ $(jq -r '.error + " " + .logon' "$agent_body") == "sign_in_required $hello/" ]]
  for field in 'Accept: application/json' 'X-Requested-With: XMLHttpRequest' 'Sec-Fetch-Mode: same-origin'; do
    agent_get "$hello/api" -H "$field"
    assert_status 401
  done
  agent_request POST "$hello/api" -d x=y -H 'Sec-Fetch-Mode: cors'
  assert_status 401
}

@test "whoever can show a page is redirected to the logon" {
  agent_get "$hello/"
  assert_status 302
  agent_get "$hello/" -H 'Sec-Fetch-Mode: navigate' -H 'Accept: application/json'
  assert_status 302
  agent_get "$hello/" -H 'Accept: text/html,application/xhtml+xml,*/*;q=0.8'
  assert_status 302
}

@test "scripts are told when the session is over" {
  sign_in "$hello/"
  agent_get "$hello/.sevenstep/logout"
  agent_get "$hello/" -H 'Sec-Fetch-Mode: cors' -H "Origin: $spa"
  assert_status 401
}

@test "lab file: origins that no browser sends are refused" {
  for origin in '"*"' '"null"' https://other.example/ https://other.example:443 https://Other.example; do
    sed "s|https://other.example\]$|$origin]|" "$BATS_FILE_TMPDIR/lab.yaml" >"$BATS_TEST_TMPDIR/lab.yaml"
    SEVENSTEP_LAB=$BATS_TEST_TMPDIR/lab.yaml run lab check
    [[ $status != 0 && $output == *'expected an origin as browsers send it'* ]] || fail "$origin: $output"
  done
}
