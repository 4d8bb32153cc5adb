# shellcheck shell=bash
# What every scenario file loads: a private lab, the user agent, and assertions on pages and traces.
#
#   load lib/lab
#   setup_file()    { lab_start; }              # or: lab_start FILE, with another lab file
#   teardown_file() { lab_stop; }
#   setup()         { agent_new "$BATS_TEST_TMPDIR/agent"; }
#
#   lab ARGUMENT...              ./sevenstep on this lab
#   sanitizers_watch             lab_start does it: what sanitizers find from now on, in whatever lab, is kept, and lab_stop fails
#   sanitizers_found_nothing     lab_stop asks it; shows what they found
#   lab_edit FILE SED-SCRIPT     a copy of lab.yaml, changed: lab_edit "$BATS_FILE_TMPDIR/lab.yaml" 's/3600/10/'
#   lab_publish FILE YAML [SPN...]  a copy of lab.yaml with the applications of YAML, and connectors that may delegate to the SPNs
#   lab_listen_tls FILE          its application listens with TLS, too
#   shell_blocks DOCUMENT        the commands of its sh blocks
#   sign_in [URL [USER]]         the happy path, as the lab's user; fails the test with the page's error if it does not end at 200
#   open_logon URL               to the logon page
#   password_of USER             by the lab file's convention: NAME-password
#   refute COMMAND...            fails the test if it succeeds; of "! COMMAND" bash takes no notice, except in a test's last line
#
#   assert_status CODE           of the agent's last response
#   assert_error NAME            the error shown on the page
#   assert_no_error
#   assert_page TEXT             the page contains it
#   assert_steps "1 2 3"         the steps of the trace of the last response (or of a second argument), in order
#   assert_step_attribute STEP ACTOR KEY VALUE
#   assert_trace_error NAME STEP the trace says the same error, at this step
#   assert_reached_no_connector  nothing of this trace was seen by a connector, the KDC or the application
#   trace_json [ID]              sevenstep-trace's document about it

lab_top=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=/dev/null
source "$lab_top/scenarios/lib/agent.sh"

lab() {
  "$lab_top/sevenstep" "$@"
}

# Into files, one a process: a log is replaced when its lab starts again. GCC's UBSan writes none, but what it aborts ASan reports.
sanitizers_watch() {
  local tool options
  mkdir -p "$BATS_FILE_TMPDIR/sanitizers"
  for tool in ASAN LSAN TSAN UBSAN; do
    options=${tool}_OPTIONS
    export "$options=${!options:+${!options}:}log_path=$BATS_FILE_TMPDIR/sanitizers/report"
  done
  ASAN_OPTIONS+=:handle_abort=1 UBSAN_OPTIONS+=:abort_on_error=1
}

sanitizers_found_nothing() {
  local report code=0
  for report in "$BATS_FILE_TMPDIR"/sanitizers/*; do
    [[ -e $report ]] || continue
    printf '%s\n' "${report##*/}:"
    head -n 60 "$report"
    code=1
  done >&2
  return "$code"
}

