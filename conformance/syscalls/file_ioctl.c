/* Requests of ioctl(2) about files of a tmpfs, about what has no file system, and flags of inodes. */
#include <stdint.h>
#include <sys/ioctl.h>
#include "data.h"

/* As in linux/fs.h and linux/fiemap.h. */
enum { FS_IMMUTABLE_FL = 0x10, FS_APPEND_FL = 0x20, FS_NODUMP_FL = 0x40, FS_XFLAG_NOATIME = 0x40 };
struct fsxattr { uint32_t xflags, extsize, nextents, projid, cowextsize; char pad[8]; };
struct clone_range { int64_t fd; uint64_t from, length, to; };
struct dedupe { uint64_t from, length; uint16_t count, reserved1; uint32_t reserved2; int64_t fd; char rest[64]; };
#define FIBMAP 1
#define FIGETBSZ 2
#define FIOQSIZE 0x5460
#define FS_IOC_FIEMAP 0xc020660b
#define FICLONE 0x40049409
#define FICLONERANGE 0x4020940d
#define FIDEDUPERANGE 0xc0189436
#define FS_IOC_GETFLAGS 0x80086601
#define FS_IOC_SETFLAGS 0x40086602
#define FS_IOC_FSGETXATTR 0x801c581f
#define FS_IOC_FSSETXATTR 0x401c5820
#define FS_IOC_GETFSLABEL 0x81009431
#define FITHAW 0xc0045878
#define FITRIM 0xc0185879

static void ask(int fd, const char *what)
{
	char buffer[4096] = "";
	struct fsxattr attributes = {0};
	struct clone_range range = {.fd = fd};
	struct dedupe same = {.count = 1, .fd = fd};
	int value = 0;
	long bytes = -1;
	printf("-- %s\n", what);
	say("FIBMAP", ioctl(fd, FIBMAP, &value));
	say("FIGETBSZ", ioctl(fd, FIGETBSZ, &value));
	printf("block size %d\n", value);
	memset(buffer + 8, 0xff, 8);
	say("FIEMAP", ioctl(fd, FS_IOC_FIEMAP, buffer));
	say("FICLONE", ioctl(fd, FICLONE, fd));
	say("FICLONE of none", ioctl(fd, FICLONE, -1));
	say("FICLONERANGE", ioctl(fd, FICLONERANGE, &range));
	say("FICLONERANGE at 0", ioctl(fd, FICLONERANGE, 0));
	say("FIDEDUPERANGE", ioctl(fd, FIDEDUPERANGE, &same));
	same.reserved1 = 1;
	say("FIDEDUPERANGE, reserved", ioctl(fd, FIDEDUPERANGE, &same));
	value = 0;
	say("GETFLAGS", ioctl(fd, FS_IOC_GETFLAGS, &value));
	printf("flags %x\n", value);
	value = FS_NODUMP_FL;
	say("SETFLAGS", ioctl(fd, FS_IOC_SETFLAGS, &value));
	say("SETFLAGS at 0", ioctl(fd, FS_IOC_SETFLAGS, 0));
	value = 0x40000000;
	say("SETFLAGS, unknown", ioctl(fd, FS_IOC_SETFLAGS, &value));
	say("FSGETXATTR", ioctl(fd, FS_IOC_FSGETXATTR, &attributes));
	printf("xflags %x\n", attributes.xflags);
	attributes.xflags = FS_XFLAG_NOATIME;
	say("FSSETXATTR", ioctl(fd, FS_IOC_FSSETXATTR, &attributes));
	attributes.xflags = 0x80000;
	say("FSSETXATTR, unknown", ioctl(fd, FS_IOC_FSSETXATTR, &attributes));
	attributes.xflags = 0;
	attributes.projid = 5;
	say("FSSETXATTR, project", ioctl(fd, FS_IOC_FSSETXATTR, &attributes));
	value = 0;
	say("SETFLAGS", ioctl(fd, FS_IOC_SETFLAGS, &value));
	say("FITHAW", ioctl(fd, FITHAW, 0));
	say("FITRIM", ioctl(fd, FITRIM, buffer));
	say("GETFSLABEL", ioctl(fd, FS_IOC_GETFSLABEL, buffer));
	say("FIOQSIZE", ioctl(fd, FIOQSIZE, &bytes));
	printf("bytes %ld\n", bytes);
	say("FIONREAD", ioctl(fd, FIONREAD, &value));
	say("TCGETS", ioctl(fd, TCGETS, buffer));
	say("unknown", ioctl(fd, 0x12345678, buffer));
}

/* What immutable and append-only files refuse. */
static void fixed(int flag, const char *what)
{
	int fd = open("fixed", O_RDWR | O_CREAT, 0644), none = 0;
	printf("-- %s\n", what);
	say("write", write(fd, "abc", 3));
	say("set", ioctl(fd, FS_IOC_SETFLAGS, &flag));
	say("open to write", open("fixed", O_WRONLY) < 0 ? -1 : 0);
	say("open to append", open("fixed", O_WRONLY | O_APPEND) < 0 ? -1 : 0);
	say("open to truncate", open("fixed", O_RDWR | O_APPEND | O_TRUNC) < 0 ? -1 : 0);
	say("truncate", truncate("fixed", 1));
	say("chmod", chmod("fixed", 0600));
	say("rename", rename("fixed", "other"));
	say("link", link("fixed", "other"));
	say("unlink", unlink("fixed"));
	say("clear", ioctl(fd, FS_IOC_SETFLAGS, &none));
	say("unlink", unlink("fixed"));
	close(fd);
}

int main(void)
{
	static const char *const names[] = {"file", "fifo", "fixed", "other", 0};
	int ends[2];
	enter_scratch();
	int file = open("file", O_RDWR | O_CREAT, 0644);
	char bytes[10000] = "";
	write(file, bytes, sizeof bytes);
	ask(file, "a file");
	ask(open("file", O_RDONLY), "a file, to read");
	ask(open(".", O_RDONLY), "a directory");
	pipe(ends);
	ask(ends[0], "a pipe");
	ask(open("/dev/null", O_RDWR), "/dev/null");
	fixed(FS_IMMUTABLE_FL, "immutable");
	fixed(FS_APPEND_FL, "append only");
	leave_scratch(names);
	return 0;
}
