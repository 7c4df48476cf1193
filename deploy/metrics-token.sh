#!/bin/sh
# Makes a new viewer's token for Prometheus at the API's socket (LONGSHORE_API) and writes it to the file given. What Redis knows and
# what the file holds can then not differ, whichever of the two was lost.
set -eu
file=$1
name=prometheus
tokens=$(longshore token list --json)
case $tokens in
  *"\"name\":\"$name\""*) longshore token revoke "$name" ;;
esac
rm -f "$file.new"
longshore token create "$name" --role viewer --out "$file.new"
# Prometheus runs as another user; the volume is mounted in its container and in this one, and nowhere else.
chmod 0644 "$file.new"
mv "$file.new" "$file"
