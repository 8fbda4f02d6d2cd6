#!/usr/bin/env bash
# A real S3 server for tests: Ceph's radosgw, over one monitor and one OSD that keeps all objects in memory. Loopback only.
#
#   apt-get install --no-install-recommends radosgw ceph-mon ceph-osd ceph-common
#   eval "$(infra/s3/start.sh DIR)"      # DIR must not be there yet; it says where tests find the server
#   infra/s3/stop.sh DIR
#
# Two more arguments choose the ports of S3 and of the monitor; free ones are taken otherwise.
set -Eeuo pipefail

if [ $# -lt 1 ] || [ $# -gt 3 ]; then
  echo "usage: start.sh DIR [PORT [MONITOR_PORT]]" >&2
  exit 2
fi
mkdir "$1"
dir=$(cd "$1" && pwd)
ACCESS_KEY=tenax-tests
SECRET_KEY=only-for-tests-on-loopback
CALL_SECONDS=20 # for each of Ceph's own commands; all of them take half a second on an idle machine
READY_TRIES=200 # a tenth of a second each

free_port() {
  node -e "const server = require('node:net').createServer().listen(0, '127.0.0.1', () => {
    console.log(server.address().port)
    server.close()
  })"
}

port=${2:-$(free_port)}
monitor_port=${3:-$(free_port)}
conf=$dir/ceph.conf
mkdir -p "$dir"/{mon,osd,rgw,run,log}
: >"$dir/pids"

write_conf() {
  cat >"$conf" <<CONF
[global]
  fsid = $1
  mon_host = v2:127.0.0.1:$monitor_port/0
  public_addr = 127.0.0.1
  cluster_addr = 127.0.0.1
  ms_bind_ipv6 = false
  auth_cluster_required = none
  auth_service_required = none
  auth_client_required = none
  ms_mon_client_mode = crc
  ms_mon_service_mode = crc
  ms_mon_cluster_mode = crc

  run_dir = $dir/run
  crash_dir = $dir/run
  admin_socket = $dir/run/\$name.asok
  pid_file = $dir/run/\$name.pid
  log_file = $dir/log/\$name.log
  mon_cluster_log_file = $dir/log/cluster.log
  mon_data = $dir/mon/\$id
  osd_data = $dir/osd/\$id
  rgw_data = $dir/rgw

  # One of everything, and no waiting for more.
  paxos_propose_interval = 0.05
  paxos_min_wait = 0.01
  mon_allow_pool_size_one = true
  mon_data_avail_crit = 1
  mon_max_pg_per_osd = 1000
  osd_pool_default_size = 1
  osd_pool_default_min_size = 1
  osd_pool_default_pg_num = 4
  osd_pool_default_pg_autoscale_mode = off
  osd_crush_chooseleaf_type = 0
  osd_objectstore = memstore
  memstore_device_bytes = 4294967296

  # Without tcp_nodelay each answer with a body waits 40 ms for the client's acknowledgement.
  rgw_frontends = beast endpoint=127.0.0.1:$port tcp_nodelay=1
  rgw_override_bucket_index_max_shards = 1
  rgw_dynamic_resharding = false
  rgw_run_sync_thread = false
  rgw_enable_gc_threads = false
  rgw_enable_lc_threads = false
CONF
}

# call COMMAND...: one of Ceph's commands, ended when it hangs. What it says goes to the log.
call() {
  timeout --kill-after=5 "$CALL_SECONDS" "$@" --conf "$conf" >>"$dir/log/calls.log" 2>&1
}

# daemon COMMAND...: starts it in a session of its own and keeps its pid for stop.sh.
daemon() {
  setsid "$@" --conf "$conf" -f >>"$dir/log/daemons.log" 2>&1 </dev/null &
  echo "$!" >>"$dir/pids"
}

# until_ok NAME COMMAND...: waits until the command succeeds.
until_ok() {
  local name=$1 try
  shift
  for ((try = 0; try < READY_TRIES; try++)); do
    if "$@" 2>/dev/null; then return 0; fi
    sleep 0.1
  done
  echo "$name is not ready" >&2
  return 1
}

osd_is_up() { timeout "$CALL_SECONDS" ceph --conf "$conf" osd stat | grep -q '1 up'; }
listens() { (: >"/dev/tcp/127.0.0.1/$port"); }

give_up() {
  echo "no S3 server: the end of the logs in $dir/log" >&2
  tail -n 20 "$dir"/log/calls.log "$dir"/log/daemons.log >&2 || true
  "$(dirname "${BASH_SOURCE[0]}")/stop.sh" "$dir" || true
}
trap 'give_up' ERR

fsid=$(cat /proc/sys/kernel/random/uuid)
osd_id=$(cat /proc/sys/kernel/random/uuid)
write_conf "$fsid"

call monmaptool --create --fsid "$fsid" --addv a "[v2:127.0.0.1:$monitor_port]" "$dir/monmap"
call ceph-mon -i a --mkfs --monmap "$dir/monmap"
daemon ceph-mon -i a
call ceph osd new "$osd_id"
call ceph osd crush add osd.0 1.0 root=default host=localhost
mkdir -p "$dir/osd/0"
call ceph-osd -i 0 --mkfs --osd-uuid "$osd_id"
daemon ceph-osd -i 0
until_ok 'the OSD' osd_is_up
call radosgw-admin user create --uid=tests --display-name=tests --access-key="$ACCESS_KEY" --secret-key="$SECRET_KEY"
daemon radosgw -n client.rgw
until_ok 'radosgw' listens

cat <<ENV
export TENAX_TEST_S3_ENDPOINT=http://127.0.0.1:$port
export TENAX_TEST_S3_ACCESS_KEY=$ACCESS_KEY
export TENAX_TEST_S3_SECRET_KEY=$SECRET_KEY
ENV
