# 1000 small commands: shell.sh TIMES. LAUNCHER, when it is set, runs each of them.
i=0
while [ $i -lt "$1" ]; do
	for n in 1 2 3 4 5; do
		$LAUNCHER /bin/true
		echo "$i $n" | $LAUNCHER /bin/sed 's/ /-/' | $LAUNCHER /bin/cat >/dev/null
		[ "$($LAUNCHER /usr/bin/expr $i + $n)" -ge 0 ] || exit 1
	done
	i=$((i + 1))
done
echo done $i
