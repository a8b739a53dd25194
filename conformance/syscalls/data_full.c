/* A tmpfs that is full: size=, nr_inodes=, ENOSPC in every form of writing; holes take no room. */
#include "data.h"
#include <sched.h>
#include <sys/mount.h>
#include <sys/statfs.h>

static void room(const char *what)
{
	struct statfs s;
	statfs(".", &s);
	printf("%s: blocks %ld free %ld files %ld free %ld\n", what, (long)s.f_blocks, (long)s.f_bfree, (long)s.f_files,
		(long)s.f_ffree);
}

int main(void)
{
	static char bytes[200000];
	static const char *const names[] = {0};
	struct iovec v[2] = {{bytes, 30000}, {bytes, 30000}};
	enter_scratch();
	mkdir("m", 0700);
	if (mount("none", "m", "tmpfs", 0, "size=160k,nr_inodes=6") < 0) {
		perror("mount");
		return 1;
	}
	chdir("m");
	room("new");
	int fd = open("a", O_RDWR | O_CREAT, 0644);
	say("grown", ftruncate(fd, 10 << 20));
	room("a hole");
	say("in it", pwrite(fd, bytes, 5000, 5000000));
	room("two pages");
	int b = open("b", O_RDWR | O_CREAT, 0644);
	say("more than there is", write(b, bytes, 200000));
	show_size(b, "b");
	say("no more", write(b, bytes, 1));
	say("over what is there", pwrite(b, bytes, 1000, 0));
	say("pwrite", pwrite(fd, bytes, 1, 0));
	say("pwritev", pwritev(fd, v, 2, 4096));
	say("fallocate", fallocate(fd, 0, 0, 4096));
	say("truncate", ftruncate(fd, 20 << 20));
	int c = open("c", O_RDWR | O_CREAT, 0644);
	say("an empty file", c >= 0);
	say("its first byte", write(c, "x", 1));
	say("nothing", write(c, "x", 0));
	say("copy_file_range", copy_file_range(b, &(off_t){0}, c, 0, 100, 0));
	say("sendfile", syscall(SYS_sendfile, c, b, &(off_t){0}, 100L));
	say("punch", fallocate(b, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 8192));
	room("two pages free");
	say("pwritev", pwritev(fd, v, 2, 4096));
	room("full again");
	say("mkdir", mkdir("d", 0755));
	say("symlink", symlink("a", "e"));
	room("no inodes");
	say("open", open("f", O_RDWR | O_CREAT, 0644));
	say("mkdir", mkdir("g", 0755));
	say("link", link("a", "h"));
	say("unlink", unlink("e"));
	say("open", open("f", O_RDWR | O_CREAT, 0644) >= 0);
	unlink("b");
	room("unlinked, open");
	close(b);
	room("closed");
	say("remount smaller", mount("none", ".", 0, MS_REMOUNT, "size=4k"));
	say("remount larger", mount("none", ".", 0, MS_REMOUNT, "size=1m"));
	room("larger");
	char *map = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	memset(map, 'm', 65536);
	room("through a mapping");
	chdir("..");
	umount2("m", MNT_DETACH);
	rmdir("m");
	leave_scratch(names);
	return 0;
}
