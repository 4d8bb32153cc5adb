# shellcheck shell=bash
# Apache with mod_auth_gssapi in the application's seat: a stranger's program behind our connector (scenarios/seats/apache.conf).
#
#   apache_start KEYTAB     on $SEVENSTEP_PORT_BASE + 12 (HTTP) and + 13 (HTTPS, certificate in $apache_folder/cert.pem)
#   apache_stop
#   apache_give KEYTAB      another keytab, from the next request on
#
# As root, Apache would give up its rights anyway; it is started as www-data, which owns copies of what it needs to read.

apache_as() {
  if ((EUID == 0)); then setpriv --reuid www-data --regid www-data --clear-groups "$@"; else "$@"; fi
}

# apache_copy FILE NAME
apache_copy() {
  install -m 0600 "$1" "$apache_folder/$2"
  ((EUID != 0)) || chown www-data: "$apache_folder/$2"
}

apache_give() {
  apache_copy "$1" keytab
}

apache_start() {
  apache_folder=$(mktemp -d /tmp/sevenstep-apache.XXXXXX)
  apache_port=$((SEVENSTEP_PORT_BASE + 12)) apache_tls_port=$((SEVENSTEP_PORT_BASE + 13))
  export apache_folder apache_port apache_tls_port
  cp -r "$lab_top/scenarios/seats/htdocs" "$lab_top/scenarios/seats/apache.conf" "$apache_folder"
  chmod -R a+rX "$apache_folder"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=apache \
    -addext subjectAltName=DNS:secure-web.corp.sevenstep.test -keyout "$apache_folder/key.pem" -out "$apache_folder/cert.pem" 2>/dev/null
  ((EUID != 0)) || chown www-data: "$apache_folder" "$apache_folder"/*.pem
  apache_give "$1"
  apache_copy "$KRB5_CONFIG" krb5.conf
  apache_control start
}

# It listens when this returns: it binds its ports before it goes to the background.
apache_control() {
  apache_as env -i PATH="$PATH:/usr/sbin" FOLDER="$apache_folder" HTDOCS="$apache_folder/htdocs" PORT="$apache_port" \
    TLS_PORT="$apache_tls_port" KRB5_CONFIG="$apache_folder/krb5.conf" KRB5RCACHEDIR="$apache_folder" \
    apache2 -d "$apache_folder" -f "$apache_folder/apache.conf" -k "$1" 3>&- 2>"$apache_folder/control.log" || {
    cat "$apache_folder"/*.log >&2
    return 1
  }
}

apache_stop() {
  local pid
  pid=$(<"$apache_folder/pid") && apache_control stop && timeout 10 tail --pid="$pid" -f /dev/null
  rm -rf "$apache_folder"
}
