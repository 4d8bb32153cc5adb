# shellcheck shell=bash disable=SC2154,SC2034
# The words of the tables in this folder, and what it takes to make a cell real. Each cell breaks something (or nothing), meets
# the lab as a user, reads what happened from the page and the trace, and mends it again.
#
#   heading TEXT
#   cell ID what=TEXT FIELD=VALUE...
#
#   app user via             the application (required, but for by), the user (alice), the connector (transition)
#   before                   a command before all else
#   break mend               a command that breaks something, and one to mend it; the realm is mended by provisioning anyway
#   session                  yes: the user is signed in before the break, and the connector then forgets its tickets;
#                            cached: it does not
#   by                       what is done in place of that: by a client inside, by one who changes what he was given, ...
#   error status step cause event why code forwardable cache principal kdc
#                            what is expected: the error on the page (none: the application's page), HTTP status, then of the
#                            trace the failed step, its error where it is another than the page's, Microsoft's event for the page's
#                            error (0: it has none), a part of the reason, the krb5 code, whether the evidence was forwardable, whether the ticket came from the
#                            cache, whom the application saw (without the realm, if it is the lab's), a part of a line of the KDC's log
#   told                     where several causes look alike to the connector: what tells this one apart
#   doctor                   a part of the cause that sevenstep-doctor names for it

declare -A cell=()
ids=()

heading() { ids+=("# $1"); }

