# A shell script of many parts: pipelines, here-documents, functions, traps, background jobs, redirections, arithmetic.
set -u
say() { printf '%s: %s\n' "$1" "$2"; }

say arithmetic "$((7 * 6)) $((1 << 20)) $((17 % 5)) $((-7 / 2)) $((0x1f))"
say length "${#PATH}"
text='the quick brown fox'
say substitution "${text#the } ${text%% *} ${text##* } ${nothing:-default}"

seq 1 2000 | grep 7 | sort -rn | head -n 5 | tr '\n' ' '
echo
seq 1 100 | awk '{ s += $1 * $1 } END { print s }'
printf 'b 2\na 1\nc 3\n' | sort | while read -r name value; do echo "$name=$value"; done
echo one two three | xargs -n 1 echo item

cat <<END | sed 's/e/E/g'
here-document with $((2 + 2)) and $(echo a command)
second line
END
cat <<'END'
quoted $HOME $(not run)
END

factorial() {
	if [ "$1" -le 1 ]; then
		echo 1
	else
		echo $(($1 * $(factorial $(($1 - 1)))))
	fi
}
say factorial "$(factorial 12)"

i=0
while [ $i -lt 50 ]; do
	i=$((i + 1))
	case $i in
	*5) continue ;;
	48) break ;;
	esac
	/bin/true
done
say loop $i

(exit 3)
say subshell $?
false || say or yes
true && say and yes
! true
say not $?
sh -c 'kill -TERM $$' 2>/dev/null
say signal $?
sh -c 'kill -9 $$' 2>/dev/null
say killed $?
nosuchcommand 2>/dev/null
say missing $?
say pipestatus "$(false | true; echo $?)"

sleep 0.05 &
first=$!
(sleep 0.02; exit 7) &
second=$!
wait $second
say background $?
wait $first
say background $?

trap 'echo trapped USR1' USR1
kill -USR1 $$
trap - USR1
(trap 'echo leaving' EXIT; echo inside)
(trap '' INT; kill -INT "$(sh -c 'echo $PPID')"; echo ignored)

mkdir -p work/a/b
cd work || exit 1
for n in 1 2 3 4 5; do echo "file $n" >a/file$n; done
cp a/file1 a/b/copy
mv a/file2 a/b/moved
ln -s file3 a/link
ln a/file3 a/hard
rm a/file4
find . | sort
cat a/link a/b/*
wc -l a/file* | tail -n 1
{ echo out; echo err >&2; } 2>&1 >/dev/null | tr a-z A-Z
exec 3>three
echo to descriptor three >&3
exec 3>&-
cat three
echo appended >>three
read -r line <three
say read "$line"
tar cf archive.tar a && tar tf archive.tar | sort
gzip archive.tar && gunzip -c archive.tar.gz | wc -c
diff a/file1 a/b/copy && say diff same
cmp a/file1 a/file3 || say cmp different
test -L a/link && test ! -e a/file4 && [ a/file1 -ef a/file1 ] && say tests good
cd ..
rm -r work
ls
say finished $(($(date +%s) > 1600000000))
exit 5
