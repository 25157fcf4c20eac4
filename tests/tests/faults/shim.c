/* Makes the system fail under SQLite: loaded before libc (LD_PRELOAD), it stands before the calls that SQLite makes,
 * and fails those on the database and its log as the file named by FAULTS says, which is read anew each time:
 *
 *     ID CALL WHAT SKIP
 *
 * From the SKIP-th CALL ("write", "sync", "read") after a new ID on, each one ends as WHAT says: an errno, "short" for
 * a write of which half is done, "torn" for one that fails after that. An empty file lets all through. Each fault is a
 * byte in FAULTS.hits. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int is_database(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
    if (len <= 0) return 0;
    path[len] = 0;
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    return !strcmp(name, "runtime.db") || !strcmp(name, "runtime.db-wal");
}

static void hit(const char *control) {
    char path[4096];
    if (snprintf(path, sizeof path, "%s.hits", control) >= (int)sizeof path) return;
    int fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd < 0) return;
    syscall(SYS_write, fd, "x", 1);
    syscall(SYS_close, fd);
}

/* The errno to fail with, 0 for none; *half when half of it is to be done. */
static int fault(int fd, const char *call, int *half) {
    static int current = -1, seen, tearing;
    const char *control = getenv("FAULTS");
    if (!control || !is_database(fd)) return 0;
    int file = syscall(SYS_openat, AT_FDCWD, control, O_RDONLY);
    if (file < 0) return 0;
    char text[128] = {0}, wanted[16], what[16];
    ssize_t len = syscall(SYS_read, file, text, sizeof text - 1);
    syscall(SYS_close, file);
    int id, skip;
    if (len <= 0 || sscanf(text, "%d %15s %15s %d", &id, wanted, what, &skip) != 4 || strcmp(call, wanted)) return 0;
    pthread_mutex_lock(&lock);
    if (id != current) current = id, seen = 0, tearing = 0;
    int due = seen++ >= skip;
    if (due && !strcmp(what, "torn")) *half = tearing ^= 1;
    if (due && !strcmp(what, "short")) *half = 1;
    pthread_mutex_unlock(&lock);
    if (!due) return 0;
    hit(control);
    return !strcmp(what, "ENOSPC") ? ENOSPC : EIO;
}

#define FAILS(call)                         \
    int half = 0, why = fault(fd, call, &half); \
    if (why && !half) return errno = why, -1;
#define HALF(len) (half ? ((len) + 1) / 2 : (len))

ssize_t write(int fd, const void *from, size_t len) {
    FAILS("write");
    return syscall(SYS_write, fd, from, HALF(len));
}

ssize_t pwrite64(int fd, const void *from, size_t len, off64_t at) {
    FAILS("write");
    return syscall(SYS_pwrite64, fd, from, HALF(len), at);
}

ssize_t pwrite(int fd, const void *from, size_t len, off_t at) { return pwrite64(fd, from, len, at); }

int ftruncate64(int fd, off64_t len) {
    FAILS("write");
    return syscall(SYS_ftruncate, fd, len);
}

int ftruncate(int fd, off_t len) { return ftruncate64(fd, len); }

int fsync(int fd) {
    FAILS("sync");
    return syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
    FAILS("sync");
    return syscall(SYS_fdatasync, fd);
}

ssize_t read(int fd, void *to, size_t len) {
    FAILS("read");
    return syscall(SYS_read, fd, to, len);
}

ssize_t pread64(int fd, void *to, size_t len, off64_t at) {
    FAILS("read");
    return syscall(SYS_pread64, fd, to, len, at);
}

ssize_t pread(int fd, void *to, size_t len, off_t at) { return pread64(fd, to, len, at); }
