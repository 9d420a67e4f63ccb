/* Seats and processes: what ends a use, and what doesn't. Three seats are active in DIR. */
#define _GNU_SOURCE
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *self;
/* What a process leaves behind that ends without a word. */
static lm_client *left_client;
static lm_seat *left_seat;

static void count_destroy(void *user_data)
{
    ++*(int *)user_data;
}

static lm_client *open_client(const given *all, int *destroyed)
{
    lm_client *client = NULL;
    lm_options options = options_of(all);
    options.product = "ortho-studio";
    if (destroyed) {
        options.log_user_data = destroyed;
        options.log_destroy = count_destroy;
    }
    CHECK_CODE(lm_client_open(&options, &client, NULL), LM_OK);
    return client;
}

static lm_seat *take_seats(lm_client *client, uint32_t seats)
{
    lm_seat *seat = NULL;
    CHECK_CODE(lm_checkout(client, "ortho", seats, &seat, NULL), LM_OK);
    return seat;
}

/* As a process sees it that has just been started. */
static uint32_t in_use(const given *all)
{
    lm_status_info status;
    lm_client *client = open_client(all, NULL);
    status.struct_size = sizeof status;
    CHECK_CODE(lm_status(client, all->activation_id, &status), LM_OK);
    lm_client_free(client);
    return status.seats_in_use;
}

typedef struct {
    pid_t pid;
    int to, from;
} process;

/* This program once more, in a role. It says a byte when it is ready, and ends when it is told to. */
static process start(const given *all, const char *role)
{
    int to[2], from[2];
    char ready;
    process started;
    CHECK(pipe2(to, O_CLOEXEC) == 0 && pipe2(from, O_CLOEXEC) == 0);
    started.pid = fork();
    CHECK(started.pid >= 0);
    if (started.pid == 0) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        execl(self, self, all->trust_root, all->activation_id, all->dir, role, (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    started.to = to[1];
    started.from = from[0];
    CHECK(read(started.from, &ready, 1) == 1);
    return started;
}

static void say_ready_and_wait(void)
{
    char end;
    CHECK(write(1, "r", 1) == 1);
    CHECK(read(0, &end, 1) >= 0);
}

static void wait_for(pid_t pid)
{
    int status = 0;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(!WIFEXITED(status) || WEXITSTATUS(status) == 0);
}

static void end(process *started)
{
    close(started->to);
    wait_for(started->pid);
    close(started->from);
}

static void a_killed_process_frees_its_seats(const given *all)
{
    process holder = start(all, "hold");
    CHECK(in_use(all) == 2);
    CHECK(kill(holder.pid, SIGSTOP) == 0);
    CHECK(in_use(all) == 2); /* stopped is not dead */
    CHECK(kill(holder.pid, SIGKILL) == 0);
    end(&holder);
    CHECK(in_use(all) == 0);
}

/* Record locks of the older kind would be dropped by this. */
static void opening_and_closing_its_files_drops_no_seat(const given *all)
{
    lm_client *client = open_client(all, NULL);
    lm_seat *seat = take_seats(client, 2);
    DIR *dir = opendir(all->dir);
    struct dirent *entry;
    int closed = 0;
    CHECK(dir);
    while ((entry = readdir(dir))) {
        int file = openat(dirfd(dir), entry->d_name, O_RDWR | O_NONBLOCK);
        if (file >= 0 && close(file) == 0)
            closed++;
    }
    closedir(dir);
    CHECK(closed >= 4);
    CHECK(in_use(all) == 2);
    lm_seat_free(seat);
    lm_client_free(client);
    CHECK(in_use(all) == 0);
}

/* A daemon begins by closing whatever is open; then a file of its own has the seat's number. */
static void a_hosts_own_file_is_never_closed(const given *all)
{
    enum { ROOM = 16 };
    lm_client *client = open_client(all, NULL);
    lm_seat *closed, *taken_over;
    int first = open("/dev/null", O_RDONLY | O_CLOEXEC), number;
    CHECK(first >= 0 && close(first) == 0);
    closed = take_seats(client, 1);
    taken_over = take_seats(client, 1);
    for (number = first; number < first + ROOM; number++)
        close(number);
    CHECK(in_use(all) == 0);
    lm_seat_free(closed);
    for (number = first; number < first + ROOM; number++)
        CHECK(open("/dev/null", O_RDONLY | O_CLOEXEC) == number);
    CHECK_CODE(lm_checkin(taken_over, NULL), LM_OK);
    lm_seat_free(taken_over);
    lm_client_free(client);
    for (number = first; number < first + ROOM; number++)
        CHECK(close(number) == 0);
}

static void a_child_can_not_end_its_parents_use(const given *all)
{
    lm_client *client = open_client(all, NULL);
    lm_seat *seat = take_seats(client, 2), *more = NULL;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK_CODE(lm_checkin(seat, NULL), LM_ERR_FORKED);
        CHECK_CODE(lm_checkout(client, "ortho", 1, &more, NULL), LM_ERR_FORKED);
        lm_client_free(client);
        lm_seat_free(seat);
        CHECK(in_use(all) == 2);
        /* A client of its own is as good as any other. */
        client = open_client(all, NULL);
        seat = take_seats(client, 1);
        CHECK_CODE(lm_checkout(client, "ortho", 1, &more, NULL), LM_ERR_NO_FREE_SEAT);
        lm_seat_free(seat);
        lm_client_free(client);
        _exit(0);
    }
    wait_for(child);
    CHECK(in_use(all) == 2);

    /* And a child that has the parent's descriptors doesn't keep what the parent checks in. */
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        pause();
        _exit(0);
    }
    CHECK_CODE(lm_checkin(seat, NULL), LM_OK);
    CHECK(in_use(all) == 0);
    CHECK(kill(child, SIGKILL) == 0);
    wait_for(child);
    lm_seat_free(seat);
    lm_client_free(client);
}

