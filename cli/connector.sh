# shellcheck shell=bash
# Connectors: more and fewer of them, registration, revocation, and how the cloud sees them. The cloud is asked on its admin endpoint.

help_connector='Add and remove connectors while the lab runs, register them, revoke their certificates, list them.
A connector proves once by a token that it may register, makes a key, and gets a certificate for it; docs/connectors.md.

  connector list                        the connectors as the cloud knows them; --json for programs
  connector add NAME [--group GROUP]    one more connector, on the running lab: its principal and keytab at the KDC, its
                                        registration, its start. It may delegate to what the others of its group may. It
                                        stays over down and up
  connector remove NAME                 stops it, revokes it, and takes it out of the lab
  connector token NAME [--group GROUP]  print a one-time token, which registers this connector in its group
  connector register NAME               the same, handed to the connector of this lab, which registers at once, anew if it
                                        must, and is started if it does not run
  connector revoke NAME                 its certificate and its tokens are good no more, and its connections end at once
  connector purge NAME [USER]           it forgets the Kerberos tickets of this user (UPN, or account@REALM), or all of them:
                                        what the directory says of a user since then is so at once

  ./sevenstep connector add connector-3 && ./sevenstep connector list'

help_revoke='End all that a user was issued: logon, sessions, open WebSockets, access tokens, and the Kerberos tickets of connectors.
USER is a UPN. Do it when an account was disabled or its password changed elsewhere; tell the directory first. Who may still
log on does so, with the password, and works again. The identity provider and the cloud are both told, whatever the other says; the exit
code is not 0 when one of them did not do it, or the provider has no such user.

  ./sevenstep revoke alice@sevenstep.test'

