#!/usr/bin/env bash
# apt-install.sh <package…>, as root: installs Debian packages without letting them start services.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

# Debian starts what it installs unless this file says no.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi

for attempt in 1 2 3 4; do
  if apt-get update && apt-get install -y --no-install-recommends -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 "$@"; then
    exit 0
  fi
  echo "Attempt $attempt failed."
  sleep $((attempt * 5))
done
exit 1
