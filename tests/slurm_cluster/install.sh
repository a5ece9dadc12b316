#!/bin/sh
# Installs what the tests against a real Slurm need, on Debian and as root; elsewhere it does nothing, and they skip.
set -eu
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "not root on Debian: the tests against a real Slurm will skip"
  exit 0
fi
if command -v slurmctld slurmd slurmdbd sacct munged mariadbd >/dev/null; then
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
# Packages must not start daemons of their own beside the tests' ones.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
apt-get update -q
apt-get install -q -y --no-install-recommends \
  slurmctld slurmd slurmdbd slurm-client slurm-wlm-basic-plugins slurm-wlm-mysql-plugin munge mariadb-server
