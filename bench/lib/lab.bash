# shellcheck shell=bash
# A lab for measuring: its own run folder and ports, the release build, one user signed in.

# lab_open_file: lab.yaml without the limits that its one user, who is all the load, would meet.
lab_open_file() {
  sed '/^cloud:/a\  limits: {user_at_once: 1000000, connector_at_once: 400}' "$top/lab.yaml"
}

# lab_prepare FOLDER PORT-BASE [LAB-FILE]: from now on ./sevenstep works on this lab.
lab_prepare() {
  export SEVENSTEP_RUN=$1 SEVENSTEP_PORT_BASE=$2 SEVENSTEP_LOG=${SEVENSTEP_LOG:-warn} SEVENSTEP_LAB=${3:-$top/lab.yaml}
  # What the address sanitizer keeps for itself would look like growth: freed memory, 256 MiB of it, and the stack of every kind of
  # allocation that it has ever seen, of which new ones turn up for hours.
  export ASAN_OPTIONS=quarantine_size_mb=16:malloc_context_size=2${ASAN_OPTIONS:+:$ASAN_OPTIONS}
  unset OTEL_EXPORTER_OTLP_ENDPOINT OTEL_EXPORTER_OTLP_TRACES_ENDPOINT
}

# lab_file STATIC-PORT [RELAY-PORT]: lab_open_file with the applications that all chains have, for signed-in users, without a ticket;
# connectors dial RELAY-PORT.
lab_file() {
  awk -v static="$1" -v relay="${2-}" '
    function publish(name, inside, connect) {
      printf "  %s:\n    external_url: https://%s.apps.localhost:{cloud}/\n    internal_url: http://%s:%s/\n", name, name, inside, connect
      printf "    connect: 127.0.0.1:%s\n    assigned_groups: [staff]\n", connect
    }
    { print }
    /^cloud:/ && relay { printf "  tunnel_connect: 127.0.0.1:%s\n", relay }
    /^applications:/ {
      publish("static", "static.corp.sevenstep.test", static)
      publish("sink", "sink.corp.sevenstep.test", "{backend}")
    }' < <(lab_open_file)
}

# lab_crowd_file N: lab.yaml with the users crowd1 to crowdN, who may use the application hello with a token.
lab_crowd_file() {
  awk -v n="$1" '
    function crowd(  i, names) {
      for (i = 1; i <= n; i++) names = names (i > 1 ? ", " : "") "crowd" i
      return names
    }
    /^  hello:/ { print; print "    bearer_access: true"; in_hello = 1; next }
    in_hello && /assigned_groups:/ { print "    assigned_groups: [staff, crowd]"; in_hello = 0; next }
    { print }
    /^users:/ { for (i = 1; i <= n; i++) printf "  crowd%d: {upn: crowd%d@sevenstep.test, password: crowd-password}\n", i, i }
    /^groups:/ { printf "  crowd: [%s]\n", crowd() }' "$top/lab.yaml"
}

lab_start() {
  "$top/sevenstep" up >&2 || fail "the lab did not start"
  eval "$("$top/sevenstep" env)"
}

lab_stop() {
  "$top/sevenstep" down >&2
}

# lab_pids [ACTOR...]: the processes of these actors, or of all, with their children (krb5kdc is one).
lab_pids() {
  local name pid
  while read -r name pid; do
    if (($# == 0)) || [[ " $* " == *" $name "* ]]; then descendants "$pid"; fi
  done < <(lab_actors)
}

# lab_actors: NAME PID, one a line.
lab_actors() {
  "$top/sevenstep" status --json | jq -r '.actors[] | select(.pid) | "\(.name) \(.pid)"'
}

# lab_sign_in URL: a user agent signs in there, and asks three times: the first answer comes from a cold ticket cache. Its cookie
# for the URL's host, as a header line, is in session.
lab_sign_in() {
  local url=$1 try
  # shellcheck source=/dev/null
  source "$top/scenarios/lib/agent.sh"
  agent_new "$work/agent"
  agent_open "$url" || fail "$agent_failure"
  agent_logon "$SEVENSTEP_USER" "$SEVENSTEP_PASSWORD" || fail "$agent_failure"
  if agent_has_token; then agent_post_token || fail "$agent_failure"; fi
  for try in 1 2 3; do
    agent_get "$url" || fail "$agent_failure"
    [[ $agent_status == 200 ]] || fail "signed in, but $url answers $agent_status $(agent_error)"
  done
  : "$try"
  session="Cookie: __Host-sevenstep=$(agent_cookie __Host-sevenstep)"
  [[ $session != *= ]] || fail "the proxy set no session cookie"
}
