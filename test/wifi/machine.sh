#!/bin/bash
# Runs a command in a throw-away virtual machine with simulated Wi-Fi radios (mac80211_hwsim): Debian's own kernel,
# emulated, on this computer's files. The guest finds the same programs, folder, words and environment as here; what it
# writes is lost, but for DIR.
#
#     machine.sh RADIOS SECONDS DIR COMMAND [WORD...]
#
# RADIOS   how many: phy0 with wlan0, phy1 with wlan1 and so on
# SECONDS  the guest may live
# DIR      what it writes there is kept
#
# The exit status is the command's; 124 where it ran out of time, 125 where the machine itself failed.
# HOMECA_WIFI_CACHE (~/.cache/homeca-wifi) keeps the kernel; HOMECA_WIFI_ACCEL (tcg) may be kvm where that works.
set -Eeuo pipefail
trap 'exit 125' ERR
export PATH=$PATH:/usr/sbin:/sbin
cache=${HOMECA_WIFI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/homeca-wifi}

die() {
  echo "machine.sh: $1" >&2
  exit "${2:-125}"
}

# Debian's kernel, unpacked and not installed. Its image is decompressed here: emulated that takes seconds, each time.
fetch_kernel() {
  local package new image offset
  package=$(apt-cache depends --important linux-image-amd64 | sed -n 's/.*Depends: //p') || true
  [[ $package ]] || die "apt knows no linux-image-amd64: run apt-get update"
  if [[ ! -d $cache/$package ]]; then
    echo "fetching $package" >&2
    new=$(mktemp -d "$cache/new.XXXXXX")
    (cd "$new" && apt-get -qq -o APT::Sandbox::User=root download "$package") ||
      die "cannot download $package: run apt-get update if a newer one has taken its place"
    dpkg-deb -x "$new/$package"_*.deb "$new"
    rm "$new"/*.deb
    image=$new/boot/vmlinuz-${package#linux-image-}
    {
      offset=$(LC_ALL=C grep -abom1 -P '\xfd7zXZ\x00' "$image" | cut -d: -f1) &&
        xz -dc --single-stream < <(tail -c "+$((offset + 1))" "$image") >"$new/vmlinux"
    } || die "cannot decompress $image"
    depmod -b "$new" "${package#linux-image-}"
    mv "$new" "$cache/$package"
  fi
  ln -sfn "$package" "$cache/kernel"
}

# busybox, the modules that reach this computer's files, and an init that changes over to them.
build_initramfs() {
  local dir module release
  dir=$(mktemp -d "$cache/new.XXXXXX")
  release=$(ls "$cache/kernel/lib/modules")
  mkdir "$dir"/{bin,modules,dev,proc,sys,lower,upper,merged}
  cp "$(command -v busybox)" "$dir/bin"
  for module in virtio_pci 9pnet_virtio 9p overlay; do
    modprobe -d "$cache/kernel" -S "$release" --show-depends "$module"
  done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r module; do
    cp "$module" "$dir/modules"
    echo "${module##*/}" >>"$dir/modules/order"
  done
  cat >"$dir/init" <<'END'
#!/bin/busybox sh
set -e
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for each in fd fd/0:stdin fd/1:stdout fd/2:stderr; do
  ln -s "/proc/self/${each%:*}" "/dev/${each#*:}"
done
while read -r module; do insmod "/modules/$module"; done </modules/order
share() { mount -t 9p -o "trans=virtio,version=9p2000.L,msize=512000,$3" "$1" "$2"; }
share host /lower ro,cache=loose
mount -t tmpfs -o size=75% upper /upper
mkdir /upper/data /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work overlay /merged
for each in proc sys dev; do mount --move "/$each" "/merged/$each"; done
mount -t tmpfs run /merged/run
mkdir -p /merged/dev/pts /merged/dev/shm /merged/lib/modules /merged/run/machine
mount -t devpts devpts /merged/dev/pts
mount -t tmpfs shm /merged/dev/shm
share modules /merged/lib/modules ro,cache=loose
share machine /merged/run/machine cache=none
hostname homeca-wifi
ifconfig lo up
exec switch_root /merged /bin/bash /run/machine/init
END
  chmod +x "$dir/init"
  (cd "$dir" && find . | cpio --quiet -o -H newc | gzip -1) >"$cache/kernel/initramfs.new"
  mv "$cache/kernel/initramfs.new" "$cache/kernel/initramfs"
}

