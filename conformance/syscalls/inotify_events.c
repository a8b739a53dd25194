/* inotify: what each call tells, in full order; masks, coalescing, unmounts, a full queue. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <sys/uio.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
static int in; static unsigned cookies[64]; static int nc;
static const char *names[]={"ACCESS","MODIFY","ATTRIB","CLOSE_WRITE","CLOSE_NOWRITE","OPEN","MOVED_FROM","MOVED_TO","CREATE","DELETE","DELETE_SELF","MOVE_SELF","12","UNMOUNT","Q_OVERFLOW","IGNORED"};
static void show(const char*what){
  static char buf[65536] __attribute__((aligned(8))); ssize_t n; printf("%s:\n",what);
  while((n=read(in,buf,sizeof buf))>0) for(char*p=buf;p<buf+n;){ struct inotify_event*e=(void*)p; printf("  wd %d",e->wd);
    for(int i=0;i<16;i++) if(e->mask>>i&1) printf(" %s",names[i]); if(e->mask&IN_ISDIR) printf(" ISDIR");
    if (e->mask&~(0xffff|IN_ISDIR)) printf(" %x",e->mask);
    if(e->cookie){int i=0; while(i<nc&&cookies[i]!=e->cookie)i++; if(i==nc)cookies[nc++]=e->cookie; printf(" cookie %d",i);}
    if(e->len) printf(" '%s' len %u",e->name,e->len); puts(""); p+=sizeof*e+e->len; }
  if(n<0&&errno!=EAGAIN) printf("  read %s\n",strerror(errno));
}
static long said(const char *what, long result) { if (result < 0) printf("%s: %s\n", what, strerror(errno)); else printf("%s: %ld\n", what, result); return result; }
static void touch(const char*p){ close(open(p,O_CREAT|O_WRONLY,0644)); }
#define DO(x) do { x; show(#x); } while (0)
int main(void){
  setvbuf(stdout,0,_IONBF,0);
  unshare(CLONE_NEWNS); mount("none","/",0,MS_REC|MS_PRIVATE,0);
  mkdir("w",0755); mount("w","w","tmpfs",0,0); chdir("w");
  in=inotify_init1(IN_NONBLOCK);
  mkdir("d",0755);mkdir("e",0755);touch("d/f");touch("d/g");
  said("d",inotify_add_watch(in,"d",IN_ALL_EVENTS)); said("f",inotify_add_watch(in,"d/f",IN_ALL_EVENTS));
  char b[100]={0}; int fd;
  DO(fd=open("d/f",O_RDWR)); DO(write(fd,b,10)); DO(pwrite(fd,b,5,3)); DO(lseek(fd,0,0);read(fd,b,5));
  DO(pread(fd,b,5,0)); DO(read(fd,b,0)); DO(lseek(fd,0,2);read(fd,b,5));
  DO(write(fd,b,0)); DO(ftruncate(fd,4)); DO(ftruncate(fd,4)); DO(truncate("d/f",2)); DO(fallocate(fd,0,0,100));
  DO(fsync(fd)); DO(fchmod(fd,0600)); DO(fchmod(fd,0600)); DO(fchown(fd,1,1)); DO(fchown(fd,-1,-1));
  DO(futimens(fd,0)); struct timespec ts[2]={{0,UTIME_OMIT},{0,UTIME_OMIT}}; DO(futimens(fd,ts)); ts[0].tv_nsec=0;
  DO(futimens(fd,ts)); ts[0].tv_nsec=UTIME_OMIT; ts[1].tv_nsec=0; DO(futimens(fd,ts));
  DO(fsetxattr(fd,"user.a","x",1,0)); DO(fremovexattr(fd,"user.a")); DO(fremovexattr(fd,"user.a"));
  char*m; DO(m=mmap(0,4096,PROT_READ|PROT_WRITE,MAP_SHARED,fd,0); m[0]=1; msync(m,4096,MS_SYNC); munmap(m,4096));
  struct iovec v[2]={{b,3},{b,3}}; DO(writev(fd,v,2)); DO(lseek(fd,0,0);readv(fd,v,2));
  int g=open("d/g",O_RDWR); show("open g"); DO(lseek(fd,0,0);sendfile(g,fd,0,4)); off64_t o1=0,o2=0;
  DO(copy_file_range(fd,&o1,g,&o2,4,0));
  int p[2]; pipe(p); DO(o1=0;splice(fd,&o1,p[1],0,4,0)); DO(o2=0;splice(p[0],0,g,&o2,4,0));
  int du; DO(du=dup(fd)); DO(close(du)); DO(close(fd)); DO(close(g));
  DO(fd=open("d/f",O_PATH)); DO(close(fd)); DO(fd=open("d/f",O_WRONLY|O_TRUNC)); DO(close(fd)); DO(touch("d/new"));
  DO(fd=open("d/new",O_CREAT|O_EXCL|O_WRONLY)); DO(fd=open("d/nn",O_CREAT|O_TRUNC|O_WRONLY,0600)); DO(close(fd));
  DO(fd=open("d",O_TMPFILE|O_RDWR,0600)); DO(write(fd,b,3)); sprintf(b,"/proc/self/fd/%d",fd);
  DO(linkat(AT_FDCWD,b,AT_FDCWD,"d/tmp",AT_SYMLINK_FOLLOW)); DO(close(fd));
  DO(mkdir("d/dir",0755)); DO(rmdir("d/dir")); DO(symlink("f","d/ln")); DO(unlink("d/ln"));
  DO(mknod("d/fifo",S_IFIFO|0600,0)); DO(mknod("d/null",S_IFCHR|0600,0x103)); DO(link("d/f","d/hard"));
  DO(chmod("d/hard",0640)); DO(fd=open("d/hard",O_RDONLY)); DO(close(fd));
  DO(rename("d/f","d/f2")); DO(rename("d/f2","e/f")); DO(rename("e/f","d/f")); DO(rename("d/hard","d/f"));
  DO(unlink("d/hard")); DO(rename("d/new","d/nn")); DO(syscall(SYS_renameat2,AT_FDCWD,"d/nn",AT_FDCWD,"d/tmp",2));
  DO(syscall(SYS_renameat2,AT_FDCWD,"d/nn",AT_FDCWD,"e/w",4));
  DO(mkdir("e/sub",0755)); DO(rename("e/sub","d/sub")); DO(chmod("d/sub",0700)); DO(chmod("d",0700));
  DO(fd=open("d",O_RDONLY)); char big[4096]; DO(syscall(SYS_getdents64,fd,big,4096));
  DO(syscall(SYS_getdents64,fd,big,4096)); DO(close(fd)); DO(chdir("d");chdir("..")); DO(access("d/f",R_OK));
  struct stat st; DO(stat("d/f",&st)); DO(readlink("d/f",b,9));
  symlink("g","d/s"); show("s"); DO(readlink("d/s",b,50)); DO(fd=open("d/s",O_RDONLY);close(fd));
  DO(lchown("d/s",2,2));
  DO(if(!fork()){execl("d/none","x",(char*)0);_exit(0);}wait(0));
  said("mask", inotify_add_watch(in,"d",IN_CREATE|IN_ONESHOT)); DO(touch("d/o1")); DO(touch("d/o2"));
  said("again",inotify_add_watch(in,"d",IN_CREATE)); said("add",inotify_add_watch(in,"d",IN_DELETE|IN_MASK_ADD));
  DO(touch("d/o3");unlink("d/o3"));
  said("create",inotify_add_watch(in,"d",IN_OPEN|IN_MASK_CREATE));
  said("both",inotify_add_watch(in,"d",IN_OPEN|IN_MASK_CREATE|IN_MASK_ADD));
  said("onlydir",inotify_add_watch(in,"d/g",IN_OPEN|IN_ONLYDIR));
  said("nofollow",inotify_add_watch(in,"d/s",IN_ALL_EVENTS|IN_DONT_FOLLOW)); DO(unlink("d/s"));
  said("zero",inotify_add_watch(in,"d",0)); said("junk",inotify_add_watch(in,"d",0x10000));
  said("isdir only",inotify_add_watch(in,"d",IN_ISDIR)); said("noent",inotify_add_watch(in,"none",IN_OPEN));
  said("fault",syscall(SYS_inotify_add_watch,in,8,IN_OPEN)); said("badfd",inotify_add_watch(99,"d",IN_OPEN));
  said("notino",inotify_add_watch(0,"d",IN_OPEN)); said("rm",inotify_rm_watch(in,77));
  said("rmfd",inotify_rm_watch(0,1));
  said("all",inotify_add_watch(in,"d",IN_ALL_EVENTS|IN_EXCL_UNLINK)); fd=open("d/o1",O_RDWR); show("o");
  DO(unlink("d/o1")); DO(write(fd,b,3)); DO(close(fd));
  said("all",inotify_add_watch(in,"d",IN_ALL_EVENTS)); fd=open("d/o2",O_RDWR); show("o");
  said("o2",inotify_add_watch(in,"d/o2",IN_ALL_EVENTS)); DO(unlink("d/o2")); DO(write(fd,b,3)); DO(fchmod(fd,0));
  DO(close(fd));
  int k; touch("d/many"); show("m");
  for(int i=0;i<3;i++){fd=open("d/many",O_RDONLY);close(fd);} show("not coalesced"); fd=open("d/many",O_WRONLY);
  for(int i=0;i<5;i++) write(fd,b,1); close(fd); show("coalesced");
  touch("d/aa"); ioctl(in,FIONREAD,&k); printf("FIONREAD %d\n",k); said("short",read(in,b,10));
  said("one",read(in,b,32)); show("rest");
  said("e",inotify_add_watch(in,"e",IN_ALL_EVENTS)); DO(rename("e","e2")); DO(touch("e2/x")); DO(unlink("e2/x"));
  DO(unlink("e2/w")); DO(rmdir("e2"));
  said("link",inotify_add_watch(in,"d/g",IN_ALL_EVENTS)); link("d/g","g2"); show("l"); DO(unlink("d/g"));
  DO(touch("g2")); DO(unlink("g2"));
  mkdir("m",0755); mount("x","m","tmpfs",0,0); said("m",inotify_add_watch(in,"m",IN_ALL_EVENTS)); touch("m/i");
  said("mi",inotify_add_watch(in,"m/i",IN_CLOSE)); show("m"); DO(umount("m"));
  mount("x","m","tmpfs",0,0); said("m",inotify_add_watch(in,"m",IN_ALL_EVENTS)); mkdir("m2",0755);
  mount("m","m2",0,MS_BIND,0); show("b"); DO(touch("m2/z")); DO(umount("m")); DO(umount("m2"));
  char path[100]; close(in); in=inotify_init1(IN_NONBLOCK); inotify_add_watch(in,"d",IN_ALL_EVENTS); FILE*f;
  /* overflow */
  f=fopen("/proc/sys/fs/inotify/max_queued_events","r"); int max; fscanf(f,"%d",&max); fclose(f); show("x");
  for(int i=0;i<max+10;i++){ sprintf(path,"d/%c%d",'q',i&1); fd=open(path,O_CREAT|O_RDONLY,0644); close(fd);} ioctl(in,FIONREAD,&k);
  static char bb[1<<20]; int count=0,over=0,last=0; ssize_t n;
  while((n=read(in,bb,sizeof bb))>0) for(char*q=bb;q<bb+n;){struct inotify_event*e=(void*)q; count++; last=0; if(e->mask&IN_Q_OVERFLOW){over++;last=1;printf("wd %d len %d\n",e->wd,e->len);} q+=sizeof*e+e->len;} printf("%d over %d last %d\n",count==max+1,over,last);
  DO(touch("d/after"));
  said("init flags",inotify_init1(1));
}