# cloud_call METHOD PATH [CURL-OPTION...]: 0 when it was done, 1 when the cloud refuses; the answer in $reply. Like all that `up`
# calls, it gives up by die_stopping, which is die where nothing was started.
cloud_call() {
  local code
  actor_is_running cloud || die_stopping "$EX_DOWN" "the cloud is not running" "Start the lab: $(how_to_call up)"
  reply=$(curl -s -m 10 -X "$1" -w '\n%{http_code}' "${@:3}" --unix-socket "$(folder_of cloud)/cloud.sock" "http://localhost$2") ||
    die_stopping "$EX_FAILED" "the cloud's admin endpoint does not answer" "Its log: $run/log/cloud.log"
  code=${reply##*$'\n'} reply=${reply%$'\n'*}
  [[ $code == 2?? ]]
}

# cloud_ask METHOD PATH: the answer in $reply; a refusal is shown.
cloud_ask() {
  cloud_call "$@" ||
    die_stopping "$EX_FAILED" "$(jq -r '"\(.error): \(.what) \(.why)"' <<<"$reply")" "$(jq -r .fix <<<"$reply")"
}

# cloud_token NAME [GROUP]: sets token.
cloud_token() {
  cloud_ask POST "/connectors/$1/token${2:+?group=$2}"
  token=${reply#*'"token":"'} token=${token%%'"'*}
}

# hand_token NAME: to the connector, where it looks for it.
hand_token() {
  local token folder
  folder=$(folder_of "$1")/connectors
  cloud_token "$1"
  mkdir -p "$folder"
  (umask 077 && printf '%s\n' "$token" >"$folder/$1.token.new") && mv -f "$folder/$1.token.new" "$folder/$1.token"
}

# Those that start for the first time are given what they register with.
hand_token_if_new() {
  [[ -e $run/connectors/$1.pem || -e $run/connectors/$1.token ]] || hand_token "$1"
}

# cloud_admits NAME: would the cloud admit it with the certificate that it has? Else sets refusal, an error's name, and why.
cloud_admits() {
  refusal='' why=''
  cloud_call POST "/connectors/$1/check" --data-binary @- < <(openssl x509 -in "$run/connectors/$1.pem" -outform DER 2>/dev/null) && return
  IFS=$'\t' read -r refusal why < <(jq -r '[.error, .why] | @tsv' <<<"$reply")
  return 1
}

# Is it a connector that `up` leaves out? Nobody can tell without the cloud.
connector_is_out() {
  local refusal why
  is_one_of "$1" "${connectors[@]}" && actor_is_running cloud || return
  [[ -e $run/connectors/$1.pem && ! -e $run/connectors/$1.token ]] && ! cloud_admits "$1" && [[ $refusal == connector_revoked ]]
}

# connector_may_start NAME, for `up`: whom the cloud would refuse gets a token, and registers anew; so does who has a token, which may
# have ended. 1: it was revoked, and comes back when an administrator says so.
connector_may_start() {
  local refusal why
  if [[ ! -e $run/connectors/$1.pem || -e $run/connectors/$1.token ]]; then
    hand_token "$1"
  elif cloud_admits "$1"; then
    return 0
  elif [[ $refusal == connector_revoked ]]; then
    warn "$1 is revoked, and stays out. It may come back: $(how_to_call connector register "$1")"
    return 1
  else
    warn "$1 registers anew, as the cloud would not admit it ($refusal: $why)"
    hand_token "$1"
  fi
}

connector_list() {
  local json=0
  [[ ${1-} != --json ]] || { json=1; shift; }
  no_arguments "$@"
  cloud_ask GET /connectors
  if ((json)); then
    jq . <<<"$reply"
    return
  fi
  local format='%-14s %-12s %-9s %4s  %-15s %-8s %-21s %s\n' fields
  # shellcheck disable=SC2059
  printf "$bold$format$plain" CONNECTOR GROUP STATE CONN FROM VERSION 'CERTIFICATE ENDS' 'LAST SEEN'
  while IFS=$'\t' read -ra fields; do
    # shellcheck disable=SC2059
    printf "$format" "${fields[@]}"
  done < <(jq -r 'def at: if . then todate else "-" end; def text: if . == "" then "-" else . end;
    .connectors[] | [.name, .group, .state, .connections, (.from | text), (.version | text),
      (if .registered then .expires | at else "not registered" end), (.seen | at)] | @tsv' <<<"$reply")
}

connector_name() {
  local verb=$1
  shift
  (($# >= 1)) && [[ $1 =~ ^[a-z0-9-]+$ ]] || die "$EX_USAGE" "connector $verb: expected the name of a connector" "See --help."
  load_actors
}

connector_token() {
  local token
  connector_name token "$@"
  case $#:${2-}:${3-} in
    1::) cloud_token "$1" ;;
    3:--group:[a-z0-9-]*) cloud_token "$1" "$3" ;;
    *) die "$EX_USAGE" "connector token: expected NAME [--group GROUP]" "See --help." ;;
  esac
  say "$token"
}

connector_register() {
  connector_name register "$@"
  no_arguments "${@:2}"
  lab_take_lock
  hand_token "$1"
  if actor_is_running "$1"; then
    reload_actor "$1" || die "$EX_FAILED" "$1 does not register anew" "Its log tells why: $(how_to_call logs "$1")"
    say "$1 registers anew; $(how_to_call connector list) shows it."
    return
  fi
  connector_start "$1" "is registered"
}

# connector_start NAME WHAT-WAS-DONE: it has what it needs to register.
connector_start() {
  load_environment
  launch "$1"
  await "$1"
  say "$1 $2, and is ready."
}

# What the connectors of a group may delegate to, all together, as a list in YAML.
delegation_of() {
  ask list delegation | awk -v group="$1" '$2 == group && !seen[$3]++ { list = list (list ? ", " : "") $3 } END { printf "[%s]", list }'
}

connector_add() {
  local name=${1-} group=default
  [[ $name =~ ^[a-z0-9-]+$ ]] || die "$EX_USAGE" "connector add: expected the name of a connector" "See --help."
  case $#:${2-} in
    1:) ;;
    3:--group) group=$3 ;;
    *) die "$EX_USAGE" "connector add: expected NAME [--group GROUP]" "See --help." ;;
  esac
  lab_take_lock
  change_table add connectors "$name" "group=$group" "allowed_to_delegate_to=$(delegation_of "$group")"
  if ! lab_is_running; then
    change_done "$name is added."
    return
  fi
  load_actors
  rm -f "$(folder_of "$name")/connectors/$name".*
  (hand_token "$name" && connector_start "$name" "is added to group $group and registered") ||
    die "$EX_FAILED" "$name is in the lab now, but not ready" \
      "Try again: $(how_to_call connector register "$name"); or take it back: $(how_to_call connector remove "$name")"
}

