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

# Functions: local variables, arguments, positional parameters, recursion over a tree.
outer() {
	local value=outer
	inner() {
		local value=inner
		say local "$value"
	}
	inner
	say local "$value"
}
value=global
outer
say local "$value"

count_arguments() { echo $#; }
set -- 'one word' two '' "three  spaces"
say arguments "$(count_arguments "$@") $(count_arguments $*)"
shift 2
say shifted "$#: <$1> <$2>"
set --

options() {
	local flags= name= OPTIND=1 option
	while getopts ab:c option "$@"; do
		case $option in
		a | c) flags=$flags$option ;;
		b) name=$OPTARG ;;
		*) flags=$flags? ;;
		esac
	done
	shift $((OPTIND - 1))
	say options "$flags/$name/$*"
}
options -a -b name rest of it
options -cab joined -- -x
options -z 2>/dev/null

hanoi() {
	[ "$1" -eq 0 ] && return
	hanoi $(($1 - 1)) "$2" "$4" "$3"
	moves=$((moves + 1))
	hanoi $(($1 - 1)) "$4" "$3" "$2"
}
moves=0
hanoi 7 a b c
say hanoi $moves

# Words, patterns and quoting.
IFS=:
for part in a:b::c; do printf '[%s]' $part; done
echo
path=/usr/local/lib/libname.so.1
unset IFS
say paths "${path##*/} ${path%/*} ${path%%.*} ${path#*/lib}"
say default "${unset_one:=assigned} $unset_one ${unset_one:+other} ${path:+set}"
(: "${must_be_set:?is not set}") 2>/dev/null || say unset $?
single='it'\''s "quoted" \n'
say quotes "$single"
say escapes "$(printf 'a\tb\101\x42\n%5d|%-5s|%05.1f|%x|%o|%c' 42 ab 3.14159 255 8 xyz)"
for word in abc a.c 'a*c' ABC 123 -; do
	case $word in
	a[.*]c) echo "$word: special" ;;
	[a-z]*) echo "$word: lower" ;;
	[A-Z]??) echo "$word: upper" ;;
	[0-9][0-9]*) echo "$word: number" ;;
	*) echo "$word: other" ;;
	esac
done
eval 'a=1; b=2' && eval "say evaluated \$((a + b))"
say command "$(command -v say) $(type cd | wc -l)"

# Here-documents: nested, with tabs, as input of a loop, of a function, and of a background job.
reads() {
	local line n=0
	while IFS= read -r line; do
		n=$((n + 1))
		printf '%d <%s>\n' $n "$line"
	done
}
reads <<-END
	tabs go
	  spaces stay
	$(cat <<'INNER'
	inner $not
INNER
	)
END
reads <<A; reads <<B
of A
A
of B
B
cat <<END | (
$(seq 1 5)
END
	total=0
	while read -r n; do total=$((total + n)); done
	say total $total
)
tr a-z A-Z <<END &
from a background job
END
wait $!

# Pipelines: long ones, their status, and what ends early.
seq 1 10000 | sed -n 's/^\([0-9]\)\1*$/&/p' | tr '\n' ' ' | fold -w 40
echo
yes | head -n 3 | cat -n
(echo to stdout; echo to stderr >&2) 2>&1 | sort
seq 1 100000 | head -n 1 && say early "$?"
set -o pipefail 2>/dev/null && { false | true || say pipefail $?; set +o pipefail; }
printf '%s\n' pear apple fig apple pear apple | sort | uniq -c | sort -rn | awk '{ print $2 "=" $1 }' | paste -s -d, -
printf 'k%d v%d\n' 3 30 1 10 2 20 | sort -k 2 -t v -n | cut -d ' ' -f 1 | tr '\n' ' '
echo
echo 'the cat sat on the mat' | awk '{ for (i = NF; i > 0; i--) printf "%s%s", $i, i > 1 ? " " : "\n" }'
echo '2 ^ 64 + 1' | bc
expr 7 \* 6 : '\(4\)' || say expr none
dd if=/dev/zero bs=1000 count=3 2>/dev/null | wc -c
printf 'posixx' | od -An -tx1
printf 'posixx' | md5sum
find /dev/null /dev/zero -type c | wc -l

# Jobs: many at once, waited for in any order; pipelines in the background; signals between them.
pids=
for n in 5 3 1 4 2; do
	(sleep 0.0$n; exit $n) &
	pids="$pids $!"
