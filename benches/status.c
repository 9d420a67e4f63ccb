/* What a check costs a C host: nanoseconds of CPU a call of lm_status, with 1 and 2 threads.
 *
 *     status STORAGE ACTIVATION_ID TRUST_ROOT CALLS [quiet]
 *
 * `lm-figures --dist PREFIX` compiles it against the release library and runs it. With "quiet" it
 * prints nothing but marks the calls by two writes of one byte, so that a system call between them
 * can be seen from outside. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lm/lm.h"

static lm_client *client;
static const char *id;
static unsigned long calls;

static double cpu(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void *check(void *spent)
{
    lm_status_info status;
    double before = cpu();
    for (unsigned long call = 0; call < calls; call++) {
        status.struct_size = sizeof status;
        if (lm_status(client, id, &status) != LM_OK || !status.usable)
            exit(1);
    }
    *(double *)spent = (cpu() - before) / (double)calls;
    return NULL;
}

int main(int argc, char **argv)
{
    lm_options options;
    if (argc < 5)
        return 2;
    lm_options_init(&options, sizeof options);
    options.product = "ortho-studio";
    options.storage_dir = argv[1];
    options.trust_root = argv[3];
    options.host_identity = "the machine that is measured";
    id = argv[2];
    calls = strtoul(argv[4], NULL, 10);
    if (lm_client_open(&options, &client, NULL) != LM_OK)
        return 1;
    double spent[2];
    if (argc > 5) {
        check(&spent[0]);
        if (write(STDOUT_FILENO, "<", 1) != 1)
            return 1;
        check(&spent[0]);
        if (write(STDOUT_FILENO, ">", 1) != 1)
            return 1;
    } else {
        check(&spent[0]);
        printf("lm_status by ID, 1 thread: %.1f ns a call\n", spent[0]);
        pthread_t other;
        if (pthread_create(&other, NULL, check, &spent[1]) != 0)
            return 1;
        check(&spent[0]);
        pthread_join(other, NULL);
        printf("lm_status by ID, 2 threads: %.1f and %.1f ns a call\n", spent[0], spent[1]);
    }
    lm_client_free(client);
    return 0;
}
