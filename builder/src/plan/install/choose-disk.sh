# Chooses the disk that @NODE@ is installed on, and writes the commands about it for the installer.
set -u
rule='@RULE@'
value='@VALUE@'
erase=@ERASE@

say() {
    echo "imgbuild: $*"
    for console in $(cat /sys/class/tty/console/active 2>/dev/null); do
        echo "imgbuild: $*" 2>/dev/null >"/dev/$console"
    done
}

refuse() {
    say "nothing is installed, and no disk was changed: $*"
    exit 1
}

# The whole disk that a block device is on.
whole() {
    name=$(basename "$(readlink -f "$1")")
    if [ -e "/sys/class/block/$name/partition" ]; then
        name=$(basename "$(dirname "$(readlink -f "/sys/class/block/$name")")")
    fi
    echo "$name"
}

bytes() { echo $(($(cat "/sys/block/$1/size") * 512)); }

# What udev knows of a disk, else what the kernel does.
property() {
    udevadm info --query=property --name="/dev/$1" 2>/dev/null | sed -n "s/^$2=//p"
    case $2 in
    ID_SERIAL*) cat "/sys/block/$1/serial" "/sys/block/$1/device/serial" 2>/dev/null ;;
    ID_WWN*) cat "/sys/block/$1/wwid" "/sys/block/$1/device/wwid" 2>/dev/null ;;
    ID_MODEL) cat "/sys/block/$1/device/model" 2>/dev/null ;;
    esac | sed 's/ *$//'
}

# Whether one of the properties $2… of disk $1 is the value; udev writes blanks as underscores.
has() {
    disk=$1
    shift
    for key in "$@"; do
        property "$disk" "$key" | tr ' ' '_' | grep -qxF -- "$(echo "$value" | tr ' ' '_')" && return
    done
    return 1
}

describe() {
    echo "$1 ($(($(bytes "$1") >> 20)) MiB, $(property "$1" ID_MODEL | head -n 1), serial $(property "$1" ID_SERIAL_SHORT | head -n 1))"
}

medium=''
if [ @MEDIUM@ = 1 ]; then
    medium=$(awk '$2 == "/run/install/repo" { print $1 }' /proc/mounts | tail -n 1)
    [ -n "$medium" ] || refuse "the medium is not mounted at /run/install/repo: nobody knows which disk it is"
    medium=$(whole "$medium")
fi

candidates=''
for path in /sys/block/*; do
    disk=$(basename "$path")
    case $disk in loop* | ram* | zram* | sr* | fd* | dm-* | md* | nbd*) continue ;; esac
    [ "$disk" != "$medium" ] || continue
    [ "$(cat "$path/removable")" = 0 ] && [ "$(cat "$path/ro")" = 0 ] || continue
    [ "$(cat "$path/size")" -gt 0 ] || continue
    candidates="$candidates $disk"
done
[ -n "$candidates" ] || refuse "there is no disk but removable ones and the medium"

chosen=''
case $rule in
link)
    [ -b "$value" ] || refuse "$value does not exist"
    chosen=$(whole "$value")
    case " $candidates " in *" $chosen "*) ;; *) refuse "$value is $chosen: removable, read-only or the medium" ;; esac
    ;;
largest | smallest)
    order=$(for disk in $candidates; do echo "$(bytes "$disk") $disk"; done | sort -n)
    [ $rule = smallest ] || order=$(echo "$order" | sort -rn)
    best=$(echo "$order" | head -n 1)
    chosen=$(echo "$order" | awk -v size="${best%% *}" '$1 == size { print $2 }')
    ;;
*)
    for disk in $candidates; do
        case $rule in
        only) ;;
        serial) has "$disk" ID_SERIAL_SHORT ID_SERIAL || continue ;;
        wwn) has "$disk" ID_WWN ID_WWN_WITH_EXTENSION || continue ;;
        model) has "$disk" ID_MODEL || continue ;;
        min-size) [ "$(bytes "$disk")" -ge "$value" ] || continue ;;
        esac
        chosen="$chosen $disk"
    done
    ;;
esac

listed=''
for disk in $candidates; do listed="$listed; $(describe "$disk")"; done
set -- $chosen
[ $# -gt 0 ] || refuse "no disk is what install-disk asks for ($rule $value). Disks${listed}"
[ $# -eq 1 ] || refuse "several disks are what install-disk asks for ($rule $value): $*. Name one by install-disk in the profile's [machine]. Disks${listed}"
disk=$1

if [ $erase = 0 ]; then
    content=$(blkid -p -o value -s PTTYPE -s TYPE "/dev/$disk" 2>/dev/null)
    # 2: there is nothing that it knows.
    case $? in 0 | 2) ;; *) refuse "nobody knows what is on $(describe "$disk"): blkid cannot tell" ;; esac
    content=$(echo $content)
    for part in "/sys/block/$disk/$disk"*; do
        [ ! -e "$part/partition" ] || content="$content $(basename "$part")"
    done
    [ -z "$content" ] || refuse "$(describe "$disk") is not empty: ${content# }. What may erase it is made with --erase"
fi
say "@NODE@ is installed on $(describe "$disk")"
sed "s|@DISK@|$disk|g" >/tmp/imgbuild-disk.ks <<'IMGBUILD_STORAGE'
@STORAGE@IMGBUILD_STORAGE
