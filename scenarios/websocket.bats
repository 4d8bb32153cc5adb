#!/usr/bin/env bats
# WebSocket through the whole path: an independent client outside; inside our application with a ticket, and an
# independent server.

load lib/lab

websocket_tool=$BATS_TEST_DIRNAME/lib/websocket

# The lab, and beside its own applications two that are played by the independent server: for all, and for who is signed in.
publish_guest() {
  awk -v port="$1" '
    function publish(name, key) {
      print "  " name ":\n    external_url: https://" name ".apps.localhost:{cloud}/"
      print "    internal_url: http://" name ".corp.sevenstep.test:" port "/\n    connect: 127.0.0.1:" port "\n    " key
    }
    { print }
    /^applications:/ { publish("guest", "preauthentication: passthru"); publish("members", "assigned_groups: [staff]") }' \
    "$lab_top/lab.yaml"
}

setup_file() {
  local port
  mkfifo "$BATS_FILE_TMPDIR/guest"
  "$websocket_tool" --serve >"$BATS_FILE_TMPDIR/guest" 3>&- &
  echo $! >"$BATS_FILE_TMPDIR/guest.pid"
  read -r _ port <"$BATS_FILE_TMPDIR/guest"
  echo "$port" >"$BATS_FILE_TMPDIR/guest.port"
  publish_guest "$port" >"$BATS_FILE_TMPDIR/lab.yaml"
  lab_start "$BATS_FILE_TMPDIR/lab.yaml"
}

teardown_file() {
  kill "$(<"$BATS_FILE_TMPDIR/guest.pid")"
  lab_stop
}

setup() {
  agent_new "$BATS_TEST_TMPDIR/agent"
  hello=wss://hello.apps.localhost:$((SEVENSTEP_PORT_BASE + 3))
  guest=${hello/hello/guest}
}

# websocket URL [OPTION...] ACTION...: with the agent's session, if it has one.
websocket() {
  local cookie
  cookie=$(agent_cookie __Host-sevenstep)
  "$websocket_tool" --ca "$SEVENSTEP_CA" ${cookie:+--cookie "__Host-sevenstep=$cookie"} "$@"
}

# The same in the background: what it prints is read by next_line.
websocket_begin() {
  exec {websocket_lines}< <(websocket "$@" 3>&-)
}

next_line() {
  read -r -t 30 -u "$websocket_lines" line
  [[ $line == "$1" ]] || fail "expected \"$1\", the client says \"$line\""
}