connector_remove() {
  connector_name remove "$@"
  no_arguments "${@:2}"
  is_one_of "$1" "${connectors[@]}" || die "$EX_USAGE" "there is no connector \"$1\"" "There are: ${connectors[*]}"
  lab_take_lock
  ask change "$run/changes.yaml.new" connectors remove "$1" || exit
  rm -f "$run/changes.yaml.new"
  actors_stop "$1"
  ! actor_is_running cloud || cloud_ask POST "/connectors/$1/revoke"
  change_table remove connectors "$1"
  rm -f "$(folder_of "$1")/connectors/$1".* "$(folder_of "$1")/$1.sock" "$run/pid/$1.lock"
  change_done "$1 is removed."
}

connector_revoke() {
  connector_name revoke "$@"
  no_arguments "${@:2}"
  cloud_ask POST "/connectors/$1/revoke"
  rm -f "$(folder_of "$1")/connectors/$1.token"
  say "$1 is revoked. It may come back: $(how_to_call connector register "$1")"
}

connector_purge() {
  local answer query=()
  connector_name purge "$@"
  (($# <= 2)) || die "$EX_USAGE" "connector purge: expected NAME [USER]" "See --help."
  is_one_of "$1" "${connectors[@]}" || die "$EX_USAGE" "there is no connector \"$1\"" "There are: ${connectors[*]}"
  actor_is_running "$1" || die "$EX_DOWN" "$1 is not running" "Start it: $(how_to_call start "$1")"
  [[ -z ${2-} ]] || query=(--get --data-urlencode "user=$2")
  answer=$(curl -sS -f -m 10 -X POST ${query[@]+"${query[@]}"} --unix-socket "$(folder_of "$1")/$1.sock" http://localhost/tickets/purge) ||
    die "$EX_FAILED" "$1 did not purge" "Its log: $run/log/$1.log"
  [[ -z ${2-} || $answer != *': 0' ]] || answer+=", as it has none of \"$2\""
  say "$1: $answer."
}

command_connector() {
  local verb=${1-}
  settings_load
  require_build
  is_one_of "$verb" list add remove token register revoke purge || die "$EX_USAGE" "connector: expected list, add, remove, token, register, revoke or purge" "See --help."
  shift
  "connector_$verb" "$@"
}

# idp_revoke UPN: ends the logon; else says why not. Where another's provider has the seat, only that one can.
idp_revoke() {
  local answer code
  actor_is_running idp || {
    warn "the identity provider does not run here: a logon there goes on"
    return 0
  }
  answer=$(curl -sS -m 10 -X POST -w '\n%{http_code}' --unix-socket "$(folder_of idp)/idp.sock" "http://localhost/users/revoke?$(user_query "$1")" 2>&1)
  code=${answer##*$'\n'} answer=${answer%$'\n'*}
  case $code in
    200) return 0 ;;
    404) warn "the identity provider has no user \"$1\", and so no logon to end" ;;
    *) warn "the identity provider does not say that the logon of $1 is ended: ${answer%$'\n'}. Revoke again when it does; its log: $run/log/idp.log" ;;
  esac
  return "$EX_FAILED"
}

# cloud_revoke UPN: the answer in $reply.
cloud_revoke() {
  cloud_ask POST "/users/revoke?$(user_query "$1")"
}

user_query() {
  jq -rn --arg upn "$1" '"user=\($upn | @uri)"'
}

# The provider first: it gives no more what the cloud would take for new. Each is asked, whatever the other says.
command_revoke() {
  local code=0 connectors
  (($# == 1)) && [[ $1 == *@* ]] || die "$EX_USAGE" "revoke: expected the UPN of a user" "See --help."
  settings_load
  idp_revoke "$1" || code=$?
  connectors=$(cloud_revoke "$1" && jq .connectors <<<"$reply") ||
    die $? "the cloud does not say that the sessions and tokens of $1 are ended" "Revoke again when it answers: $(how_to_call revoke "$1")"
  say "All sessions and tokens of $1 are ended; connectors told to forget the tickets: $connectors."
  return "$code"
}
