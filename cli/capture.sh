# shellcheck shell=bash
# What connectors and KDC really say to each other, for Wireshark.

help_capture='Record what the connectors exchange with the KDC, for Wireshark, and give it the keys to read it.
  ./sevenstep capture start     from now on the connectors append each message to RUN/capture/recording.pcap
  ./sevenstep capture stop      ends it: RUN/capture/kerberos.pcap, and RUN/capture/lab.keytab with the keys of the whole realm

Neither root nor a network card is needed: the connectors write down what they sent and got, byte for byte. A connector that has
a user'\''s ticket asks no KDC: sign in as somebody new, or ./sevenstep connector purge NAME first. docs/kerberos.md tells what
to look for. The keytab opens every ticket of this lab; both files are for their owner only.'

capture_start() {
  lab_is_running || die "$EX_DOWN" "the lab is not running" "Start it: $(how_to_call up)"
  (umask 077 && mkdir -p "$run/capture" && : >"$run/capture/recording.pcap") || die "$EX_FAILED" "$run/capture cannot be written" "$(how_to_write)"
  say "Recording. What the connectors and the KDC say to each other is kept until $(how_to_call 'capture stop')"
}

# As many records as fit have been kept (common/krb/kdc_record.h), less the largest message.
readonly capture_full=$(((16 << 20) - 132000))

# kdc_keys FILE: all keys of the lab's realms into this keytab. The caller has loaded the actors.
kdc_keys() {
  "$bin/sevenstep-kdc" keys "$1" -c "$lab" -r "$run" &&
    { [[ -z ${program_of[partner-kdc]-} ]] || "$bin/sevenstep-kdc" partner keys "$1" -c "$lab" -r "$run"; }
}

# capture_keys FILE
capture_keys() {
  [[ -n ${program_of[kdc]-} ]] || die "$EX_FAILED" "the keys are with the guest's KDC" "The recording is in $run/capture/kerberos.pcap; its administrator can export a keytab."
  local log=$run/capture/keys.log
  (umask 077 && kdc_keys "$1" 2>"$log") || {
    cat "$log" >&2
    die "$EX_FAILED" "the keys could not be written"
  }
  rm -f "$log"
}

capture_stop() {
  local record=$run/capture/kerberos.pcap keys=$run/capture/lab.keytab
  [[ -e $run/capture/recording.pcap ]] || die "$EX_FAILED" "nothing is being recorded" "Begin: $(how_to_call 'capture start')"
  mv -f "$run/capture/recording.pcap" "$record"
  if [[ ! -s $record ]]; then
    rm -f "$record"
    die "$EX_FAILED" "no connector asked the KDC for anything meanwhile" "The tickets were in its cache: $(how_to_call 'connector purge NAME'), and record again."
  fi
  rm -f "$keys"
  load_actors
  capture_keys "$keys"
  (($(stat -c %s "$record") < capture_full)) || warn "the recording was full before its end; what came later is not in it"
  say "Recorded: $record"
  say "Its keys: $keys   (whoever has these can read and make every ticket of this lab)"
  say ''
  say "  wireshark -o kerberos.decrypt:TRUE -K $(printf %q "$keys") -r $(printf %q "$record")"
  say "  tshark -o kerberos.decrypt:TRUE -K $(printf %q "$keys") -r $(printf %q "$record") -V"
}

command_capture() {
  local verb=${1-}
  is_one_of "$verb" start stop || die "$EX_USAGE" "capture: expected start or stop" "./sevenstep capture --help"
  shift
  no_arguments "$@"
  settings_load
  require_build
  "capture_$verb"
}
