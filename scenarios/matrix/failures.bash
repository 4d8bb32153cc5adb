# shellcheck shell=bash disable=SC2154,SC2034
# The table of failures, a row a call: all of Kerberos, and whatever else Microsoft's connector has an event number for. See cells.bash
# for what the words mean.

table_title='Failures, each made for real'

connector=HTTP/transition.corp.sevenstep.test
target=HTTP/hello.corp.sevenstep.test
keytab=$SEVENSTEP_RUN/keytabs/transition.keytab
trust=krbtgt/PARTNER.SEVENSTEP.TEST@CORP.SEVENSTEP.TEST
backend_keytab=$SEVENSTEP_RUN/keytabs/backend.keytab

heading 'The session'
cell cookie-malformed what='its cookie is none of ours' app=hello by='with_cookie forged' error=session_malformed status=401 step=1 event=12003
cell cookie-changed what='a byte of its cookie changed' app=hello session=yes by=with_changed_cookie error=session_invalid status=401 step=1 event=12011
cell cookie-ended what='its cookie is used after signing out' app=hello session=yes by=with_cookie_after_logout \
  error=session_ended status=401 step=1 event=12004
cell cookie-expired what='its time is over' app=hello session=cached break='actor_clock cloud +2h' mend='lab_restart cloud' by=as_script \
  error=session_expired status=401 step=1 event=13015

heading 'The token'
cell token-changed what='a byte of its signature changed' app=hello by=with_changed_token error=token_signature status=403 step=3 event=13012
cell token-malformed what='it is no token' app=hello by=with_no_token error=token_malformed status=400 step=3 event=13014
cell token-expired what='the clock of the identity provider is behind' app=hello break='actor_clock idp -2h' mend='lab_restart idp' \
  error=token_expired status=403 step=3 event=13013
cell token-early what='the clock of the identity provider is ahead' app=hello break='actor_clock idp +2h' mend='lab_restart idp' \
  error=token_not_yet_valid status=403 step=3 event=13028
cell no-upn what='the token names no UPN' user=erin app=hello error=token_no_upn status=403 step=3 event=13016
cell upn-malformed what='its UPN is of another company' user=hank app=hello error=token_bad_upn status=403 step=3 event=12027

heading 'The connector and its key'
cell connector-disabled what='connector disabled' app=hello break="admin modprinc -allow_tix $connector" \
  error=connector_credential status=502 step=4 event=13019 code=-1765328366 kdc='CLIENT LOCKED OUT'
cell connector-unknown what='connector not in the database' app=hello break="admin delprinc -force $connector" \
  error=connector_credential status=502 step=4 event=13019 code=-1765328378 kdc=CLIENT_NOT_FOUND
cell keytab-absent what='keytab absent' app=hello break="rm $keytab" \
  error=connector_credential status=502 step=4 event=13019 why='not found'
cell keytab-other what='keytab without the principal' app=hello break="cp $SEVENSTEP_RUN/keytabs/resource-based.keytab $keytab" \
  error=connector_credential status=502 step=4 event=13019 code=-1765328203
cell keytab-old what='keytab with an old key' app=hello break="admin cpw -randkey $connector" \
  error=connector_credential status=502 step=4 event=13019 code=-1765328360 kdc=PREAUTH_FAILED
cell no-enctype what='no encryption type in common' app=hello break='client_enctype camellia256-cts-cmac' \
  error=no_common_enctype status=502 step=4 event=13019

heading 'The way to the KDC'
cell kdc-stopped what='KDC stopped' app=hello break='lab stop kdc' mend='lab start kdc' \
  error=kdc_unreachable status=502 step=4 event=12027 code=-1765328228
cell kdc-stalled what='KDC stalled' app=hello break='signal_kdc STOP' mend='signal_kdc CONT' \
  error=kdc_timeout status=504 step=4 event=12027 code=-1765328228

