/* fork() while other threads are inside calls: whatever they held stays held in the child, for ever, and
 * the child needs none of it. */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { THREADS = 3, FORKS = 40 };

static given all;
static lm_options options;
static lm_client *client;
static int is_over;

static lm_result away(void *user_data, const lm_http_request *request, lm_http_response *response)
{
    (void)user_data, (void)request, (void)response;
    return LM_ERR_NETWORK;
}

static void *works(void *nothing)
{
    lm_status_info status;
    status.struct_size = sizeof status;
    while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
        lm_list *list = NULL;
        lm_result code;
        CHECK_CODE(lm_status(client, NULL, &status), LM_OK);
        CHECK(status.state == LM_STATE_PENDING_ACTIVATION);
        CHECK_CODE(lm_list_open(client, &list, NULL), LM_OK);
        CHECK(lm_list_len(list) == 1);
        lm_list_free(list);
        /* Commits, so that locks are held and tables are published. */
        code = lm_resume(client, NULL);
        CHECK(code == LM_ERR_NETWORK || code == LM_ERR_BUSY);
    }
    return nothing;
}

static void in_the_child(void)
{
    lm_status_info status;
    lm_client *own = NULL;
    status.struct_size = sizeof status;
    CHECK_CODE(lm_status(client, NULL, &status), LM_ERR_FORKED);
    CHECK_CODE(lm_resume(client, NULL), LM_ERR_FORKED);
    CHECK_CODE(lm_cancel(client), LM_ERR_FORKED);
    CHECK(lm_change_count(client) == 0);
    lm_client_free(client);
    CHECK_CODE(lm_client_open(&options, &own, NULL), LM_OK);
    CHECK_CODE(lm_status(own, NULL, &status), LM_OK);
    CHECK(status.state == LM_STATE_PENDING_ACTIVATION);
    lm_client_free(own);
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    int i;
    all = take(argc, argv);
    options = options_of(&all);
    options.portal_url = "https://portal.example";
    options.transport = away;
    CHECK_CODE(lm_client_open(&options, &client, NULL), LM_OK);
    CHECK_CODE(lm_activate(client, all.activation_id, 1, NULL), LM_ERR_NETWORK);
    for (i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, works, NULL) == 0);
    for (i = 0; i < FORKS; i++) {
        int result = 1;
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            /* A child that hangs is ended, and seen. */
            alarm(60);
            in_the_child();
            _exit(0);
        }
        CHECK(waitpid(child, &result, 0) == child);
        CHECK(WIFEXITED(result) && WEXITSTATUS(result) == 0);
    }
    __atomic_store_n(&is_over, 1, __ATOMIC_RELAXED);
    for (i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    lm_client_free(client);
    return 0;
}
