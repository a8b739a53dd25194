// System V IPC: shared memory, semaphores with undo and waiting, message queues.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MSG_COPY
#define MSG_COPY 040000
#endif
#define CHECK(x) printf("%s: %s\n", #x, (x) ? "yes" : "no")
struct message { long type; char text[16]; };

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  int status;
  key_t key = 0x50581000 + getpid();
  // Shared memory.
  CHECK(shmget(key, 5000, 0) < 0 && errno == ENOENT);
  int id = shmget(key, 5000, IPC_CREAT | 0640);
  CHECK(id >= 0 && shmget(key, 100, 0) == id);
  CHECK(shmget(key, 5000, IPC_CREAT | IPC_EXCL | 0600) < 0 && errno == EEXIST);
  CHECK(shmget(key, 9000, 0) < 0 && errno == EINVAL);
  CHECK(shmget(IPC_PRIVATE, 0, IPC_CREAT) < 0 && errno == EINVAL);
  char *p = shmat(id, 0, 0);
  strcpy(p, "parent");
  struct shmid_ds ds;
  shmctl(id, IPC_STAT, &ds);
  printf("stat %d %o %d %d\n", (int)ds.shm_segsz, ds.shm_perm.mode, (int)ds.shm_nattch, ds.shm_cpid == getpid());
  pid_t child = fork();
  if (!child) {
    shmctl(id, IPC_STAT, &ds);
    printf("child sees %s attached %d\n", p, (int)ds.shm_nattch);
    strcpy(p, "child");
    char *q = shmat(id, 0, SHM_RDONLY);
    printf("again %s\n", q);
    CHECK(mprotect(q, 4096, PROT_READ | PROT_WRITE) < 0 && errno == EACCES);
    CHECK(mprotect(q, 4096, PROT_READ) == 0);
    CHECK(shmdt(q) == 0);
    CHECK(shmdt(q) < 0 && errno == EINVAL);
    _exit(0);
  }
  waitpid(child, &status, 0);
  printf("parent sees %s\n", p);
  CHECK(shmctl(id, IPC_RMID, 0) == 0);
  CHECK(shmget(key, 100, 0) < 0 && errno == ENOENT);
  printf("still %s\n", p);
  shmctl(id, IPC_STAT, &ds);
  printf("dest %o\n", ds.shm_perm.mode);
  CHECK(shmdt(p) == 0);
  CHECK(shmctl(id, IPC_STAT, &ds) < 0 && (errno == EINVAL || errno == EIDRM));
  CHECK(shmat(99999999, 0, 0) == (void *)-1 && errno == EINVAL);

  // Semaphores.
  int sem = semget(key, 3, IPC_CREAT | 0600);
  CHECK(sem >= 0);
  CHECK(semget(key, 4, 0) < 0 && errno == EINVAL);
  unsigned short all[3] = {1, 2, 3};
  CHECK(semctl(sem, 0, SETALL, all) == 0);
  printf("values %d %d %d\n", semctl(sem, 0, GETVAL), semctl(sem, 1, GETVAL), semctl(sem, 2, GETVAL));
  struct sembuf both[2] = {{0, -1, IPC_NOWAIT}, {1, -5, IPC_NOWAIT}};
  CHECK(semop(sem, both, 2) < 0 && errno == EAGAIN);
  printf("nothing done %d\n", semctl(sem, 0, GETVAL));
  struct sembuf far = {7, 1, 0};
  CHECK(semop(sem, &far, 1) < 0 && errno == EFBIG);
  CHECK(semctl(sem, 0, SETVAL, 40000) < 0 && errno == ERANGE);
  child = fork();
  if (!child) {
    struct sembuf take[2] = {{0, -1, SEM_UNDO}, {2, -4, 0}};
    int r = semop(sem, take, 2);
    printf("child took %d, values %d %d\n", r, semctl(sem, 0, GETVAL), semctl(sem, 2, GETVAL));
    _exit(0);
  }
  while (semctl(sem, 2, GETNCNT) == 0) usleep(1000);
  struct sembuf give = {2, 1, 0};
  semop(sem, &give, 1);
  waitpid(child, &status, 0);
  printf("after undo %d %d pid %d\n", semctl(sem, 0, GETVAL), semctl(sem, 2, GETVAL), semctl(sem, 2, GETPID) == child);
  struct timespec ts = {0, 20000000};
  struct sembuf zero = {0, 0, 0};
  CHECK(semtimedop(sem, &zero, 1, &ts) < 0 && errno == EAGAIN);
  child = fork();
  if (!child) {
    int r = semop(sem, &zero, 1);
    _exit(r < 0 && errno == EIDRM ? 3 : 4);
  }
  while (semctl(sem, 0, GETZCNT) == 0) usleep(1000);
  semctl(sem, 0, IPC_RMID);
  waitpid(child, &status, 0);
  printf("removed %d\n", WEXITSTATUS(status));

  // Messages.
  int q = msgget(key, IPC_CREAT | 0600);
  struct message m = {3, "three"}, in;
  CHECK(msgsnd(q, &m, 6, 0) == 0);
  m = (struct message){1, "one"};
  msgsnd(q, &m, 4, 0);
  m = (struct message){2, "two"};
  msgsnd(q, &m, 4, 0);
  struct msqid_ds mds;
  msgctl(q, IPC_STAT, &mds);
  printf("queue %d\n", (int)mds.msg_qnum);
  printf("%d %s\n", (int)msgrcv(q, &in, 16, 2, 0), in.text);
  printf("%d %s\n", (int)msgrcv(q, &in, 16, -2, 0), in.text);
  CHECK(msgrcv(q, &in, 2, 0, 0) < 0 && errno == E2BIG);
  printf("%d %.2s\n", (int)msgrcv(q, &in, 2, 0, MSG_NOERROR), in.text);
  CHECK(msgrcv(q, &in, 16, 0, IPC_NOWAIT) < 0 && errno == ENOMSG);
  for (int i = 1; i <= 3; i++) {
    m = (struct message){i, {'0' + i}};
    msgsnd(q, &m, 2, 0);
  }
  printf("copy %d", (int)msgrcv(q, &in, 16, 2, MSG_COPY | IPC_NOWAIT));
  printf(" %ld %s\n", in.type, in.text);
  CHECK(msgrcv(q, &in, 16, 3, MSG_COPY | IPC_NOWAIT) < 0 && errno == ENOMSG);
  CHECK(msgrcv(q, &in, 16, 0, MSG_COPY) < 0 && errno == EINVAL);
  CHECK(msgrcv(q, &in, 16, 0, MSG_COPY | IPC_NOWAIT | MSG_EXCEPT) < 0 && errno == EINVAL);
  msgctl(q, IPC_STAT, &mds);
  printf("still %d\n", (int)mds.msg_qnum);
  while (msgrcv(q, &in, 16, 0, IPC_NOWAIT) >= 0) continue;
  struct msginfo info;
  msgctl(0, IPC_INFO, (void *)&info);
  printf("limits %d %d %d %d\n", info.msgpool, info.msgmap, info.msgtql, info.msgseg);
  /* Bits of any class in the flags of a get ask for access. */
  key_t secret = ftok(".", 'p');
  int closed = msgget(secret, IPC_CREAT | 0);
  fflush(stdout);
  if (!fork()) {
    setresuid(65534, 65534, 65534);
    for (int want = 0; want < 8; want++) printf("%d", msgget(secret, want << 6) >= 0);
    printf(" %d %d\n", msgget(secret, 4) >= 0, msgget(secret, 040) >= 0);
    fflush(stdout);
    _exit(0);
  }
  wait(0);
  msgctl(closed, IPC_RMID, 0);
  m.type = 0;
  CHECK(msgsnd(q, &m, 4, 0) < 0 && errno == EINVAL);
  CHECK(msgsnd(q, (void *)8, 4, 0) < 0 && errno == EFAULT);
  child = fork();
  if (!child) {
    msgrcv(q, &in, 16, 9, 0);
    printf("child got %s\n", in.text);
    msgrcv(q, &in, 16, 9, 0);
    _exit(errno == EIDRM ? 5 : 6);
  }
  usleep(10000);
  m = (struct message){8, "not this"};
  msgsnd(q, &m, 9, 0);
  m = (struct message){9, "this"};
  msgsnd(q, &m, 5, 0);
  usleep(20000);
  msgctl(q, IPC_RMID, 0);
  waitpid(child, &status, 0);
  printf("removed %d\n", WEXITSTATUS(status));
  return 0;
}