cell kdc-clock what='clocks of connector and KDC differ, and the connector does not adjust' app=hello \
  break='kdc_clock +10m no' mend='lab_restart kdc' error=clock_skew status=502 step=4 event=13019 code=-1765328347
cell kdc-no-pac what='KDC makes no PAC' app=hello break='kdc_without_pac' mend='lab_restart kdc' \
  error=kerberos_error status=502 step=4 event=12027 code=-1765328364

heading 'The way to another realm, for a user who is of it'
cell partner-stopped what='its KDC stopped' app=shared user=pat via=resource-based break='lab stop partner-kdc' mend='lab start partner-kdc' \
  error=kdc_unreachable status=502 step=4 event=12027 code=-1765328228
cell trust-none what='no trust' app=shared user=pat via=resource-based break="admin delprinc -force $trust" \
  error=realm_trust status=502 step=4 event=13019 code=-1765328377
cell trust-key what='its KDC has another key' app=shared user=pat via=resource-based break="admin cpw -pw another $trust" \
  error=realm_trust status=502 step=4 event=13019
cell trust-version what='the same key, another version' app=shared user=pat via=resource-based break="admin modprinc -kvno 7 $trust" \
  error=realm_trust status=502 step=4 event=13019

heading 'The user'
cell user-unknown what='user not in the database' app=hello break='admin renprinc -force alice somebody' \
  error=user_unknown_to_kdc status=403 step=4 event=12027 code=-1765328378 kdc=UNKNOWN_S4U2SELF_PRINCIPAL
cell user-disabled what='user disabled in the directory alone' app=hello break='admin modprinc -allow_tix alice' \
  error=user_revoked status=403 step=4 event=12027 code=-1765328366 kdc='CLIENT LOCKED OUT' told='the KDC'\''s line'
cell user-locked what='user locked by wrong passwords' app=hello break='lock_in_realm alice' mend='unlock_in_realm alice' \
  error=user_revoked status=403 step=4 event=12027 code=-1765328366 kdc=LOCKED_OUT told='the KDC'\''s line'
cell user-expired what='user expired' app=hello break='admin modprinc -expire yesterday alice' \
  error=user_expired status=403 step=4 event=12027 code=-1765328383 kdc='CLIENT EXPIRED'

cell name-malformed what='a name that is no account here' user=hank app=on-premises-upn error=name_malformed status=403 step=4 event=12027

heading 'Delegation'
cell not-transition what='connector without protocol transition' app=hello break="admin modprinc -ok_to_auth_as_delegate $connector" \
  error=evidence_not_forwardable status=403 step=4 event=13019 code=-1765328371 forwardable=false kdc=EVIDENCE_TKT_NOT_FORWARDABLE \
  told='a probe for another user' doctor='may not use protocol transition'
cell sensitive what='sensitive user' user=dave app=hello \
  error=evidence_not_forwardable status=403 step=4 event=13019 code=-1765328371 forwardable=false kdc=EVIDENCE_TKT_NOT_FORWARDABLE \
  told='a probe for another user' doctor='account is sensitive'
cell not-forwardable-tgt what='connector'\''s own ticket not forwardable' app=hello break="admin modprinc -allow_forwardable $connector" \
  error=evidence_not_forwardable status=403 step=4 event=13019 code=-1765328371 forwardable=false kdc=EVIDENCE_TKT_NOT_FORWARDABLE \
  told='flags of the connector'\''s ticket' doctor="connector's own ticket"
cell krb5-conf what='krb5.conf does not ask for forwardable tickets: no harm' app=hello break='client_forwardable false' error=none forwardable=true
cell not-allowed what='target not in the connector'\''s list' app=vault \
  error=not_allowed_to_delegate status=403 step=4 event=13019 code=-1765328371 forwardable=true kdc=NOT_ALLOWED_TO_DELEGATE told='forwardable evidence'
