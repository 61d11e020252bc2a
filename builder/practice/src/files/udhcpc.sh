#!/bin/busybox sh
# busybox's udhcpc calls this with the lease in its environment.
[ "$1" = bound ] || exit 0
ifconfig "$interface" "$ip" netmask "$subnet"
[ -z "$router" ] || route add default gw "${router%% *}"
for server in $dns; do
    echo "nameserver $server" >>/etc/resolv.conf
done
