/* A row: one export, one of its parameters, one kind of wrong input. The test derives from lm.h which
 * rows there have to be, so an export or a field that is added fails until it has its own. */
#ifndef ROWS_H
#define ROWS_H

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../check.h"

/* A machine with a license: a client whose record is active, and what it was opened with. */
static given all;
static lm_options defaults;
static lm_client *client;
/* An activation ID that this machine doesn't hold. */
static const char *absent;
static unsigned inputs;

/* Says which row comes next, before it is tried: after a crash the last line is the one. */
static void row(const char *export_, const char *parameter, const char *kind)
{
    printf("row %s %s %s\n", export_, parameter, kind);
    CHECK(fflush(stdout) == 0);
}

/* Calls and compares; counted. */
#define TRY(call, expected)                                                                        \
    do {                                                                                           \
        inputs++;                                                                                  \
        CHECK_CODE(call, expected);                                                                \
    } while (0)

/* So many bytes, the last of which lies before a page that may not be touched. Kept to the end. */
static void *before_guard(size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = len / page + 1;
    char *start = (char *)mmap(NULL, (pages + 1) * page, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(start != (char *)MAP_FAILED);
    CHECK(mprotect(start + pages * page, page, PROT_NONE) == 0);
    memset(start, 0xA5, pages * page);
    return start + pages * page - len;
}

/* Opens with these options and frees at once. */
static lm_result opened(const lm_options *options)
{
    lm_client *fresh = NULL;
    lm_result code = lm_client_open(options, &fresh, NULL);
    CHECK((code == LM_OK) == (fresh != NULL));
    lm_client_free(fresh);
    return code;
}

static lm_status_info status_of(const char *activation_id)
{
    lm_status_info status;
    status.struct_size = sizeof status;
    CHECK_CODE(lm_status(client, activation_id, &status), LM_OK);
    return status;
}

#endif