prepare() (
  mkdir -p "$cache"
  exec {lock}>"$cache/lock"
  flock "$lock"
  trap 'rm -rf "$cache"/new.*' EXIT
  [[ -d $cache/kernel ]] || fetch_kernel
  [[ $cache/kernel/initramfs -nt ${BASH_SOURCE[0]} ]] || build_initramfs
)

# What the guest does as process 1, behind its init: the command.
# shellcheck disable=SC2154
guest() {
  local status=125 output=()
  # Through pipes, so that the command can open /dev/stdout anew; the two cats outlive it.
  exec </dev/null
  exec > >(trap '' TERM; exec cat >>/run/machine/stdout); output+=($!)
  exec 2> >(trap '' TERM; exec cat >>/run/machine/stderr); output+=($!)
  if guest_prepare; then
    status=0
    # shellcheck disable=SC1091
    (. /run/machine/environment && exec "$@") || status=$?
  fi
  echo "$status" >/run/machine/status
  kill -TERM -1
  exec >/dev/null 2>&1
  (sleep 2; kill -KILL -1) &
  wait "${output[@]}"
  echo b >/proc/sysrq-trigger
}

# shellcheck disable=SC2154
guest_prepare() {
  mkdir -p "$out"
  mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000 out "$out" || return
  modprobe mac80211_hwsim "radios=$radios" || return
  cd "$directory"
}

[[ $# -ge 4 ]] || die "write machine.sh RADIOS SECONDS DIR COMMAND"
radios=$1 limit=$2
mkdir -p "$3"
out=$(realpath "$3")
directory=$PWD
shift 3
prepare
kernel=$(realpath "$cache/kernel")
cpus=$(nproc)
run=$(mktemp -d "$cache/run.XXXXXX")
trap '{ [[ -z ${vm-} ]] || kill "$vm" || true; wait; rm -rf "$run"; } 2>/dev/null' EXIT
mkdir "$run/share"
touch "$run/console" "$run/share"/std{out,err}
export -p >"$run/share/environment"
{
  declare -p radios out directory
  declare -f guest guest_prepare
  echo "guest ${*@Q}"
} >"$run/share/init"

shares=()
share() {
  shares+=(-virtfs "local,mount_tag=$1,path=${2//,/,,},security_model=none,multidevs=remap$3")
}
share host / ,readonly=on
share modules "$kernel/lib/modules" ,readonly=on
share machine "$run/share" ''
share out "$out" ''
setpriv --pdeathsig TERM timeout -k 5 "$limit" \
  qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot \
  -accel "${HOMECA_WIFI_ACCEL:-tcg,thread=multi}" -cpu max -smp $((cpus < 4 ? cpus : 4)) -m 1536 \
  -kernel "$kernel/vmlinux" -initrd "$kernel/initramfs" \
  -append "console=ttyS0 panic=-1 quiet mitigations=off cryptomgr.notests=1" \
  -chardev "file,id=console,append=on,path=${run//,/,,}/console" -serial chardev:console \
  "${shares[@]}" </dev/null >>"$run/console" 2>&1 &
vm=$!
follow=(tail -s .1 -c +1 --pid="$vm" -f)
"${follow[@]}" "$run/share/stdout" &
"${follow[@]}" "$run/share/stderr" >&2 &
status=0
wait "$vm" || status=$?
vm=
wait
if [[ -s $run/share/status ]]; then exit "$(<"$run/share/status")"; fi
if grep -q 'Out of memory' "$run/console"; then die "the guest ran out of memory"; fi
[[ $status != 124 ]] || die "no result within $limit seconds" 124
tail -n 40 "$run/console" >&2
die "the guest stopped before the command ended"
