# A hundred times sed: sed.sh TIMES. LAUNCHER, when it is set, runs it.
i=0
while [ $i -lt "$1" ]; do
	text=$(echo "line $i of many" | $LAUNCHER /bin/sed -e 's/line \([0-9]*\)/\1 is the number/' -e 's/many/few/')
	[ "$text" = "$i is the number of few" ] || exit 1
	i=$((i + 1))
done
echo "$text"
