# 1000 small commands: shell.sh TIMES
i=0
while [ $i -lt "$1" ]; do
	for n in 1 2 3 4 5; do
		/bin/true
		echo "$i $n" | sed 's/ /-/' | cat >/dev/null
		[ "$(expr $i + $n)" -ge 0 ] || exit 1
	done
	i=$((i + 1))
done
echo done $i