# Ports: the first base that is free. Two files that try the same one at once: `up` of one says 4, and goes on to the next.
lab_start() {
  local base code=4
  sanitizers_watch
  export SEVENSTEP_RUN=$BATS_FILE_TMPDIR/run SEVENSTEP_LAB=${1:-$lab_top/lab.yaml}
  # A unix socket's path must be short, and bats' folders are deep.
  if ((${#SEVENSTEP_RUN} > 70)); then
    SEVENSTEP_RUN=$(mktemp -d /tmp/sevenstep-test.XXXXXX)
    export SEVENSTEP_RUN_IS_OURS=1
  fi
  for ((base = ${SEVENSTEP_TEST_PORT_BASE:-20440}; base < ${SEVENSTEP_TEST_PORT_BASE:-20440} + 400; base += 20)); do
    export SEVENSTEP_PORT_BASE=$base
    lab up >"$BATS_FILE_TMPDIR/up.log" 2>&1 && code=0 && break
    code=$?
    ((code == 4)) || break
  done
  if ((code)); then
    cat "$BATS_FILE_TMPDIR/up.log" >&2
    sanitizers_found_nothing
    return "$code"
  fi
  eval "$(lab env)"
}

# Stops it, and fails if an actor had to be killed, left a process, or a sanitizer found something in any of the file's labs.
lab_stop() {
  local code=0
  lab down || code=1
  sanitizers_found_nothing || code=1
  [[ -z ${SEVENSTEP_RUN_IS_OURS-} ]] || { ((code)) || rm -rf "$SEVENSTEP_RUN"; }
  return "$code"
}

lab_edit() {
  sed -E "$2" "$lab_top/lab.yaml" >"$1"
  ! cmp -s "$1" "$lab_top/lab.yaml" || fail "the edit $2 changes nothing in lab.yaml"
}

lab_publish() {
  local file=$1 yaml=$2 spn more=''
  shift 2
  for spn; do more+=", $spn"; done
  awk -v yaml="$yaml" '{ print } /^applications:/ { while ((getline line < yaml) > 0) print line }' "$lab_top/lab.yaml" |
    sed -E "/allowed_to_delegate_to:/s|\\]|$more]|" >"$file"
}

lab_listen_tls() {
  sed -i '/^backend:/a\  listen_tls: 127.0.0.1:{backend_tls}' "$1"
}

shell_blocks() {
  awk '/^```sh$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$1"
}

# -- the user ------------------------------------------------------------------------------------------------------

fail() {
  printf '%s\n' "$@" >&2
  printf 'last response: %s %s %s\n' "$agent_status" "$agent_url" "${agent_failure-}" >&2
  [[ -z ${SEVENSTEP_RUN-} ]] || printf 'the run folder: %s\n' "$SEVENSTEP_RUN" >&2
  return 1
}

refute() {
  if "$@"; then fail "this should have failed: $*"; fi
}

password_of() {
  printf '%s-password' "${1%%@*}"
}

sign_in() {
  local url=${1:-$SEVENSTEP_APP_URL} user=${2:-$SEVENSTEP_USER}
  agent_sign_in "$url" "$user" "$(password_of "$user")" || fail "sign-in: $agent_failure" || return
  assert_status 200
}

open_logon() {
  agent_open "${1:-$SEVENSTEP_APP_URL}" || fail "$agent_failure" || return
  assert_status 200
  agent_has_form || fail "there is no logon form"
}

assert_status() {
  [[ $agent_status == "$1" ]] || fail "expected status $1, found $agent_status (error: $(agent_error))"
}

assert_error() {
  local found
  found=$(agent_error)
  [[ $found == "$1" ]] || fail "expected the error $1, found \"$found\"" "$(head -c 2000 "$agent_body")"
}

assert_no_error() {
  local found
  found=$(agent_error)
  [[ -z $found ]] || fail "expected no error, found $found"
}

assert_page() {
  grep -qF -- "$1" "$agent_body" || fail "the page does not contain \"$1\"" "$(head -c 2000 "$agent_body")"
}

# -- the trace -----------------------------------------------------------------------------------------------------

trace_tool() {
  "${SEVENSTEP_BIN:-$lab_top/build/release/bin}/sevenstep-trace" --run "$SEVENSTEP_RUN" "$@"
}

# Waits (inotify, inside of sevenstep-trace) until the trace is complete: spans are written when they end.
trace_json() {
  local id=${1:-$(agent_trace_id)}
  [[ -n $id ]] || fail "the response carries no trace id" || return
  trace_tool --json --wait 5 show "$id"
}

assert_steps() {
  local found wanted=${1// /}
  found=$(trace_json "${2-}" | jq -r .sequence)
  [[ $found == "$wanted" ]] || fail "expected the steps $1, found $(sed 's/./& /g' <<<"$found")" "$(trace_tool show "${2:-$(agent_trace_id)}")"
}

assert_step_attribute() {
  local found
  found=$(trace_json | jq -r --argjson step "$1" --arg actor "$2" --arg key "$3" \
    '[.steps[] | select(.step == $step and .actor == $actor) | .attributes[$key] | select(. != null) | tostring][0] // ""')
  [[ $found == "$4" ]] || fail "step $1 ($2): expected $3 = $4, found \"$found\""
}

assert_trace_error() {
  local found
  found=$(trace_json | jq -r '"\(.error.name) \(.error.step)"')
  [[ $found == "$1 $2" ]] || fail "expected the trace's error $1 at step $2, found \"$found\"" "$(trace_tool show "$(agent_trace_id)")"
}

assert_reached_no_connector() {
  local found
  found=$(trace_json | jq -r '[.steps[], .others[] | .actor | select(. == "connector" or . == "kdc" or . == "backend")] | unique | join(" ")')
  [[ -z $found ]] || fail "expected nothing behind the cloud, found spans of: $found"
}
