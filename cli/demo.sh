# shellcheck shell=bash
# The demonstration: one user signs in, and the seven steps are shown as they happened.

help_demo='Install what is missing, build, start the lab, sign a user in, and show the seven steps as they happened.
The user agent is curl, behaving as a browser does: every redirect, the logon form, the posted token, cookies. The lab goes on
running, so that you can open its pages yourself; ./sevenstep down stops it.

  --no-install      only list the missing Debian packages, and exit with code 5 if there are any
  USER PASSWORD     who signs in (default: the first user of the lab file for whom it works, alice)

  ./sevenstep demo bob@sevenstep.test bob-password'

# Called by the agent after each response.
demo_watch() {
  local url=$2
  ((${#url} <= 92)) || url=${url:0:89}...
  printf '  %s%-4s%s %-92s %s%s%s\n' "$bold" "$1" "$plain" "$url" "$dim" "$3 $(agent_header Sevenstep-Actor)" "$plain"
}

demo_fail() {
  warn "the demonstration failed: $1"
  [[ -z $(agent_error) ]] || warn "the page shows the error $(agent_error) (status $agent_status, $agent_url)"
  printf '           Look: %s, %s\n' "$(how_to_call logs)" "$(how_to_call status)" >&2
  exit "$EX_FAILED"
}

# Opens the application as user would in a browser, from the first request to the application's page.
demo_sign_in() {
  local user=$1 password=$2
  # shellcheck source=/dev/null
  source "$top/scenarios/lib/agent.sh"
  agent_watch() { demo_watch "$@"; }
  agent_folder=$(mktemp -d "${TMPDIR:-/tmp}/sevenstep-demo.XXXXXX") || exit "$EX_FAILED"
  trap 'rm -rf "$agent_folder"' EXIT
  agent_new "$agent_folder"
  heading "$user opens $SEVENSTEP_APP_URL in a browser (played by curl)"
  agent_open "$SEVENSTEP_APP_URL" || demo_fail "$agent_failure"
  agent_logon "$user" "$password" || demo_fail "$agent_failure"
  if agent_has_token; then agent_post_token || demo_fail "$agent_failure"; fi
}

# demo_show TRACE: the seven steps; fails unless all of them were taken.
demo_show() {
  local story principal sequence
  heading "What happened, from the trace $1"
  trace_tool show --wait 5 "$1" || demo_fail "there is no trace $1"
  story=$(trace_tool --json show "$1")
  sequence=$(jq -r .sequence <<<"$story")
  principal=$(jq -r '[.steps[] | select(.step == 6 and .actor == "backend") | .attributes["krb.client"]][0] // empty' <<<"$story")
  # A lab that ran before has the user's ticket in the connector's cache, and needs no KDC.
  [[ $sequence == 1234567 || $sequence == 123467 ]] || demo_fail "the steps taken were $sequence"
  [[ -n $principal ]] || demo_fail "the application did not name the user"
  [[ $sequence == 1234567 ]] || say "Step 5 is absent: the connector had the user's ticket in its cache. For all seven: $(how_to_call down), and again."
  say "${green}The application inside saw ${bold}$principal${plain}${green}, who signed in outside as $2.$plain"
}

command_demo() {
  local install=1 user password trace
  [[ ${1-} != --no-install ]] || { install=0; shift; }
  (($# == 0 || $# == 2)) || die "$EX_USAGE" "expected USER PASSWORD, or neither" "./sevenstep demo --help"
  packages_install "$install" run build
  command_up
  load_environment
  user=${1:-$SEVENSTEP_USER} password=${2:-$SEVENSTEP_PASSWORD}
  demo_sign_in "$user" "$password"
  [[ $agent_status == 200 ]] || demo_fail "status $agent_status instead of 200"
  trace=$(agent_trace_id) || demo_fail "the answer carries no trace id"
  demo_show "$trace" "$user"
  demo_next_steps "$trace"
}

demo_next_steps() {
  local name url
  heading "Now you"
  say "  In a browser that trusts $SEVENSTEP_CA (or after its warning), as $SEVENSTEP_USER with $SEVENSTEP_PASSWORD:"
  while read -r name url; do printf '    %-10s %s\n' "$name" "$url"; done < <(ask list applications)
  say "  Step by step with curl:  docs/tutorial.md"
  say "  This trace again:        $(how_to_call "trace $1")"
  say "  What everybody logs:     $(how_to_call logs)"
  say "  Stop the KDC and see:    $(how_to_call 'stop kdc')"
  say "  Stop it all:             $(how_to_call down)"
}
