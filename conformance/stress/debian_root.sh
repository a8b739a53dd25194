# What a Debian root is asked; the same in a chroot of the host and in posixx. Nothing of it depends on time or order.
export LC_ALL=C
cd /
cat /etc/os-release
dpkg -l | tail -n +6
dpkg --verify
apt-get --version | head -1
dpkg -S /usr/bin/perl; dpkg -L coreutils | wc -l; dpkg --get-selections | sha256sum
perl -MPOSIX -MDigest::MD5 -e 'printf "%s %d\n", strftime("%Y", gmtime(0)), 6 * 7; open F, "/usr/bin/perl"; print Digest::MD5->new->addfile(*F)->hexdigest, "\n"'
find /etc /usr /var -xdev -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum
find /etc /usr /var -xdev -type d -prune -o -printf '%p %y %m %U %G %s %n %l\n' | sort | sha256sum
find /etc /usr /var -xdev -type d -printf '%p %m %U %G\n' | sort | sha256sum
mkdir /srv/w; cd /srv/w; for i in 1 2 3 4 5; do seq $((i * 100)) > f$i; done
sort -rn f* | uniq -c | head -3; join f1 f2 | wc -l; split -l 37 f5 p.; ls; cat f* | sha256sum
cp -a /usr/share/doc/bash .; diff -r bash /usr/share/doc/bash && echo same
ln f1 h1; mv /usr/share/doc/dpkg moved; ls moved; stat -c '%n %h %s %A' f1 h1
tar cf t.tar f* moved && tar df t.tar && echo in step; cd /; rm -r /srv/w
useradd -m joe; id joe; su joe -c 'id; touch /home/joe/x; touch /etc/x'; ls -n /home/joe | awk '{ print $1, $3, $4, $9 }'
bash -c 'f() { local -A m=([x]=1 [y]=2); for k in "${!m[@]}"; do echo $k=${m[$k]}; done | sort; }; f
  coproc cat; echo hi >&${COPROC[1]}; read -r l <&${COPROC[0]}; echo $l; [[ abc =~ b(.) ]] && echo ${BASH_REMATCH[1]}'
