#!/bin/sh
# Checks this archive with sha256sum, sqlite3 and openssl (with its GOST engine) alone:
#   apt-get install -y openssl libengine-gost-openssl sqlite3 && sh check.sh
# It says what it checked and ends with ALL CHECKED, or stops at the first thing that is wrong.
# README.en.txt and README.ru.txt explain these very commands, step by step.
#: 0
set -eu
wrong() { echo "WRONG: $*" >&2; exit 1; }
ask() { sqlite3 -bail -readonly events.db "$1"; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
#: 1
sha256sum --strict --quiet -c SHA256SUMS || wrong "a file is not what SHA256SUMS says"
echo "files: whole"
#: 2
bad=$(ask "SELECT count(*) FROM event WHERE hex(octets) IS NOT hex('bankconnector/journal/v1') || '00'
  || printf('%016X', seq) || upper(prev)
  || printf('%016X', length(CAST(at AS BLOB))) || hex(at)
  || printf('%016X', length(CAST(instance AS BLOB))) || hex(instance)
  || printf('%016X', length(CAST(actor AS BLOB))) || hex(actor)
  || printf('%016X', length(CAST(kind AS BLOB))) || hex(kind)
  || printf('%016X', length(CAST(bank AS BLOB))) || hex(bank)
  || printf('%016X', length(CAST(exchange AS TEXT))) || hex(CAST(exchange AS TEXT))
  || printf('%016X', length(CAST(body AS BLOB))) || hex(body)")
[ "$bad" = 0 ] || wrong "$bad events have octets that are not their columns"
sqlite3 -bail events.db "SELECT writefile('$work/' || seq, octets) FROM event" >/dev/null
ask "SELECT hash || '  $work/' || seq FROM event" | sha256sum --strict --quiet -c - || wrong "an event does not have its hash"
echo "events: $(ask 'SELECT count(*) FROM event'), each has its hash"
#: 3
bad=$(ask "SELECT count(*) FROM event a JOIN event b ON b.seq = a.seq + 1 WHERE b.prev <> a.hash")
[ "$bad" = 0 ] || wrong "$bad events are not bound to the one before"
for seq in $(ask "SELECT seq FROM event a WHERE NOT EXISTS (SELECT 1 FROM event b WHERE b.seq = a.seq + 1)"); do
  [ -e "checkpoints/$seq.text" ] || wrong "event $seq, the end of a stretch, is not signed"
done
for text in checkpoints/*.text; do
  note=${text%.text}
  seq=${note#checkpoints/}
  openssl pkeyutl -verify -pubin -inkey checkpoint.pub -rawin -in "$text" -sigfile "$note.sig" >/dev/null || wrong "$note is not signed"
  [ "$(sed -n 2p "$text")" = "$seq" ] || wrong "$note is of another event"
  head=$(sed -n 3p "$text" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
  [ "$head" = "$(ask "SELECT hash FROM event WHERE seq = $seq")" ] || wrong "the chain does not lead to $note"
  echo "checkpoint at event $seq: signed, the chain leads to it"
done
printf '%s\n' openssl_conf=a [a] engines=b [b] gost=c [c] engine_id=gost default_algorithms=ALL >"$work/gost.cnf" # ts takes no -engine
for token in checkpoints/*.tst; do
  [ -e "$token" ] || continue
  note=${token%.tst}
  set -- $(openssl ts -reply -in "$token" -token_in -text 2>/dev/null | sed -n 's/^Time stamp: //p') # as Nov 22 09:00:00.5 2026 GMT
  at=$(sqlite3 :memory: "SELECT strftime('%s', printf('%04d-%02d-%02d %.8s', ${4:-0}, (instr('JanFebMarAprMayJunJulAugSepOctNovDec', '${1:-}') + 2) / 3, ${2:-0}, '${3:-}'))")
  OPENSSL_CONF=$work/gost.cnf openssl ts -verify -data "$note.note" -in "$token" -token_in -CAfile "$note.authority.pem" -partial_chain -attime "${at:-0}" \
    >"$work/log" 2>&1 || { cat "$work/log" >&2; wrong "$token is no time stamp of $note"; }
  echo "$note: stamped by an authority on $*"
done
#: 4
for file in sent/*.zip; do
  id=$(basename "$file" .zip)
  [ "$(sha256sum "$file" | cut -c1-64)" = "$(ask "SELECT json_extract(body, '\$.file_sha256') FROM event WHERE kind = 'exchange.sealed' AND exchange = $id ORDER BY seq DESC LIMIT 1")" ] || wrong "$file is not what was sent"
done
for file in received/*; do
  [ -e "$file" ] || continue
  id=$(basename "$file"); id=${id%%.*}
  [ "$(sha256sum "$file" | cut -c1-64)" = "$(ask "SELECT json_extract(body, '\$.sha256') FROM event WHERE kind = 'incoming.received' AND json_extract(body, '\$.id') = $id")" ] || wrong "$file is not what came"
done
for file in office/*; do
  ask "SELECT 'found' FROM event WHERE instr(body, '$(basename "$file")') LIMIT 1" | grep -q found || wrong "$file is not what the office left"
  [ "$(sha256sum "$file" | cut -c1-64)" = "$(basename "$file")" ] || wrong "$file has another digest"
done
echo "documents: those that the events name"
#: 5
said() { # sent/N.zip or received/N.zip: the event that tells who signed it
  id=$(basename "$1" .zip)
  case $1 in
    sent/*) echo "kind = 'exchange.sealed' AND exchange = $id ORDER BY seq DESC LIMIT 1" ;;
    *) echo "kind = 'incoming.settled' AND json_extract(body, '\$.id') = $id ORDER BY seq DESC LIMIT 1" ;;
  esac
}
for file in sent/*.zip received/*.zip; do
  [ -e "$file" ] || continue
  signer=$(ask "SELECT substr(json_extract(body, '\$.signer'), -64) FROM event WHERE $(said "$file")")
  cert=certificates/$signer.pem
  [ "$(openssl x509 -in "$cert" -outform DER | sha256sum | cut -c1-64)" = "$signer" ] || wrong "$cert is another certificate"
  mkdir "$work/zip"
  sqlite3 -bail :memory: "SELECT writefile('$work/zip/' || name, data) FROM zipfile('$file')" >/dev/null
  for sig in "$work"/zip/*.xml.sig; do
    case $sig in *.original.xml.sig) continue ;; esac # the bailiff's own, carried untouched
    openssl cms -verify -engine gost -binary -inform DER -in "$sig" -content "${sig%.sig}" \
      -nointern -certfile "$cert" -noverify -out /dev/null 2>"$work/log" || { cat "$work/log" >&2; wrong "$file: $(basename "$sig") does not hold"; }
    echo "$file: $(basename "$sig") holds"
  done
  rm -r "$work/zip"
done
#: 6
for chain in chains/*/*/; do
  [ -d "$chain" ] || continue
  file=${chain#chains/}; file=${file%/}.zip
  signer=$(ask "SELECT substr(json_extract(body, '\$.signer'), -64) FROM event WHERE $(said "$file")")
  at=$(ask "SELECT strftime('%s', at) FROM event WHERE $(said "$file")")
  set --
  for pem in "$chain"*.pem; do
    form=x509
    case $pem in
      */root.pem) set -- "$@" -CAfile "$pem" ;;
      */crl-*) form=crl; set -- "$@" -crl_check_all -CRLfile "$pem" ;;
      *) set -- "$@" -untrusted "$pem" ;;
    esac
    digest=$(openssl $form -in "$pem" -outform DER | sha256sum | cut -c1-64)
    ask "SELECT 'found' FROM event WHERE kind = 'config.trust' AND instr(body, '$digest') LIMIT 1" | grep -q found || wrong "$pem is not what was relied on"
  done
  openssl verify -engine gost -no-CApath -no-CAstore -attime "$at" "$@" "certificates/$signer.pem" >"$work/log" 2>&1 || { cat "$work/log" >&2; wrong "$file: the chain of its signer does not hold as of then"; }
  echo "$file: the signer's chain holds as of $(ask "SELECT at FROM event WHERE $(said "$file")")"
done
#: 7
echo "ALL CHECKED"
