# shellcheck shell=bash
# Samba's Active Directory as the KDC: a domain of its own in a temporary folder, and of all its services the KDC alone.
#
#   samba_absent               prints why it cannot be here; fails if it can
#   samba_provision PORT       the domain, in $samba_folder; its KDC will listen on PORT
#   samba_account NAME SPN     a service account, by its SPN
#   samba_tool ARGUMENT...     samba-tool on it
#   samba_start   samba_stop

samba_absent() {
  if ! command -v samba >/dev/null || ! command -v samba-tool >/dev/null || [[ ! -d /usr/share/samba/setup ]]; then
    echo "Samba is not installed (to install it: apt-get install $(sed -n 's/^samba  *//p' "$lab_top/packages.txt" | xargs))"
  elif ((EUID != 0)); then
    echo 'making a Samba domain needs root'
  else
    return 1
  fi
}

samba_tool() {
  samba-tool "$@" -s "$samba_folder/etc/smb.conf" -d 0 >>"$samba_folder/tool.log" 2>&1 || {
    tail -n 5 "$samba_folder/tool.log" >&2
    return 1
  }
}

samba_provision() {
  samba_folder=$(mktemp -d /tmp/sevenstep-samba.XXXXXX)
  export samba_folder
  samba-tool domain provision --targetdir="$samba_folder" --realm=CORP.SEVENSTEP.TEST --domain=CORP --host-name=dc --server-role=dc \
    --dns-backend=NONE \
    --option='interfaces=lo' --option='bind interfaces only=yes' >"$samba_folder/provision.log" 2>&1 || {
    tail -n 5 "$samba_folder/provision.log" >&2
    return 1
  }
  mkdir -p "$samba_folder/pid" "$samba_folder/ncalrpc"
  printf '%s\n' "krb5 port = $1" "kpasswd port = $(($1 + 1))" 'server services = kdc' 'dcerpc endpoint servers =' \
    'kdc default domain supported enctypes = aes128-cts-hmac-sha1-96 aes256-cts-hmac-sha1-96' \
    "pid directory = $samba_folder/pid" "ncalrpc dir = $samba_folder/ncalrpc" >"$samba_folder/kdc.conf"
  sed -i -e '/server services =/d' -e '/log file =/d' -e "/^\[global\]/r $samba_folder/kdc.conf" "$samba_folder/etc/smb.conf"
}

samba_account() {
  samba_tool user create "$1" --random-password
  samba_tool spn add "$2" "$1"
  samba_tool user rename "$1" --upn="$2@CORP.SEVENSTEP.TEST"
}

samba_start() {
  samba -s "$samba_folder/etc/smb.conf" -F --no-process-group -M single --debug-stdout -d 5 >"$samba_folder/log" 2>&1 3>&- &
  samba_pid=$!
  export samba_pid
  timeout 30 tail -n +1 -F --pid="$samba_pid" "$samba_folder/log" 2>/dev/null | grep -qm 1 'ready to serve connections' || {
    tail -n 5 "$samba_folder/log" >&2
    return 1
  }
}

samba_stop() {
  kill "$samba_pid" && timeout 10 tail --pid="$samba_pid" -f /dev/null
  rm -rf "$samba_folder"
}