cell() {
  local id=$1 pair
  shift
  ids+=("$id")
  for pair; do cell[$id.${pair%%=*}]=${pair#*=}; done
}

readonly expected_fields=(error status step cause event why code forwardable cache page log principal kdc)

# -- breaking things -----------------------------------------------------------------------------------------------

admin() { PATH=$PATH:/usr/sbin:/sbin kadmin.local -q "$*"; }

lab_restart() { lab stop "$1" && lab start "$1"; }

provision() { "$SEVENSTEP_BIN/sevenstep-kdc" provision -c "$SEVENSTEP_LAB" -r "$SEVENSTEP_RUN"; }

signal_kdc() { kill "-$1" "$(pgrep -P "$(lab status --json | jq -r '.actors[] | select(.name == "kdc") | .pid')" krb5kdc)"; }

client_enctype() { sed -i "s/permitted_enctypes = .*/permitted_enctypes = $1/" "$KRB5_CONFIG"; }

client_forwardable() { sed -i "s/forwardable = .*/forwardable = $1/" "$KRB5_CONFIG"; }

# krb5kdc started anew by another program of that name, which is found first.
kdc_by() {
  mkdir -p "$work/kdc"
  printf '#!/bin/bash\nPATH=/usr/sbin:/usr/local/sbin:/sbin:/usr/bin\n%s\n' "$1" >"$work/kdc/krb5kdc"
  chmod +x "$work/kdc/krb5kdc"
  lab stop kdc
  PATH=$work/kdc:$PATH lab start kdc
}

# For env: a clock that differs by this. Not by the program faketime, which stays between as a parent.
other_clock() { printf 'LD_PRELOAD=%s FAKETIME=%s' "$(dpkg -L libfaketime | grep '/libfaketime\.so\.1$')" "$1"; }

# An actor of ours with another clock. AddressSanitizer would not have anything loaded before itself.
actor_clock() {
  lab stop "$1"
  # shellcheck disable=SC2046 # two words
  env $(other_clock "$2") ASAN_OPTIONS="verify_asan_link_order=0:${ASAN_OPTIONS-}" "$lab_top/sevenstep" start "$1"
}

# A KDC with another clock; the connector adjusts to it (kdc_timesync: yes), or not.
kdc_clock() {
  kdc_by "exec env $(other_clock "$1") krb5kdc \"\$@\""
  [[ $2 == yes ]] || sed -i 's/kdc_timesync = 1/kdc_timesync = 0/' "$KRB5_CONFIG"
}

kdc_gives_ended_tickets() {
  kdc_clock -20m yes
  admin modprinc -maxlife '"1 minute"' "$target"
}

kdc_without_pac() {
  sed 's/max_life = /disable_pac = true\n    max_life = /' "$KRB5_KDC_PROFILE" >"$work/no-pac.conf"
  kdc_by "KRB5_KDC_PROFILE=$work/no-pac.conf exec krb5kdc \"\$@\""
}

# A password policy that locks at the first wrong one, and a wrong one.
lock_in_realm() {
  admin addpol -maxfailure 1 -failurecountinterval 0 -lockoutduration 0 one-try
  admin modprinc -policy one-try "$1"
  kinit -c MEMORY: "$1" <<<wrong
  return 0
}

unlock_in_realm() { admin modprinc -unlock -clearpolicy "$1"; }

wrong_passwords() {
  agent_new "$work/wrong"
  agent_open "$(url_of "$2")"
  for _ in $(seq 1 20); do
    agent_logon "$1@sevenstep.test" wrong-password
    [[ $(agent_error) == wrong_password ]] || return 0
  done
}

# The application's keytab without this principal.
backend_loses() {
  admin ktrem -k "$backend_keytab" "$1" all
  lab_restart backend
}

# The database has another key than the keytab, under the same number: other_key_same_version PRINCIPAL [OPTION-OF-CPW...]
other_key_same_version() {
  local version
  version=$(admin getprinc "$1" | sed -n 's/^Key: vno \([0-9]*\).*/\1/p' | head -n 1)
  admin cpw -randkey "${@:2}" "$1"
  admin modprinc -kvno "$version" "$1"
}

# The keytab has a key for AES-256 alone, the database one for AES-128.
other_enctype_same_version() {
  admin cpw -randkey -e aes256-cts-hmac-sha1-96:normal "$1"
  admin ktrem -k "$backend_keytab" "$1" all
  admin ktadd -norandkey -k "$backend_keytab" "$1"
  other_key_same_version "$1" -e aes128-cts-hmac-sha1-96:normal
  lab_restart backend
}

# -- clients of other manners --------------------------------------------------------------------------------------

# Scripts are told what is wrong with their session; browsers are sent to the logon.
as_script() { agent_get "$(url_of hello)" -H 'Sec-Fetch-Mode: cors' "$@"; }

with_cookie() {
  : >"$agent_jar"
  as_script -H "Cookie: __Host-sevenstep=$1"
}

another() { [[ $1 == A ]] && printf B || printf A; }

with_changed_cookie() {
  local cookie
  cookie=$(agent_cookie __Host-sevenstep)
  with_cookie "${cookie:0:40}$(another "${cookie:40:1}")${cookie:41}"
}

with_cookie_after_logout() {
  local cookie
  cookie=$(agent_cookie __Host-sevenstep)
  agent_get "$(url_of hello).sevenstep/logout"
  with_cookie "$cookie"
}

to_the_token() {
  agent_open "$(url_of hello)"
  agent_logon alice alice-password
}

with_changed_token() {
  local token
  to_the_token
  token=$(agent_field id_token)
  agent_post_token "id_token=${token:0:-10}$(another "${token: -10:1}")${token: -9}"
}

with_no_token() {
  to_the_token
  agent_post_token id_token=nonsense
}

# The proxy waits 85 s.
slowly() { AGENT_TIMEOUT=120 agent_get "$(url_of hello)slow?ms=86000"; }

# -- clients inside ------------------------------------------------------------------------------------------------

ask_directly() { agent_get "http://127.0.0.1:$backend_port/" -H 'Host: hello.corp.sevenstep.test' "$@"; }

without_token() { ask_directly; }

with_token() { ask_directly -H "Authorization: Negotiate $1"; }

# A token of alice's own ticket: what curl sent, by a clock of its own if one is given.
own_token() {
  local KRB5CCNAME=FILE:$work/alice.cc
  export KRB5CCNAME
  { kinit alice <<<alice-password && kvno HTTP/hello.corp.sevenstep.test; } >/dev/null && env ${1:+$(other_clock "$1")} curl -sv --noproxy '*' --negotiate -u : -o /dev/null \
    --connect-to "hello.corp.sevenstep.test:80:127.0.0.1:$backend_port" http://hello.corp.sevenstep.test/ 2>&1 |
    sed -n 's/^> Authorization: Negotiate \([A-Za-z0-9+/=]*\).*/\1/p'
}

with_clock() { with_token "$(own_token "$1")"; }

with_replay() { with_token "$(own_token)"; }

# Its last byte is the authenticator's.
with_tampered() {
  local token
  token=$(own_token | base64 -d | xxd -p | tr -d '\n')
  [[ ${token: -2} == 00 ]] && token=${token::-2}01 || token=${token::-2}00
  with_token "$(xxd -r -p <<<"$token" | base64 -w 0)"
}

# -- meeting and observing -----------------------------------------------------------------------------------------

url_of() { "$SEVENSTEP_BIN/sevenstep-lab" -c "$SEVENSTEP_LAB" list applications | sed -n "s/^$1 //p"; }

field() { printf '%s' "${cell[$1.$2]-${3-}}"; }

# What the user types: the account name does as well.
user_name() { printf '%s' "$1"; }

# Everything about one cell happens here; its messages go to the log.
make_real() {
  local id=$1 user app via session
  user=$(field "$id" user alice) app=$(field "$id" app) via=$(field "$id" via transition) session=$(field "$id" session)
  ${cell[$id.before]-}
  agent_new "$work/$id"
  [[ -z $session ]] || agent_sign_in "$(url_of "$app")" "$(user_name "$user")" "$user-password"
  ${cell[$id.break]-}
  [[ -z ${cell[$id.break]-} || $session == cached ]] || lab_restart "$via"
  if [[ -n ${cell[$id.by]-} ]]; then
    ${cell[$id.by]}
  elif [[ -n $session ]]; then
    agent_get "$(url_of "$app")"
  else
    agent_sign_in "$(url_of "$app")" "$(user_name "$user")" "$user-password"
  fi
}

mend() {
  local id=$1
  [[ -n ${cell[$id.break]-} ]] || return 0
  # What the fault needs first (a KDC that serves), the realm, and what reads it at its start.
  case ${cell[$id.mend]-} in
    lab_restart*) provision; ${cell[$id.mend]} ;;
    *) ${cell[$id.mend]-}; provision ;;
  esac
  lab_restart "$(field "$id" via transition)"
}

