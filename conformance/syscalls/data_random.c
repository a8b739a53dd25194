// args: 1 700
// args: 2 700
/* Random operations on the bytes of three files: sizes, blocks, holes and contents are those of Linux's tmpfs. SEED STEPS */
#include "data.h"

static unsigned state;
static unsigned below(unsigned n)
{
	state = state * 1664525u + 1013904223u;
	return (state >> 8) % n;
}

static unsigned hash(int fd)
{
	static unsigned char bytes[65536];
	unsigned sum = 2166136261u;
	long got;
	for (off_t at = 0; (got = pread(fd, bytes, sizeof bytes, at)) > 0; at += got)
		for (long i = 0; i < got; i++)
			sum = (sum ^ bytes[i]) * 16777619u;
	return sum;
}

int main(int argc, char **argv)
{
	static const char *const names[] = {"0", "1", "2", "3", 0};
	static char bytes[100000];
	static const unsigned limits[] = {6000, 400000, 3000000};
	int fd[3];
	state = atoi(argv[1]);
	enter_scratch();
	for (int i = 0; i < 3; i++)
		fd[i] = open(names[i], O_RDWR | O_CREAT, 0644);
	for (int step = 0; step < atoi(argv[2]); step++) {
		int which = below(3), kind = below(12), file = fd[which];
		unsigned at = below(limits[which]), length = below(below(3) ? 5000 : 100000) % limits[which] + 1;
		long result = 0;
		memset(bytes, 'a' + step % 26, length);
		switch (kind) {
		case 0:
		case 1:
			result = pwrite(file, bytes, length, at);
			break;
		case 2:
			result = ftruncate(file, at);
			break;
		case 3:
			result = fallocate(file, below(2) ? FALLOC_FL_KEEP_SIZE : 0, at, length);
			break;
		case 4:
			result = fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, length);
			break;
		case 5:
			result = lseek(file, at, SEEK_DATA);
			break;
		case 6:
			result = lseek(file, at, SEEK_HOLE);
			break;
		case 7:
			close(file);
			fd[which] = file = open(names[which], O_RDWR);
			break;
		case 8: {
			struct stat st;
			fstat(file, &st);
			unsigned page = at & -4096;
			if (page + 4096 > st.st_size)
				break;
			char *map = mmap(0, 4096, PROT_READ | PROT_WRITE, below(4) ? MAP_SHARED : MAP_PRIVATE, file, page);
			map[at % 4096] = '!';
			munmap(map, 4096);
			break;
		}
		case 9:
			lseek(file, at, SEEK_SET);
			result = copy_file_range(fd[(which + 1) % 3], &(off_t){at / 2}, file, 0, length, 0);
			break;
		case 10: {
			int append = open(names[which], O_WRONLY | O_APPEND);
			struct iovec v[2] = {{bytes, length / 3}, {bytes, length / 2}};
			result = writev(append, v, 2);
			close(append);
			break;
		}
		default:
			close(file);
			if (below(4) == 0)
				unlink(names[which]);
			else
				rename(names[which], "3"), rename("3", names[which]);
			fd[which] = file = open(names[which], O_RDWR | O_CREAT, 0644);
		}
		struct stat st;
		fstat(file, &st);
		printf("%d: file %d kind %d at %u length %u: %ld %s, size %ld blocks %ld\n", step, which, kind, at, length, result,
			result < 0 ? strerror(errno) : "", (long)st.st_size, (long)st.st_blocks);
		if (step % 16 == 0)
			printf("%08x %08x %08x\n", hash(fd[0]), hash(fd[1]), hash(fd[2]));
	}
	leave_scratch(names);
	return 0;
}