/* What the header says of a child without exec: it keeps the seats of a parent that died. */
static void a_child_keeps_the_seats_of_a_parent_that_died(const given *all)
{
    process parent = start(all, "leave_a_child");
    char pid[16] = {0};
    pid_t child;
    CHECK(read(parent.from, pid, sizeof pid - 1) > 0);
    child = (pid_t)atol(pid);
    CHECK(kill(parent.pid, SIGKILL) == 0);
    wait_for(parent.pid);
    CHECK(in_use(all) == 2);
    CHECK(kill(child, SIGKILL) == 0);
    wait_for(child);
    CHECK(in_use(all) == 0);
    close(parent.to);
    close(parent.from);
}

static void a_child_that_execs_keeps_none(const given *all)
{
    lm_client *client = open_client(all, NULL);
    lm_seat *seat = take_seats(client, 2);
    process child = start(all, "idle");
    pid_t other;
    CHECK(in_use(all) == 2);
    lm_seat_free(seat);
    CHECK(in_use(all) == 0);
    end(&child);
    /* The same where the parent dies without a word. */
    other = fork();
    CHECK(other >= 0);
    if (other == 0) {
        left_client = open_client(all, NULL);
        left_seat = take_seats(left_client, 2);
        start(all, "idle");
        _exit(0);
    }
    wait_for(other);
    CHECK(in_use(all) == 0);
    lm_client_free(client);
}

static void a_seat_outlives_its_client(const given *all)
{
    int destroyed = 0;
    lm_client *client = open_client(all, &destroyed);
    lm_seat *one = take_seats(client, 1), *other = take_seats(client, 1);
    lm_client_free(client);
    CHECK(destroyed == 0 && in_use(all) == 2);
    CHECK_CODE(lm_checkin(one, NULL), LM_OK);
    CHECK_CODE(lm_checkin(one, NULL), LM_OK);
    CHECK(in_use(all) == 1);
    lm_seat_free(one);
    CHECK(destroyed == 0);
    lm_seat_free(other);
    CHECK(destroyed == 1 && in_use(all) == 0);
}

static int role(const given *all, const char *name)
{
    pid_t child;
    if (strcmp(name, "idle") == 0) {
        say_ready_and_wait();
        return 0;
    }
    left_client = open_client(all, NULL);
    left_seat = take_seats(left_client, 2);
    if (strcmp(name, "leave_a_child") == 0) {
        child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            pause();
            _exit(0);
        }
        CHECK(write(1, "r", 1) == 1 && dprintf(1, "%ld", (long)child) > 0);
        pause();
    }
    say_ready_and_wait();
    return 0;
}

int main(int argc, char **argv)
{
    given all = take(4, argv);
    self = argv[0];
    if (argc > 4)
        return role(&all, argv[4]);
    /* Whoever loses its parent is ours to wait for. */
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1L) == 0);
    CHECK(lm_supports("checkout") == 1);
    CHECK(in_use(&all) == 0);
    a_killed_process_frees_its_seats(&all);
    opening_and_closing_its_files_drops_no_seat(&all);
    a_hosts_own_file_is_never_closed(&all);
    a_child_can_not_end_its_parents_use(&all);
    a_child_keeps_the_seats_of_a_parent_that_died(&all);
    a_child_that_execs_keeps_none(&all);
    a_seat_outlives_its_client(&all);
    return 0;
}