# handshake URL [NAME=VALUE...] [CURL-OPTION...]: a request that asks for a WebSocket, with these fields changed; an empty
# value leaves one out.
handshake() {
  local url=${1/wss:/https:} name options=()
  local -A fields=([Connection]=Upgrade [Upgrade]=websocket [Sec-WebSocket-Version]=13 [Sec-WebSocket-Key]='dGhlIHNhbXBsZSBub25jZQ==')
  shift
  while [[ ${1--} != -* ]]; do
    fields[${1%%=*}]=${1#*=}
    shift
  done
  for name in "${!fields[@]}"; do [[ -z ${fields[$name]} ]] || options+=(-H "$name: ${fields[$name]}"); done
  agent_get "$url" --http1.1 "${options[@]}" "$@"
}

metric() {
  curl -s --unix-socket "$SEVENSTEP_RUN/$1.sock" http://localhost/metrics | awk -v name="$2" '$1 == name { print $2 }'
}

# -- to the application with tickets -------------------------------------------------------------------------------

@test "a session opens a WebSocket, and messages come back as they were sent" {
  sign_in
  run websocket "$hello/ws" text 'hello, wörld' binary 00ff10 fragments one,two,three ping close 1000 bye
  [[ $output == $'open - -\ntext hello, wörld\nbinary 00ff10\ntext onetwothree\npong\nclosed 1000' ]]
}

@test "many messages of mixed size go through one WebSocket intact" {
  sign_in
  run websocket "$hello/ws" mixed 400 20000000 7
  [[ $output == $'open - -\nmixed 400 20000000\nclosed 1000' ]]
}

@test "the trace tells the upgrade, the bytes, and who ended it" {
  sign_in
  opened=$(metric cloud sevenstep_cloud_websockets_total)
  parent=00-$(openssl rand -hex 16)-$(openssl rand -hex 8)-01
  run "$websocket_tool" --ca "$SEVENSTEP_CA" --cookie "__Host-sevenstep=$(agent_cookie __Host-sevenstep)" --field "traceparent: $parent" \
    "$hello/ws" text 12345 close 1000 bye
  [[ $output == $'open - -\ntext 12345\nclosed 1000' ]]
  found=$(trace_json "$(cut -d - -f 2 <<<"$parent")")
  [[ $(jq -r .sequence <<<"$found") == 3467 ]]
  [[ $(jq -r '.steps[] | select(.step == 7) | .attributes | "\(.["sevenstep.upgrade"]) \(.["sevenstep.ended_by"]) \(.["http.response.status_code"])"' \
    <<<"$found") == 'websocket application 101' ]]
  # 5 bytes of text and 5 of a close with its reason, in frames: masked 6 bytes more each from the user, 2 to the user.
  [[ $(jq -r '.steps[] | select(.step == 7) | .attributes | "\(.["sevenstep.bytes_from_user"]) \(.["sevenstep.bytes_to_user"])"' <<<"$found") == '22 11' ]]
  (($(metric cloud sevenstep_cloud_websockets_total) == opened + 1))
}

@test "a subprotocol that the application chose reaches the client" {
  sign_in
  run websocket "$hello/ws" --subprotocol chat --subprotocol other text x
  [[ ${lines[0]} == 'open chat -' ]]
}

@test "a protocol error is answered by the application with its own code" {
  sign_in
  run websocket "$hello/ws" raw 8105
  [[ ${lines[1]} == 'closed 1002 an unmasked frame from a client' ]]
}

@test "bad handshakes are refused, and the connection stays HTTP" {
  sign_in
  handshake "$hello/ws" Sec-WebSocket-Key=short
  assert_status 400
  assert_error websocket_handshake
  handshake "$hello/ws" Sec-WebSocket-Key=
  assert_status 400
  handshake "$hello/ws" -X POST
  assert_status 400
  handshake "$hello/ws" Connection=keep-alive
  assert_status 400
  assert_reached_no_connector
  handshake "$hello/ws" Sec-WebSocket-Version=8
  assert_status 426
  assert_error websocket_version
  [[ $(agent_header Sec-WebSocket-Version) == 13 ]]
}

@test "without a session a WebSocket is refused, and nothing is redirected" {
  handshake "$hello/ws"
  assert_status 403
  assert_error session_required
  assert_reached_no_connector
  handshake "$hello/ws" -b '__Host-sevenstep=forged'
  assert_status 401
  assert_error session_malformed
  run websocket "$hello/ws" text x
  [[ $output == 'refused 403' ]]
}

@test "a page of another origin cannot open one with the user's session" {
  sign_in
  for origin in https://evil.example "${guest/wss:/https:}" null "http${hello#wss}" "https${hello#wss}0"; do
    handshake "$hello/ws" "Origin=$origin"
    assert_status 403
    assert_error websocket_origin
  done
  assert_reached_no_connector
  run websocket "$hello/ws" --origin "https${hello#wss}" text x
  [[ ${lines[1]} == 'text x' ]]
}

@test "logout ends it" {
  sign_in
  websocket_begin "$hello/ws" text x wait
  next_line 'open - -'
  next_line 'text x'
  agent_get "${SEVENSTEP_APP_URL}.sevenstep/logout"
  assert_status 200
  next_line 'closed 1008 signed out'
}

@test "logout is told to the application, too" {
  local watch members=${guest/guest/members}
  agent_sign_in "https${members#wss}/" "$SEVENSTEP_USER" "$(password_of "$SEVENSTEP_USER")"
  assert_status 426 # it speaks nothing else
  exec {watch}< <("$websocket_tool" --ca "$SEVENSTEP_CA" "$guest/watch" wait 3>&-)
  read -r -t 30 -u "$watch" line
  [[ $line == open* ]]
  websocket_begin "$members/" text x wait
  next_line 'open - -'
  next_line 'text x'
  agent_get "https${members#wss}/.sevenstep/logout"
  assert_status 200
  next_line 'closed 1008 signed out'
  read -r -t 30 -u "$watch" line
  [[ $line == 'text ended 1008' ]] || fail "the application says \"$line\""
}

@test "the end of its connector ends it, and the next goes through another" {
  sign_in
  websocket_begin "$hello/ws" text x wait
  next_line 'open - -'
  next_line 'text x'
  for connector in connector-1 connector-2; do
    (($(metric "$connector" sevenstep_connector_open_websockets))) && break
  done
  kill -KILL "$(lab status --json | jq -r --arg name "$connector" '.actors[] | select(.name == $name) | .pid')"
  next_line 'closed 1006'
  run websocket "$hello/ws" text again
  [[ ${lines[1]} == 'text again' ]]
  lab start "$connector"
}

@test "a connector that drains ends it in order" {
  sign_in
  websocket_begin "$hello/ws" text x wait
  next_line 'open - -'
  next_line 'text x'
  for connector in connector-1 connector-2; do
    (($(metric "$connector" sevenstep_connector_open_websockets))) && break
  done
  lab stop "$connector"
  next_line 'closed 1001 the connector stops'
  lab start "$connector"
}

@test "a connector that drains tells the application, too" {
  local watch
  exec {watch}< <("$websocket_tool" "ws://localhost:$(<"$BATS_FILE_TMPDIR/guest.port")/watch" wait 3>&-)
  read -r -t 30 -u "$watch" line
  [[ $line == open* ]]
  websocket_begin "$guest/" text x wait
  next_line 'open - -'
  next_line 'text x'
  for connector in connector-1 connector-2; do
    (($(metric "$connector" sevenstep_connector_open_websockets))) && break
  done
  lab stop "$connector"
  next_line 'closed 1001 the connector stops'
  read -r -t 30 -u "$watch" line
  [[ $line == 'text ended 1001' ]] || fail "the application says \"$line\""
  lab start "$connector"
}

# -- to an independent server --------------------------------------------------------------------------------------

@test "permessage-deflate is agreed between the two ends, and works" {
  run websocket "$guest/" --deflate text 'again and again and again' mixed 50 2000000 3
  [[ $output == $'open - permessage-deflate\ntext again and again and again\nmixed 50 2000000\nclosed 1000' ]]
}

@test "what the client offers reaches the server byte for byte" {
  run websocket "$guest/handshake" --deflate --subprotocol three --subprotocol two wait wait wait wait
  [[ $output == *'sec-websocket-extensions: permessage-deflate; client_max_window_bits'* ]]
  [[ $output == *'sec-websocket-protocol: three, two'* ]]
  [[ $output == *'sec-websocket-version: 13'* ]]
  [[ ${lines[0]} == 'open two permessage-deflate' ]]
}

@test "close codes pass both ways" {
  run websocket "$guest/" close 3000 'all done'
  [[ ${lines[-1]} == 'closed 3000 all done' ]]
  run websocket "$guest/close" send x wait
  [[ ${lines[-1]} == 'closed 4001 enough' ]]
}

@test "a connection that the application breaks off breaks off at the client" {
  run websocket "$guest/abort" send x wait
  [[ ${lines[-1]} == 'closed 1006' ]]
}

@test "a connection that the client breaks off breaks off at the application" {
  websocket_begin "$guest/watch" wait
  next_line 'open - -'
  websocket "$guest/" text x abort
  next_line 'text ended 1006'
}

@test "an upgrade that the application refuses keeps its status and its body" {
  handshake "$guest/refuse"
  assert_status 418
  assert_page 'Not today.'
  [[ $(agent_header X-Reason) == 'asked for' ]]
  [[ $(agent_header Sevenstep-Actor) == backend ]]
}

@test "an application that takes no upgrades answers as ever, and the connection goes on" {
  local url=${hello/wss:/https:}/whoami.json
  sign_in
  # Two requests, the second without an Upgrade; what curl writes about both is in agent_status and behind.
  handshake "$hello/whoami.json" -w '%{http_code} %{num_connects} ' "$url" --next --http1.1 --noproxy '*' \
    --cacert "$SEVENSTEP_CA" -b "$agent_jar" -o "$BATS_TEST_TMPDIR/second" -w '%{http_code} %{num_connects}'
  [[ "$agent_status $agent_redirect" == '200 1 200 0' ]]
  assert_page '"user":"alice@'
  grep -q '"user":"alice@' "$BATS_TEST_TMPDIR/second"
}

# -- by HTTP/2 (RFC 8441) ------------------------------------------------------------------------------------------

# The same as websocket, by another independent client.
websocket2() {
  local cookie
  cookie=$(agent_cookie __Host-sevenstep)
  "$BATS_TEST_DIRNAME/lib/websocket2" --ca "$SEVENSTEP_CA" ${cookie:+--cookie "__Host-sevenstep=$cookie"} "$@"
}

websocket2_begin() {
  exec {websocket_lines}< <(websocket2 "$@" 3>&-)
}

@test "by HTTP/2 a session opens a WebSocket beside other requests" {
  sign_in
  run websocket2 "$hello/ws" --subprotocol chat text 'hello, wörld' get /whoami.json binary 00ff10 close 1000 bye
  [[ $output == $'open chat\ntext hello, wörld\nget 200\nbinary 00ff10\nclosed 1000' ]]
}

@test "by HTTP/2 a large message comes back whole" {
  sign_in
  head -c 400000 /dev/zero | tr '\0' x >"$BATS_TEST_TMPDIR/large"
  run websocket2 "$guest/" text "$(head -c 120000 "$BATS_TEST_TMPDIR/large")" text small close 1000 bye
  [[ ${lines[1]} == "text $(head -c 120000 "$BATS_TEST_TMPDIR/large")" && ${lines[2]} == 'text small' ]]
}

@test "by HTTP/2 the application gets a key, and answers it to the connector" {
  run websocket2 "$guest/handshake" wait wait
  [[ $output == *'sec-websocket-key: '* && $output == *'sec-websocket-version: 13'* ]]
}

@test "by HTTP/2 the same are refused as by HTTP/1.1" {
  run websocket2 "$hello/ws" wait
  [[ $output == 'refused 403' ]]
  sign_in
  run websocket2 "$hello/ws" --origin https://evil.example wait
  [[ $output == 'refused 403' ]]
  run websocket2 "$hello/ws" --origin "https${hello#wss}" text x
  [[ ${lines[1]} == 'text x' ]]
  run websocket2 "$guest/refuse" wait
  [[ $output == 'refused 418' ]]
  run websocket2 "$hello/whoami.json" wait
  [[ $output == 'refused 501' ]]
}

@test "by HTTP/2 a tunnel of any other kind is refused" {
  run websocket2 "$guest/" --protocol '' wait
  [[ $output == 'refused 405' ]]
  run websocket2 "$guest/" --protocol connect-udp wait
  [[ $output == 'refused 501' ]]
}

@test "by HTTP/2 logout ends it, and the connection goes on" {
  sign_in
  websocket2_begin "$hello/ws" text x wait
  next_line 'open -'
  next_line 'text x'
  agent_get "${SEVENSTEP_APP_URL}.sevenstep/logout"
  assert_status 200
  next_line 'closed 1008 signed out'
}

@test "by HTTP/2 what one end breaks off breaks off at the other" {
  run websocket2 "$guest/abort" text x
  [[ ${lines[-1]} == 'ended' ]]
  websocket_begin "$guest/watch" wait
  next_line 'open - -'
  websocket2 "$guest/" text x abort get /refuse
  next_line 'text ended 1006'
}
