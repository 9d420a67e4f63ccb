/* "Help > License report" of a host application: what is well with its license, and what soon won't be,
 * before somebody's work stops.
 *
 *     lm-portal trust-root > trust_root.txt
 *     cc -DAPP_TRUST_ROOT="\"$(cat trust_root.txt)\"" health.c -I../include -llm -o health
 *     ./health STORAGE IDENTITY [PORTAL]
 *
 * With PORTAL, the way to the portal is tried, too. Exit code: 0 nothing is broken, 1 something is, 2
 * wrong usage. */
#include <stdio.h>

#include "lm.h"

#ifndef APP_TRUST_ROOT
#error "Give the line of `lm-portal trust-root` as APP_TRUST_ROOT: it is built in, so nobody swaps it."
#endif
#define APP_PRODUCT "ortho-studio"

static const char *mark(const lm_finding *finding)
{
    switch (finding->level) {
    case LM_LOG_ERROR: return "BROKEN ";
    case LM_LOG_WARN: return "warning";
    default: return "ok     ";
    }
}

static int failed(lm_result code, lm_error *error)
{
    printf("%s: %s %s\n", lm_result_name(code), lm_error_message(error), lm_error_hint(error));
    lm_error_free(error);
    return 1;
}

static int report(lm_client *client, uint32_t ask_portal)
{
    lm_report *report = NULL;
    lm_error *error = NULL;
    lm_finding finding;
    size_t i;
    int broken = 0;
    lm_result code = lm_health(client, ask_portal, &report, &error);
    if (code != LM_OK)
        return failed(code, error);
    finding.struct_size = sizeof finding;
    for (i = 0; i < lm_report_len(report); i++) {
        lm_report_get(report, i, &finding);
        broken |= finding.level == LM_LOG_ERROR;
        printf("%s %-14s %s\n", mark(&finding), finding.topic, finding.text);
        if (*finding.hint)
            printf("                       -> %s\n", finding.hint);
    }
    lm_report_free(report);
    return broken;
}

int main(int argc, char **argv)
{
    lm_options options;
    lm_client *client = NULL;
    lm_error *error = NULL;
    lm_result code;
    int broken;

    if (argc < 3 || argc > 4) {
        printf("usage: %s STORAGE IDENTITY [PORTAL]\n", argv[0]);
        return 2;
    }
    lm_options_init(&options, sizeof options);
    options.product = APP_PRODUCT;
    options.trust_root = APP_TRUST_ROOT;
    options.storage_dir = argv[1];
    options.host_identity = argv[2];
    options.portal_url = argv[3];
    if ((code = lm_client_open(&options, &client, &error)) != LM_OK)
        return failed(code, error);
    broken = report(client, argc == 4);
    lm_client_free(client);
    return broken;
}
