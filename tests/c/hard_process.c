/* A host whose process is not as one expects: small stacks, limits that end a process, threads that
 * are cancelled, no descriptor left. ARGV: what every program gets; portal, product, another ID; KiB of stack. */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static lm_options options;
static const char *activation_id;

static lm_client *open_client(void)
{
    lm_client *client = NULL;
    CHECK_CODE(lm_client_open(&options, &client, NULL), LM_OK);
    return client;
}

/* Each kind of call: over the network, with a change of the store, with a file. */
static void *call_all(void *nothing)
{
    lm_client *client = open_client();
    lm_status_info status;
    lm_report *report = NULL;
    lm_list *list = NULL;
    lm_seat *seat = NULL;
    lm_buffer *request = NULL;
    char text[512];
    status.struct_size = sizeof status;
    CHECK_CODE(lm_activate(client, activation_id, 2, NULL), LM_OK);
    CHECK_CODE(lm_status(client, NULL, &status), LM_OK);
    CHECK_CODE(lm_status_text(&status, text, sizeof text, NULL), LM_OK);
    CHECK_CODE(lm_refresh(client, NULL, NULL), LM_OK);
    CHECK_CODE(lm_checkout(client, "ortho", 1, &seat, NULL), LM_OK);
    CHECK_CODE(lm_list_open(client, &list, NULL), LM_OK);
    CHECK_CODE(lm_health(client, 1, &report, NULL), LM_OK);
    CHECK_CODE(lm_checkin(seat, NULL), LM_OK);
    CHECK_CODE(lm_repair(client, activation_id, NULL), LM_OK);
    CHECK_CODE(lm_request_repair(client, activation_id, &request, NULL), LM_OK);
    CHECK_CODE(lm_apply_response(client, lm_buffer_data(request), lm_buffer_len(request), NULL),
               LM_ERR_MISMATCH);
    CHECK_CODE(lm_resume(client, NULL), LM_OK);
    CHECK_CODE(lm_return(client, activation_id, 0, NULL), LM_OK);
    lm_buffer_free(request);
    lm_report_free(report);
    lm_list_free(list);
    lm_seat_free(seat);
    lm_client_free(client);
    return nothing;
}

/* The header's promise. Beside what is promised a thread has its own needs: less than 16 KiB. */
static void a_small_stack_is_enough(size_t promised)
{
    pthread_attr_t attributes;
    pthread_t thread;
    CHECK(pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_setstacksize(&attributes, promised + 16 * 1024) == 0);
    CHECK(pthread_create(&thread, &attributes, call_all, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    pthread_attr_destroy(&attributes);
}

/* SIGXFSZ, which a write beyond the limit brings, ends a host that doesn't expect it. */
static void a_limit_of_file_sizes_is_an_error(rlim_t most)
{
    struct rlimit limit;
    int result = 1;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        lm_client *client = open_client();
        lm_error *error = NULL;
        CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
        limit.rlim_cur = most;
        CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
        CHECK_CODE(lm_activate(client, activation_id, 1, &error), LM_ERR_STORAGE_IO);
        CHECK(strstr(lm_error_hint(error), "limit of file sizes"));
        lm_error_free(error);
        lm_client_free(client);
        _exit(0);
    }
    CHECK(waitpid(child, &result, 0) == child);
    CHECK(WIFEXITED(result) && WEXITSTATUS(result) == 0);
}

static void a_host_without_a_free_descriptor_is_told_so(void)
{
    enum { MOST = 4096 };
    static int taken[MOST];
    int count = 0;
    struct rlimit before, limit;
    lm_error *error = NULL;
    lm_client *client = open_client();
    lm_status_info status;
    pid_t child;
    int result = 1;
    status.struct_size = sizeof status;
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    limit = before;
    limit.rlim_cur = 64;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    while (count < MOST && (taken[count] = open("/dev/null", O_RDONLY)) >= 0)
        count++;
    CHECK_CODE(lm_activate(client, activation_id, 1, &error), LM_ERR_STORAGE_IO);
    /* Longer than until the next look: what it saw last holds, since the files are as they were. */
    usleep(150 * 1000);
    CHECK_CODE(lm_status(client, NULL, &status), LM_OK);
    CHECK(status.cause != LM_ERR_STORAGE_IO);
    /* What another process changes is not overlooked. */
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        lm_client *own;
        CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
        own = open_client();
        CHECK_CODE(lm_activate(own, activation_id, 1, NULL), LM_OK);
        lm_client_free(own);
        lm_client_free(client);
        _exit(0);
    }
    CHECK(waitpid(child, &result, 0) == child);
    CHECK(WIFEXITED(result) && WEXITSTATUS(result) == 0);
    usleep(150 * 1000);
    CHECK_CODE(lm_status(client, NULL, &status), LM_OK);
    CHECK(status.state == LM_STATE_UNTRUSTED && status.cause == LM_ERR_STORAGE_IO);
    while (count > 0)
        close(taken[--count]);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(strstr(lm_error_hint(error), "Too many files are open"));
    lm_error_free(error);
    lm_client_free(client);
}

static int is_inside, has_returned;

static lm_result slow(void *user_data, const lm_http_request *request, lm_http_response *response)
{
    (void)user_data, (void)request, (void)response;
    __atomic_store_n(&is_inside, 1, __ATOMIC_SEQ_CST);
    usleep(50 * 1000);
    return LM_ERR_NETWORK;
}

static void *refresh(void *client)
{
    CHECK_CODE(lm_activate(client, activation_id, 1, NULL), LM_ERR_NETWORK);
    __atomic_store_n(&has_returned, 1, __ATOMIC_SEQ_CST);
    for (;;)
        pthread_testcancel();
}

/* A thread that was cancelled would unwind through the library, which ends the process. */
static void a_cancelled_thread_ends_after_the_call(void)
{
    pthread_t thread;
    void *result = NULL;
    lm_client *client;
    options.transport = slow;
    client = open_client();
    CHECK(pthread_create(&thread, NULL, refresh, client) == 0);
    while (!__atomic_load_n(&is_inside, __ATOMIC_SEQ_CST))
        usleep(1000);
    CHECK(pthread_cancel(thread) == 0);
    CHECK(pthread_join(thread, &result) == 0);
    CHECK(result == PTHREAD_CANCELED && has_returned);
    lm_client_free(client);
    options.transport = NULL;
    client = open_client();
    CHECK_CODE(lm_resume(client, NULL), LM_OK);
    CHECK_CODE(lm_return(client, activation_id, 0, NULL), LM_OK);
    lm_client_free(client);
}

int main(int argc, char **argv)
{
    given all;
    CHECK(argc == 8);
    all = take(4, argv);
    options = options_of(&all);
    options.portal_url = argv[4];
    options.product = argv[5];
    activation_id = all.activation_id;
    a_limit_of_file_sizes_is_an_error(0);
    a_limit_of_file_sizes_is_an_error(100);
    a_small_stack_is_enough((size_t)atol(argv[7]) * 1024);
    a_cancelled_thread_ends_after_the_call();
    a_host_without_a_free_descriptor_is_told_so();
    return 0;
}