examine() {
  [[ -n ${cell[$1.doctor]-} ]] || { echo null; return; }
  lab doctor --json --connector "$(field "$1" via transition)" --app "$(field "$1" app)" --user "$(field "$1" user alice)@sevenstep.test" \
    2>/dev/null | jq -c '.first.cause'
}

# What the page has of what an administrator needs.
page_tells() {
  local found='' part
  for part in '<dt>Event' MIT: AD:; do grep -qF -- "$part" "$agent_body" && found+="${part#<dt>} "; done
  printf '%s' "${found% }"
}

# Does the connector's log name the error with the activity id?
log_tells() {
  local name trace
  name=$(agent_error) trace=$(agent_trace_id) || return 0
  grep -qE "$name.*$trace|$trace.*$name" "$SEVENSTEP_RUN/log/$(field "$1" via transition).log" && printf yes
}

# What was met, as JSON.
observe() {
  local story
  story=$(trace_json) || story='{}'
  jq -c --arg status "$agent_status" --arg error "$(agent_error)" --arg page "$(page_tells)" --arg log "$(log_tells "$1")" '
    ([.steps[]? | select(.step == 4 and .actor == "connector") | .attributes] | last // {}) as $step4 |
    {error: (if $error == "" then "none" else $error end), status: ($status | tonumber), step: .error.step, actor: .error.actor,
     event: ([.steps[]?, .others[]? | .error // empty | select(.name == $error) | .event][0] // .error.event),
     cause: .error.name, why: .error.why, code: $step4["krb.error_code"],
     forwardable: $step4["krb.evidence.forwardable"], flags: $step4["krb.evidence.flags"], cache: $step4["krb.cache"],
     page: $page, log: $log,
     principal: ([.steps[]? | select(.step == 6 and .actor == "backend") | .attributes["krb.client"]][0] // null |
                 if . then sub("@CORP[.]SEVENSTEP[.]TEST$"; "") else . end), kdc: [.steps[]?.events[]? | select(.name == "kdc.log") | .text]}' <<<"$story"
}

expectation() {
  local id=$1 name
  # A failure of step 4 with an event number is told with both fixes on the page, and in the connector's log.
  if [[ ${cell[$id.step]-} == 4 && -n ${cell[$id.event]-} ]]; then cell[$id.page]='Event MIT: AD:' cell[$id.log]=yes; fi
  for name in "${expected_fields[@]}" doctor; do
    [[ -z ${cell[$id.$name]+set} ]] || jq -nc --arg name "$name" --arg value "${cell[$id.$name]}" '{($name): $value}'
  done | jq -sc add
}

# cell_measure ID: makes it real; prints it, expected and observed, as one line of JSON.
cell_measure() {
  local id=$1 observed doctor
  {
    printf '\n== %s\n' "$id"
    make_real "$id"
    observed=$(observe "$id")
    doctor=$(examine "$id")
    mend "$id"
  } >>"$work/log" 2>&1 </dev/null
  jq -nc --arg id "$id" --arg what "${cell[$id.what]}" --arg told "${cell[$id.told]-}" --argjson expected "$(expectation "$id")" \
    --argjson observed "${observed:-null}" --argjson doctor "${doctor:-null}" '
    ($observed + {doctor: $doctor}) as $seen |
    [$expected | to_entries[] | .key as $key | .value as $value |
      select(if $key == "kdc" then any($seen.kdc[]?; contains($value))
             elif $key == "why" or $key == "doctor" then ($seen[$key] // "" | contains($value))
             else ($seen[$key] | tostring) == $value end | not) |
      "\($key): expected \($value), observed \($seen[$key])"] as $differences |
    {id: $id, what: $what, told: $told, expected: $expected, observed: $seen, differences: $differences, ok: ($differences == [])}'
}
