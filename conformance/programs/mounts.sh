# Mounts with busybox: tmpfs, bind, read-only, moved, stacked, propagation, df and /proc/mounts, in a tree of its own.
B=$1
D=/tmp/posixx-mounts
umask 022
if [ "$2" != inside ]; then
  $B mkdir $D && $B unshare -m $B sh "$0" $B inside; status=$?
  $B rmdir $D
  exit $status
fi

# Where something is mounted below, of which type.
shown() { $B awk -v d=$D/ 'index($2, d) == 1 { print $2, $3 }' /proc/mounts; }
options() { $B awk -v on=$1 '$2 == on { text = $4 } END { gsub(/,inode64/, "", text); print text }' /proc/mounts; }
fails() { "$@" 2>/dev/null && echo "worked: $*" || echo "no: $*"; }

$B mount --make-rprivate /
$B mount -t tmpfs none $D; cd $D
mkdir a b c d
$B mount -t tmpfs -o size=1m,nr_inodes=10,mode=0700 none a
$B stat -c '%a %F' a
options $D/a
$B df -P a | $B awk 'NR == 2 { print $2, $3, $4, $5, $6 }'
$B df -Pi a | $B awk 'NR == 2 { print $2, $3, $6 }'
$B dd if=/dev/zero of=a/half bs=1k count=512 2>/dev/null
$B df -P a | $B awk 'NR == 2 { print $2, $3, $4, $5 }'
$B dd if=/dev/zero of=a/more bs=1k count=1024 2>/dev/null || $B stat -c %s a/more
$B rm a/more
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do fails $B touch a/f$i; done
$B rm a/f*

$B mount --bind a b
$B touch b/seen; $B ls a
$B mount -o remount,bind,ro b
fails $B touch b/x
options $D/b
$B touch a/y; $B ls b
$B mount -o remount,size=2m a
$B df -P b | $B awk 'NR == 2 { print $2 }'
$B mount -o remount,ro a
fails $B touch a/z
$B mount -o remount,rw a
fails $B touch a/z

$B mkdir a/in
$B mount -t tmpfs -o noexec,nosuid,nodev none a/in
options $D/a/in
$B cp $B a/in/busybox; fails a/in/busybox true
$B mount -o remount,exec a/in; fails a/in/busybox true
$B mknod a/in/null c 1 3; fails $B cat a/in/null
$B rm a/in/busybox
$B mount --bind a c; $B ls c/in
$B mount --rbind a d; $B ls d/in
shown
fails $B umount a
$B umount d/in; $B umount d; $B umount c
$B mount --move a/in c; $B ls a/in c
$B mount -t tmpfs none c; $B ls c; $B umount c; $B ls c
(cd c && fails $B umount $D/c && $B umount -l $D/c && $B ls; shown)

$B mount --make-shared a
$B mkdir a/sub e; $B mount --bind a e
$B mount -t tmpfs none a/sub; $B touch a/sub/here; $B ls e/sub
$B umount e/sub; $B ls a/sub
$B mount --make-slave e
$B mount -t tmpfs none e/sub; shown; $B umount e/sub
$B mount -t tmpfs none a/sub; shown; $B umount a/sub
$B umount e
fails $B umount e
fails $B mount -t nothing none e
fails $B mount -t tmpfs none nowhere
fails $B mount -t tmpfs none $0
fails $B mount --bind nowhere e

$B mkdir root root/bin root/old
$B mount --bind root root; cd root
$B cp $B bin/busybox
$B pivot_root . old
B=/bin/busybox
$B ls /
$B umount -l /old; $B ls /old
$B mkdir proc; $B mount -t proc none proc
$B awk '{ print $2 }' /proc/mounts
