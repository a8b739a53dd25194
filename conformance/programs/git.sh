# git over many small files: init, add, commit, status, gc, clone, checkout, merge. The arguments: git, how many files.
G=$1 N=$2
export HOME=/nonexistent GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=c GIT_COMMITTER_EMAIL=c@d
export GIT_AUTHOR_DATE='1000000000 +0000' GIT_COMMITTER_DATE='1000000000 +0000' LC_ALL=C
unset GIT_DIR
# Else git collects garbage in the background, at its own time.
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=gc.auto GIT_CONFIG_VALUE_0=0
cd "$(mktemp -d /dev/shm/posixx-git-XXXXXX)" || exit 1
here=$PWD
$G -c init.defaultBranch=main init -q repo && cd repo || exit 1
i=0
while [ $i -lt $N ]; do
  dir=d$((i % 50))/e$((i % 7))
  [ $i -lt 350 ] && mkdir -p $dir
  echo "file $i $((i * i))" > $dir/f$i
  i=$((i + 1))
done
$G add . && $G commit -q -m one && $G rev-parse HEAD HEAD^{tree}
$G status --short | wc -l
echo changed >> d1/e1/f1
echo new > d2/new
rm -f d3/e3/f3
mv d4 d99
$G status --short | sort | sed 5q
$G add -A && $G commit -q -m two && $G rev-parse HEAD
$G diff --stat HEAD~1 | tail -1
$G checkout -q -b side HEAD~1 && echo side > side && $G add side && $G commit -q -m three && ls | wc -l
$G merge -q -m merged main && $G rev-parse HEAD && ls | wc -l
$G checkout -q main && $G log --format='%H %s'
$G gc -q && $G count-objects -v | grep -v size
$G fsck 2>&1 | tail -1
cd .. && $G clone -q repo copy && cd copy && $G rev-parse HEAD && $G ls-files | wc -l
$G ls-files | xargs cat | cksum
cd "$here" && rm -rf repo copy && ls -a
cd / && rmdir "$here"
