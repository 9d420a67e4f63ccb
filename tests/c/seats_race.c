/* Threads that take and give back seats as fast as they can, beside other such processes:
 *
 *     seats_race TRUST_ROOT STORAGE IDENTITY SHARED THREADS
 *
 * SHARED is a file of numbers that all of them map. Whoever has checked out counts its seats there
 * and takes them off before it checks in, so what is counted never is more than what is held; where
 * it is more than the limit that stands there, a seat has two users, or one that nobody gave. */
#define _GNU_SOURCE
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>

typedef struct {
    _Atomic uint32_t held, limit, stop, broken, taken, refused;
} shared_numbers;

static shared_numbers *shared;
static lm_client *client;

static void use(lm_seat *seat, uint32_t seats, unsigned round)
{
    uint32_t held = atomic_fetch_add(&shared->held, seats) + seats;
    if (held > atomic_load(&shared->limit))
        atomic_fetch_add(&shared->broken, 1);
    sched_yield();
    atomic_fetch_add(&shared->taken, 1);
    atomic_fetch_sub(&shared->held, seats);
    if (round % 3 == 0)
        CHECK_CODE(lm_checkin(seat, NULL), LM_OK);
    lm_seat_free(seat);
}

static void *race(void *number)
{
    unsigned round = (unsigned)(size_t)number;
    for (; !atomic_load(&shared->stop); round++) {
        uint32_t seats = 1 + round % 2;
        lm_seat *seat = NULL;
        lm_result code = lm_checkout(client, "ortho", seats, &seat, NULL);
        if (code == LM_OK)
            use(seat, seats, round);
        else {
            CHECK_CODE(code, LM_ERR_NO_FREE_SEAT);
            atomic_fetch_add(&shared->refused, 1);
            sched_yield();
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    lm_options options;
    pthread_t threads[64];
    size_t count;
    int file;
    CHECK(argc == 6);
    file = open(argv[4], O_RDWR | O_CLOEXEC);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    CHECK(file >= 0 && shared != MAP_FAILED);
    count = strtoul(argv[5], NULL, 10);
    CHECK(count > 0 && count <= 64);

    CHECK_CODE(lm_options_init(&options, sizeof options), LM_OK);
    options.product = "ortho-studio";
    options.trust_root = argv[1];
    options.storage_dir = argv[2];
    options.host_identity = argv[3];
    CHECK_CODE(lm_client_open(&options, &client, NULL), LM_OK);
    for (size_t n = 0; n < count; n++)
        CHECK(pthread_create(&threads[n], NULL, race, (void *)n) == 0);
    for (size_t n = 0; n < count; n++)
        CHECK(pthread_join(threads[n], NULL) == 0);
    lm_client_free(client);
    return 0;
}