cell no-list what='connector without any list' app=hello break="admin delstr $connector allowed_to_delegate_to" \
  error=not_allowed_to_delegate status=403 step=4 event=13019 code=-1765328371 forwardable=true kdc=NOT_ALLOWED_TO_DELEGATE \
  told='undecided: the same as the one above'
cell target-unknown what='target not in the database' app=hello break="admin delprinc -force $target" \
  error=spn_unknown_to_kdc status=502 step=4 event=13020 code=-1765328377 kdc=LOOKING_UP_SERVER told='the KDC'\''s line'
cell target-disabled what='target disabled' app=hello break="admin modprinc -allow_tix $target" \
  error=spn_unknown_to_kdc status=502 step=4 event=13020 code=-1765328377 kdc='SERVER LOCKED OUT' told='the KDC'\''s line'

heading 'The application, met through the proxy'
cell app-stopped what='application stopped' app=hello break='lab stop backend' mend='lab start backend' \
  error=backend_unreachable status=502 step=6 event=13006
cell app-slow what='it does not answer within 85 s' app=hello session=yes by=slowly error=backend_timeout status=504 step=6 event=13007
cell app-certificate what='its certificate is for another host' app=misled \
  error=backend_certificate status=502 step=6 event=13001 why='not for misled.corp.sevenstep.test'
cell app-old-key what='its keytab has an old key' app=hello break="admin cpw -randkey $target" mend='lab_restart backend' \
  error=backend_refused_ticket status=403 cause=ticket_invalid step=6 event=13022 why='keytab is likely out of date'
cell app-no-key what='its keytab lacks the principal' app=hello break="backend_loses $target" mend='lab_restart backend' \
  error=backend_refused_ticket status=403 cause=ticket_invalid step=6 event=13022 why='not found in keytab'
cell app-wrong-key what='another key of the same version' app=hello break="other_key_same_version $target" mend='lab_restart backend' \
  error=backend_refused_ticket status=403 cause=ticket_invalid step=6 event=13022 why='annot decrypt ticket'
cell app-other-enctype what='a ticket of an encryption type that its keytab lacks' app=hello break="other_enctype_same_version $target" \
  mend='lab_restart backend' error=backend_refused_ticket status=403 cause=ticket_invalid step=6 event=13022 why='enctype'
cell app-refuses-twice what='its keytab loses the principal while a connector has a ticket' app=hello session=cached break="backend_loses $target" \
  mend='lab_restart backend' error=backend_refused_twice status=403 cause=ticket_invalid step=6 event=12008 why='not found in keytab'
cell app-behind what='its clock is behind the KDC'\''s, to which the connector adjusts' app=hello break='kdc_clock +10m yes' mend='lab_restart kdc' \
  error=backend_refused_ticket status=403 cause=ticket_invalid step=6 event=13022 why='Ticket not yet valid'
cell app-expired what='the ticket ended before it came' app=hello break='kdc_gives_ended_tickets' mend='lab_restart kdc' \
  error=backend_refused_ticket status=403 cause=ticket_invalid step=6 event=13022 why='Ticket expired'
cell kdc-behind what='the KDC'\''s clock is behind: no harm, the connector adjusts' app=hello break='kdc_clock -10m yes' mend='lab_restart kdc' error=none

heading 'The application, met by a client inside'
cell app-no-ticket what='no token at all' by='without_token' error=ticket_required status=401 event=0
cell app-ntlm what='NTLM instead of Kerberos' by='with_token TlRMTVNTUAABAAAAB4IIAAAAAAAAAAAAAAAAAAAAAAA=' error=ticket_mechanism status=401 event=13022
cell app-clock what='the client'\''s clock is ahead' by='with_clock +10m' error=ticket_invalid status=401 event=13022 why='lock skew too great'
cell app-replay what='the same authenticator twice' by='with_replay' error=ticket_invalid status=401 event=13022 why=replay
cell app-tampered what='an authenticator with a changed byte' by='with_tampered' error=ticket_invalid status=401 event=13022 why='ntegrity'
