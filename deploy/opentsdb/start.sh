#!/bin/bash
# HBase first, OpenTSDB when it is ready; the other way round when stopped, for HBase keeps only what it writes out while it ends.
set -euo pipefail
home=${OPENTSDB_HOME:-/opt/opentsdb}
data=${OPENTSDB_DATA:-/data}
zookeeper=${ZOOKEEPER_PORT:-2181}
port=${OPENTSDB_PORT:-4242}
mkdir -p "$data/tsd/static" "$data/tsd/cache"
sed -e "s|@PORT@|$port|; s|@ZOOKEEPER_PORT@|$zookeeper|; s|@DIRECTORY@|$data/tsd|" \
  -e "s|^tsd.network.bind = .*|tsd.network.bind = ${OPENTSDB_BIND:-0.0.0.0}|" "$home/conf/opentsdb.conf" >"$data/tsd/opentsdb.conf"

exec 3< <(exec java "@$home/conf/java17.opts" -Xmx1500m -cp "$home/conf:$home/classes:$home/hbase/*" LoneHBase "$data/hbase" "$zookeeper")
hbase=$!
trap 'kill "$hbase"' TERM INT
ready=
while IFS= read -r line <&3; do
  printf '%s\n' "$line"
  if [ "$line" = HBASE_READY ]; then ready=yes && break; fi
done
[ -n "$ready" ] || { echo 'HBase ended before it was ready' >&2 && exit 1; }
cat <&3 &

java -Xmx2g -cp "$home/conf:$home/tsd/*" net.opentsdb.tools.TSDMain "--config=$data/tsd/opentsdb.conf" &
tsd=$!
trap 'kill "$tsd" || true' TERM INT
# A signal ends the first wait; the second one is for OpenTSDB's own end.
wait "$tsd" || true
wait "$tsd" || true
kill "$hbase" || true
# Its output ends when it does.
wait
