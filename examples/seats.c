/* A tile renderer of which several run at once, each on a concurrent (CC) seat of this machine.
 *
 * It checks one seat out, renders the tiles that are named on its standard input, a line each, and
 * gives the seat back. However it ends, the seat is free again: no seat has to be cleaned up. Where all
 * seats are in use it says by whom.
 *
 *     lm-portal trust-root > trust_root.txt
 *     cc -DAPP_TRUST_ROOT="\"$(cat trust_root.txt)\"" seats.c -I../include -llm -o seats
 *     printf '17/3\n17/4\n' | ./seats STORAGE IDENTITY
 *
 * The license is activated before, by host.c say. Exit code: 0 done, 1 no seat, 2 wrong usage. */
#include <stdio.h>
#include <string.h>

#include "lm.h"

#ifndef APP_TRUST_ROOT
#error "Give the line of `lm-portal trust-root` as APP_TRUST_ROOT: it is built in, so nobody swaps it."
#endif
/* LM_SCOPE_MACHINE where all users of the machine share its seats. */
#ifndef APP_SCOPE
#define APP_SCOPE LM_SCOPE_USER
#endif
#define APP_PRODUCT "ortho-studio"
#define APP_FEATURE "ortho"

static int refused(lm_result code, lm_error *error)
{
    printf("%s: %s %s\n", lm_result_name(code), lm_error_message(error), lm_error_hint(error));
    if (*lm_error_detail(error))
        printf("%s\n", lm_error_detail(error)); /* JSON: a real program shows it as a list */
    lm_error_free(error);
    return 1;
}

/* A seat is no right by itself: the license may end while the seat is in use. */
static int is_usable(const lm_client *client)
{
    lm_status_info status;
    status.struct_size = sizeof status;
    return lm_feature_status(client, APP_FEATURE, &status) == LM_OK && status.usable;
}

static int render(lm_client *client)
{
    char tile[64];
    lm_seat *seat = NULL;
    lm_error *error = NULL;
    lm_result code = lm_checkout(client, APP_FEATURE, 1, &seat, &error);
    if (code != LM_OK)
        return refused(code, error);
    printf("seat taken\n");
    fflush(stdout);
    while (is_usable(client) && fgets(tile, sizeof tile, stdin)) {
        tile[strcspn(tile, "\n")] = '\0';
        printf("rendered %s\n", tile);
        fflush(stdout);
    }
    lm_seat_free(seat); /* checks it in */
    printf("seat free\n");
    return 0;
}

int main(int argc, char **argv)
{
    lm_options options;
    lm_client *client = NULL;
    lm_error *error = NULL;
    lm_result code;
    int exit_code;
    if (argc != 3 || lm_options_init(&options, sizeof options) != LM_OK) {
        fprintf(stderr, "usage: seats STORAGE IDENTITY\n");
        return 2;
    }
    options.product = APP_PRODUCT;
    options.trust_root = APP_TRUST_ROOT;
    options.storage_dir = argv[1];
    options.host_identity = argv[2];
    options.scope = APP_SCOPE;
    code = lm_client_open(&options, &client, &error);
    if (code != LM_OK)
        return refused(code, error);
    exit_code = render(client);
    lm_client_free(client);
    return exit_code;
}
