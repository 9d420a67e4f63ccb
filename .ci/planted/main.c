/* Calls the fault that it is told, in Rust or of its own, on two threads. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int planted_use_after_free(void);
int planted_in_std(void);
int planted_leak(void);
int planted_uninitialized(void);
int planted_race(void);
int planted_nothing(void);

static int use_after_free(void)
{
    volatile int *number = (volatile int *)malloc(sizeof *number);
    *number = 41;
    free((void *)number);
    return *number;
}

static int leak(void)
{
    volatile char *lost = (volatile char *)malloc(100);
    lost[0] = 7;
    return lost[0] == 6;
}

static int uninitialized(void)
{
    volatile uint64_t *word = (volatile uint64_t *)malloc(sizeof *word);
    int answer = *word > 1000 ? 1 : 0;
    free((void *)word);
    return answer;
}

static volatile uint64_t shared;

static int race(void)
{
    int i;
    for (i = 0; i < 1000; i++)
        shared = shared + 1;
    return 0;
}

static const struct {
    const char *name;
    int (*call)(void);
} faults[] = {
    {"nothing", planted_nothing},
    {"rust-use-after-free", planted_use_after_free},
    {"rust-in-std", planted_in_std},
    {"rust-leak", planted_leak},
    {"rust-uninitialized", planted_uninitialized},
    {"rust-race", planted_race},
    {"c-use-after-free", use_after_free},
    {"c-leak", leak},
    {"c-uninitialized", uninitialized},
    {"c-race", race},
};

static void *calls(void *fault)
{
    /* What a fault answers is looked at, so that nothing of it is left out. */
    fprintf(stderr, "%d\n", faults[*(size_t *)fault].call());
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[2];
    size_t i, t;
    for (i = 0; argc == 2 && i < sizeof faults / sizeof faults[0]; i++) {
        if (strcmp(faults[i].name, argv[1]) != 0)
            continue;
        for (t = 0; t < 2; t++)
            if (pthread_create(&threads[t], NULL, calls, &i) != 0)
                return 2;
        for (t = 0; t < 2; t++)
            if (pthread_join(threads[t], NULL) != 0)
                return 2;
        return 0;
    }
    return 2;
}
