# shellcheck shell=bash
# Changing a lab as it runs: app, user, rotate, export. In containers, too: containers/operate has other ways to an actor's folder and
# to the actor.
#
# The lab file is the user's and is never written. What is changed lives in RUN/changes.yaml, which everybody merges into
# the lab file (ARCHITECTURE.md, "Changes"). A change is made in one go: sevenstep-lab writes the next changes.yaml, and only
# if the lab that results is right; then the actors are told to reload, one by one, and the first that refuses undoes it all.

help_app='Publish applications, change and remove them, while the lab runs; nothing is restarted.
  ./sevenstep app list                          what is published, and where that is said
  ./sevenstep app add NAME KEY=VALUE...         publishes one more; internal_url at least
  ./sevenstep app set NAME KEY=VALUE...         changes it
  ./sevenstep app remove NAME                   takes it away; what is in progress is finished, what comes is answered 404

KEY is one of the keys of applications in docs/lab.md; of a key in a section both with a dot: SECTION.KEY=VALUE.
VALUE is text; where it begins with [, { or a quote, it is read as YAML: assigned_groups=[staff,auditors]. {cloud}, {backend}
and the other ports may be used in it. An empty one is the default again. KEY+=VALUE and KEY-=VALUE add to a list and take
from it. Quote what the shell would read.

  --delegate    with add and set, before NAME: the connectors of its group may delegate to its spn from now on. Without
                that the application is published, and the KDC refuses the ticket (step 4), as in a company where nobody
                told the directory

An spn that no application has any more is taken from the connectors'\'' lists too. All or nothing: if the lab would not be
right, or an actor refuses, nothing is changed. What is changed stays over down and up; ./sevenstep export prints the lab
file that says the same. A new application, as a user meets it at once:

  ./sevenstep app add --delegate wiki external_url=https://wiki.apps.localhost:{cloud}/ \
    internal_url=http://wiki.corp.sevenstep.test:{backend}/ connect=127.0.0.1:{backend} \
    single_sign_on=kcd spn=HTTP/wiki.corp.sevenstep.test assigned_groups=[staff]'
help_user='Disable users and enable them, make them and change them, while the lab runs; nothing is restarted.
  ./sevenstep user list                         who there is: active, disabled or expired
  ./sevenstep user set NAME KEY=VALUE...        changes the user; an empty value is the default again
  ./sevenstep user add NAME KEY=VALUE...        one more; password and upn at least. To use an application it takes an assignment, too:
                                                ./sevenstep app set APPLICATION assigned_users+=NAME
  ./sevenstep user remove NAME                  takes the user away, who must be in no group and assigned to nothing by name

KEY is one of the keys of users in docs/lab.md. The directory is told first, then the identity provider and the cloud. Whom the change
takes the account (enabled=false, expires in the past, another upn, remove) is at the same moment revoked, as by ./sevenstep revoke:
the logon at the identity provider, sessions, open WebSockets and access tokens end for good, and the connectors forget the tickets. So
it is when the password is another one. They forget the tickets of who becomes sensitive, and of who is no more assigned to an application
(app set NAME assigned_users-=USER), too. A password on the command line can be seen by others on this machine.

  ./sevenstep user set alice enabled=false'
help_rotate='Give a connector or an application a new Kerberos key, or the proxy one for sessions, while the lab runs; nothing is restarted.
  ./sevenstep rotate connector-1
  ./sevenstep rotate hello
  ./sevenstep rotate --sessions

The keytab holds the old and the new key before the KDC uses the new one, and both re-read it by themselves. The old key
stays, so tickets of before are accepted until they end. docs/kerberos.md tells more.

  --sessions    the proxy seals the sessions to come with a new key. Those of before are good until they end; then the old key
                is deleted. docs/publishing.md tells more'
help_export='Print the lab file that says what is so now: the lab file and what was changed by ./sevenstep app and others, in one.
In a fresh run folder it gives the same lab. It holds the passwords that the lab file holds; comments are not kept.

  ./sevenstep export >other.yaml'

# -- telling the actors ----------------------------------------------------------------------------------------------

# What an actor has from elsewhere and finds in its own folder: here that is everybody's.
hand_out() { :; }

# reload_actor NAME VERB: 0 when it took over what is on disk now, or does not run; else says why not. What it answered is in $answer.
# That something is removed, no connector can prevent.
reload_actor() {
  local code query=''
  answer=''
  [[ ${2-} != remove ]] || query='?firm'
  hand_out "$1" || return
  actor_is_running "$1" || return 0
  answer=$(curl -sS -m 30 -X POST -w '\n%{http_code}' --unix-socket "$(folder_of "$1")/$1.sock" "http://localhost/reload$query" 2>&1)
  code=${answer##*$'\n'} answer=${answer%$'\n'*}
  [[ $code == 200 ]] && return 0
  warn "$1 did not take it over: ${answer%$'\n'}"
  return 1
}

# reload_actors VERB: those who must know first, first. What is added is ready everywhere before the cloud lets users in; what is
# removed is closed by the cloud before anything behind it is taken away. The first that refuses ends it. Who was told is in $told, and
# whose password is another one in $new_passwords.
reload_actors() {
  local name answer
  local order=(kdc kdc-2 kdc-3 backend idp cloud)
  [[ $1 != remove ]] || order=(cloud idp backend kdc kdc-2 kdc-3)
  new_passwords=()
  for name in "${order[@]}"; do
    told+=("$name")
    reload_actor "$name" "$1" || return
    [[ $name != idp ]] || mapfile -t new_passwords < <(sed -n 's/^password //p' <<<"$answer")
  done
}

# The cloud knows no passwords, so it is told by us whose sessions were begun with another one.
end_sessions_of_new_passwords() {
  local upn
  for upn in ${new_passwords[@]+"${new_passwords[@]}"}; do
    if actor_is_running cloud; then
      (cloud_revoke "$upn") && continue
    else
      warn "the cloud is not running, and sessions of $upn will be good when it is"
    fi
    warn "the password is changed; end what was begun with the old one: $(how_to_call revoke "$upn")"
  done
}

# -- one change ------------------------------------------------------------------------------------------------------

# change_table VERB TABLE ARGUMENT...: as of `sevenstep-lab change`, from the check to what the actors say. The caller has
# loaded the settings and holds the lock.
change_table() {
  local verb=$1 table=$2 kept='' told=() new_passwords=()
  shift 2
  ask change "$run/changes.yaml.new" "$table" "$verb" "$@" || exit
  if [[ -e $run/changes.yaml ]]; then
    kept=$run/changes.yaml.old
    ln -f "$run/changes.yaml" "$kept"
  fi
  trap '' INT TERM
  mv -f "$run/changes.yaml.new" "$run/changes.yaml"
  if lab_is_running; then
    (provision_certificates) && reload_actors "$verb" || change_undo "$kept"
  fi
  rm -f "$run/changes.yaml.old"
  trap - INT TERM
  end_sessions_of_new_passwords
}

# change_undo KEPT: back to what was kept ('': nothing). Everybody who was told is told again, the other way round, and whatever the others
# say. The last one has refused: it may have begun, but may also refuse what was before, for a reason that it has given already.
change_undo() {
  local i answer stuck=()
  if [[ -n $1 ]]; then mv -f "$1" "$run/changes.yaml"; else rm -f "$run/changes.yaml"; fi
  (provision_certificates)
  ((${#told[@]} == 0)) || reload_actor "${told[-1]}" remove 2>/dev/null || true
  for ((i = ${#told[@]} - 2; i >= 0; i--)); do
    reload_actor "${told[i]}" remove || stuck+=("${told[i]}")
  done
  ((${#stuck[@]} == 0)) || warn "${stuck[*]} did not go back; they agree at the next start of the lab"
  die "$EX_FAILED" "nothing was changed"
}

change_done() {
  if lab_is_running; then say "$1"; else say "$1 It takes effect when the lab is started."; fi
}

# -- commands --------------------------------------------------------------------------------------------------------

change_begin() {
  settings_load
  require_build
  lab_take_lock
}

# change_command TABLE NAME-OF-A-ROW VERB ARGUMENT...: add, set or remove, for app and whoever else changes rows.
change_command() {
  local table=$1 noun=$2 verb=$3 name=${4-}
  shift 3
  if [[ $name == --delegate ]]; then
    [[ $table == applications && $verb != remove ]] ||
      die "$EX_USAGE" "$noun $verb: there is no option --delegate" "See $(how_to_call "$noun" --help)."
    name=${2-}
  fi
  [[ -n $name ]] || die "$EX_USAGE" "$noun $verb: a name is missing" "See $(how_to_call "$noun" --help)."
  [[ $verb != set || ${!#} != "$name" || $1 == --delegate ]] || die "$EX_USAGE" "$noun set: expected KEY=VALUE behind $name" "See $(how_to_call "$noun" --help)."
  change_begin
  change_table "$verb" "$table" "$@"
  case $verb in
    add) change_done "$name is added." ;;
    set) change_done "$name is changed." ;;
    remove) change_done "$name is removed." ;;
  esac
}

app_list() {
  no_arguments "$@"
  settings_load
  require_build
  local name url said lines
  lines=$(ask list published) || exit "$EX_CONFIG"
  printf '%s%-16s %-10s %s%s\n' "$bold" APPLICATION 'SAID BY' URL "$plain"
  while read -r name url said; do printf '%-16s %-10s %s\n' "$name" "$said" "$url"; done <<<"$lines"
}

command_app() {
  local verb=${1-}
  (($# == 0)) || shift
  case $verb in
    list) app_list "$@" ;;
    add | set | remove) change_command applications app "$verb" "$@" ;;
    *) die "$EX_USAGE" "app: expected list, add, set or remove" "$(how_to_call app --help)" ;;
  esac
}

user_list() {
  no_arguments "$@"
  settings_load
  require_build
  local name state upn lines
  lines=$(ask list users) || exit "$EX_CONFIG"
  printf '%s%-16s %-9s %s%s\n' "$bold" USER STATE UPN "$plain"
  while read -r name state upn; do printf '%-16s %-9s %s\n' "$name" "$state" "$upn"; done <<<"$lines"
}

command_user() {
  local verb=${1-}
  (($# == 0)) || shift
  case $verb in
    list) user_list "$@" ;;
    add | set | remove) change_command users user "$verb" "$@" ;;
    *) die "$EX_USAGE" "user: expected list, add, set or remove" "$(how_to_call user --help)" ;;
  esac
}

command_export() {
  no_arguments "$@"
  settings_load
  [[ -x $bin/sevenstep-lab ]] || build_programs >&2
  ask export
}

rotate_sessions() {
  settings_load
  lab_take_lock
  cloud_ask POST /keys/rotate
  say "$(jq -r '"Sessions are sealed with key \(.key) from now on; former keys that are kept: \(.former)."' <<<"$reply")"
}

# Each realm has KDCs of its own, which know its own connectors and applications; one of a realm does for all.
command_rotate() {
  local name actor answer code=''
  [[ $* != --sessions ]] || { rotate_sessions; return; }
  (($# == 1)) && [[ $1 =~ ^[a-z0-9-]+$ ]] || die "$EX_USAGE" "rotate: expected the name of a connector or an application" "See --help."
  settings_load
  lab_take_lock
  for name in kdc kdc-2 kdc-3 partner-kdc; do
    actor_is_running "$name" || continue
    actor=$name
    answer=$(curl -sS -m 30 -X POST -w '\n%{http_code}' --unix-socket "$run/$actor.sock" "http://localhost/rotate?name=$1" 2>&1)
    code=${answer##*$'\n'} answer=${answer%$'\n'*}
    [[ $code == 404 ]] || break
  done
  [[ -n $code ]] || die "$EX_DOWN" "the KDC is not running" "Start the lab: $(how_to_call up)"
  [[ $code == 200 ]] || die "$EX_FAILED" "$actor: ${answer%$'\n'}" "Its log: $run/log/$actor.log"
  say "${answer%$'\n'}"
}
