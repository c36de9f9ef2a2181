#!/bin/sh
# Runs after the files are there, at the first installation and at each upgrade.
set -e
if command -v systemd-sysusers >/dev/null 2>&1; then
    systemd-sysusers nems.conf
elif ! getent passwd nems >/dev/null; then
    useradd --system --user-group --home-dir /var/lib/nems --no-create-home --shell /usr/sbin/nologin nems
fi
if command -v systemd-tmpfiles >/dev/null 2>&1; then
    systemd-tmpfiles --create nems.conf
else
    install -d -m 0750 -o nems -g nems /var/lib/nems
fi
chgrp nems /etc/nems /etc/nems/nems.yaml /etc/nems/secrets
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    # Only a service that runs: the first start waits for its settings.
    systemctl try-restart nems.service
fi
