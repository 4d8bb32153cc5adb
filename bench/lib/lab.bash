# shellcheck shell=bash
# A lab for measuring: its own run folder and ports, the release build, one user signed in.

# lab_prepare FOLDER PORT-BASE: from now on ./sevenstep works on this lab.
lab_prepare() {
  export SEVENSTEP_RUN=$1 SEVENSTEP_PORT_BASE=$2 SEVENSTEP_LOG=${SEVENSTEP_LOG:-warn}
  unset SEVENSTEP_LAB OTEL_EXPORTER_OTLP_ENDPOINT OTEL_EXPORTER_OTLP_TRACES_ENDPOINT
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

# lab_sign_in PATH: a user agent signs in. Sets url and cookie for wrk, and what one answer looks like: answer_bytes (all of
# it), body_bytes. The first answer comes from a cold ticket cache and is not the one looked at.
lab_sign_in() {
  local folder=$work/agent try
  # shellcheck source=/dev/null
  source "$top/scenarios/lib/agent.sh"
  agent_new "$folder"
  url=${SEVENSTEP_APP_URL%/}$1
  agent_open "$url" || fail "$agent_failure"
  agent_logon "$SEVENSTEP_USER" "$SEVENSTEP_PASSWORD" || fail "$agent_failure"
  if agent_has_token; then agent_post_token || fail "$agent_failure"; fi
  for try in 1 2 3; do
    agent_get "$url" || fail "$agent_failure"
    [[ $agent_status == 200 ]] || fail "signed in, but $url answers $agent_status $(agent_error)"
  done
  : "$try"
  cookie=__Host-sevenstep=$(agent_cookie __Host-sevenstep)
  [[ $cookie != *= ]] || fail "the proxy set no session cookie"
  body_bytes=$(stat -c %s "$agent_body")
  answer_bytes=$((body_bytes + $(stat -c %s "$agent_headers")))
}