done
statuses=
for pid in $pids; do
	wait "$pid"
	statuses="$statuses $?"
done
say statuses "$statuses"
seq 1 1000 | grep -c 9 >count &
wait
say counted "$(cat count)"
rm count
(
	trap 'echo worker got TERM; exit 9' TERM
	echo ready >ready
	while :; do sleep 0.01; done
) &
worker=$!
while [ ! -s ready ]; do sleep 0.01; done
kill -TERM $worker
wait $worker
say worker $?
rm ready
(sleep 10) &
kill -KILL $!
wait $! 2>/dev/null
say killed $?
kill -0 $! 2>/dev/null || say gone yes
wait 999999 2>/dev/null
say stranger $?

# Two processes over FIFOs, and a server of several requests.
mkfifo requests replies
(
	while read -r a op b; do
		[ "$a" = quit ] && break
		echo "$a $op $b = $(($a $op $b))"
	done <requests >replies
	echo server ends
) &
server=$!
exec 5>requests 6<replies
for request in '6 * 7' '100 - 1' '17 / 5' '17 % 5'; do
	echo "$request" >&5
	read -r reply <&6
	say reply "$reply"
done
echo quit >&5
exec 5>&- 6<&-
wait $server
rm requests replies

# Traps: on the end of subshells and functions, nested, reset, in the middle of a wait.
(
	trap 'echo outer end' EXIT
	(trap 'echo inner end' EXIT; exit 4)
	say inner $?
	trap - EXIT
)
(trap 'echo once; trap - USR2' USR2; kill -USR2 "$(sh -c 'echo $PPID')"; echo after)
trap 'got="$got A"' ALRM
trap 'got="$got U"' USR1
got=
kill -ALRM $$
kill -USR1 $$
kill -ALRM $$
say traps "$got"
trap - ALRM
(sleep 0.05; kill -USR1 $$) &
sleeper=$!
got=
wait $sleeper
say interrupted "$([ $? -gt 128 ] && echo yes) $got"
wait $sleeper
trap - USR1
trap | wc -l

# set -e, set -u, exits in odd places, subshells and their variables.
(set -e; false; echo not reached)
say errexit $?
(set -e; if false; then :; fi; false || true; echo reached)
(set -u; echo "$surely_not_set") 2>/dev/null
say nounset $?
variable=before
(variable=inside)
echo changed | read -r variable
say subshells "$variable"
{ variable=group; }
say groups "$variable"
$(exit 6)
say substituted $?
f() { return 12; }
f
say returned $?
say umask "$(umask 027; umask; : >made; ls -l made | cut -c 1-10; rm made)"
say environment "$(A=1 B='two words' env -i C=3 sh -c 'echo $A-$B-$C')"
say limits "$(ulimit -n 100; ulimit -n)"

# Descriptors: opened, copied, moved, closed, and read a line at a time by several readers.
exec 4>&1
{ echo through four >&4; echo lost >/dev/null; } 4>&1
exec 4>&-
(echo closed >&4) 2>/dev/null || say descriptor closed
printf '1\n2\n3\n4\n' >lines
{ read -r a; read -r b; cat; } <lines | tr '\n' ' '
echo
exec 7<lines
read -r a <&7
(read -r b <&7; say other "$b")
read -r c <&7
say shared "$a $c"
exec 7<&-
{ echo one; echo two >&2; } >both 2>&1
cat both
: >both
[ -s both ] || say empty yes
echo a >>both && echo b >>both && cat <both
rm both lines

# Text tools on one another's output.
i=0
while [ $i -lt 30 ]; do
	echo "$i,$((i * i)),$((i % 7))"
	i=$((i + 1))
done >table
awk -F, '{ sum[$3] += $2 } END { for (k = 0; k < 7; k++) print k, sum[k] }' table
sed -n '/,3$/{s/,/ /gp;}' table | head -n 3
sort -t, -k 3n -k 2nr table | sed -n '1p;$p'
grep -v '^1' table | grep -c ',1$'
split -l 12 table part. && wc -l part.* | awk '{ print $1 }' | tr '\n' ' '
echo
cat part.* | cmp - table && say joined same
tail -n +29 table | tee copy | wc -l
find . -name 'part.*' -exec rm {} +
xargs -n 2 echo pair <copy
rm table copy
ls
say finished $(($(date +%s) > 1600000000))
exit 5
