# SQLite: rollback and write-ahead journals, two processes on one database.
S=$1
cd "$(mktemp -d /dev/shm/posixx-sqlite-XXXXXX)" || exit 1
here=$PWD
for mode in delete truncate persist memory wal; do
  $S db-$mode "pragma journal_mode=$mode; create table t(id integer primary key, v text, n int);
    with recursive c(x) as (select 1 union all select x+1 from c where x<3000) insert into t select x, hex(x*x), x%97 from c;
    create index i on t(n); update t set v='changed' where n=13; delete from t where n=50;
    begin; delete from t; rollback; select count(*), sum(n), max(v) from t; vacuum; pragma integrity_check;"
  $S db-$mode "select count(*) from t where v='changed'; pragma journal_mode;"
done
for mode in delete wal; do
  $S both-$mode "pragma journal_mode=$mode; create table t(who int, n int);"
  for who in 1 2; do
    (i=0; while [ $i -lt 20 ]; do
      echo "insert into t values($who, $i);"; i=$((i + 1))
    done | $S -cmd '.timeout 60000' both-$mode) &
  done
  wait
  $S both-$mode "select who, count(*), sum(n) from t group by who; pragma integrity_check; pragma journal_mode=delete;"
done
$S mapped "pragma journal_mode=wal; pragma mmap_size=67108864; create table t(a, b);
  with recursive c(x) as (select 1 union all select x+1 from c where x<5000) insert into t select x, hex(zeroblob(x%50)) from c;
  delete from t where a%3=0; vacuum; select count(*), sum(length(b)) from t; pragma wal_checkpoint(truncate); pragma integrity_check;"
cat > crash.sql <<'END'
pragma journal_mode=wal; create table t(a); insert into t values(1),(2);
begin; insert into t values(3);
.shell kill -9 $PPID
END
$S crash < crash.sql
ls
$S crash "select * from t; pragma integrity_check;"
rm -f *
cd / && rmdir $here
