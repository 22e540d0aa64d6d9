# Makes a folder the root of a container and becomes its Pebble. Runs in a mount and a process
# namespace of its own: what it mounts is gone with it, and so is what it runs.
#
# usage: sh container.sh ROOT SOCKETS
set -eu
root=$1 sockets=$2
for folder in /lib /lib32 /lib64 /libx32 /sbin; do
  if [ -d "$folder" ] && [ ! -L "$folder" ]; then mount --rbind "$folder" "$root$folder"; fi
done
mount --rbind /usr "$root/usr"
# What charms write below /usr is the container's own.
if [ -d "$root/usr/local/share" ]; then mount --bind "$root/.share" "$root/usr/local/share"; fi
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc" 2>/dev/null || mount --rbind /proc "$root/proc"
mount --bind "$sockets" "$root/charm/container"
exec chroot "$root" /charm/bin/pebble run --create-dirs --hold --verbose
