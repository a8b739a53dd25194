# Trees of files with busybox: tar, find, cp -a, du, df, mv, rm -rf. The argument: how many directories.
B=$1 N=$2
umask 022
cd "$(mktemp -d /dev/shm/posixx-files-XXXXXX)" || exit 1
here=$PWD
i=0
while [ $i -lt $N ]; do
  mkdir -p tree/d$i/sub
  j=0
  while [ $j -lt 10 ]; do
    echo "file $i $j" > tree/d$i/f$j
    j=$((j + 1))
  done
  echo deep > tree/d$i/sub/deep
  ln -s ../d0/f1 tree/d$i/link
  ln tree/d$i/f0 tree/d$i/hard
  i=$((i + 1))
done
$B mkfifo tree/fifo
chmod 4755 tree/d0/f2
chmod 1777 tree/d0/sub
$B dd if=/dev/zero of=tree/sparse bs=1 count=1 seek=1000000 2> /dev/null
$B touch -d '2001-02-03 04:05:06' tree/d0/f3
show() { (cd $1 && $B find . | $B sort | $B xargs $B stat -c '%n %F %a %h %s' | $B md5sum; $B stat -c %Y d0/f3); }
show tree
$B find tree -type f | $B wc -l
$B find tree -name 'f[35]' -newer tree/d0/f3 | $B sort | $B head -3
$B find tree -type l -exec $B readlink {} \; | $B sort -u
$B du -s tree/d0 tree/sparse
$B tar cf a.tar tree && $B tar tf a.tar | $B sort | $B md5sum
mkdir out && $B tar xf a.tar -C out
show out/tree
$B cp -a tree copy
show copy
$B diff -r tree/d1 copy/d1 && echo same
$B tar czf - tree | $B gunzip | $B tar tf - | $B wc -l
cd copy
for name in d*; do $B mv $name moved-$name; done
cd ..
$B find copy -maxdepth 1 | $B sort | $B tail -2
$B rm -rf out copy
ls
$B df . | $B awk 'NR == 2 { print NF, ($2 >= $3 + $4), $6 }'
$B rm -rf tree a.tar
ls -a
cd / && $B rmdir $here && echo gone
