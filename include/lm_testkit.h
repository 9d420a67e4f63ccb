/*
 * lm_testkit.h - put an application that uses lm into each state, in its own tests.
 *
 * Made of testkit/src/kit/exports.rs by cbindgen; never edited by hand. Link liblm_testkit in the
 * place of liblm: it has the same calls, and these. docs/testkit.md says how.
 *
 * A client of the kit lives on a pretended machine: its disk is in memory, its portal in the same
 * process, its clock the system's until a test moves it. lm_client_open takes the options as ever,
 * checks them, and uses neither the portal's address nor the host's own transport. Nothing is read
 * from or written to the machine that the test runs on.
 *
 * The clients of one process over one storage (scope, vendor, product, storage_dir) share a machine
 * and a portal, which end with the last of them: each test that opens a client begins with nothing;
 * a test that keeps one open meanwhile sets the state of the program that it tests.
 *
 * The portal grants each activation ID that it wasn't told of, without end, with the product's
 * name as its feature; of two seats or more, as a concurrent license.
 *
 * Conventions are those of lm.h. Don't ship it: whoever has it grants licenses.
 *
 *     #include <lm/lm_testkit.h>
 *
 *     lm_test_record record;
 *     lm_test_record_init(&record, sizeof record);
 *     record.activation_id = "...";
 *     record.state = LM_STATE_GRACE;
 *     assert(lm_test_set_record(client, &record, NULL) == LM_OK);
 */

#ifndef LM_TESTKIT_H
#define LM_TESTKIT_H

#include "lm.h"

/* ---- Records --------------------------------------------------------------------------------- */

/**
 * A license as a test wants it. Fill it with lm_test_record_init, then set what differs: a state is
 * enough, and what it needs (dates, say) is filled in.
 *
 * Ownership: the test's. Its texts need to live only during lm_test_set_record.
 * Threads: one at a time.
 * Since 0.1.
 */
typedef struct lm_test_record {
    /** Set by lm_test_record_init. */
    size_t struct_size;
    /** Required: any whose check characters fit. lm_test_activation_id makes some. */
    const char *activation_id;
    /**
     * "ortho raster=500": names, with their limits where they have one. NULL: one, by the product's
     * name.
     */
    const char *features;
    /**
     * LM_STATE_*, as lm_status is to tell it. By lm_test_record_init: LM_STATE_ACTIVE.
     * LM_STATE_ABSENT: not here; the portal knows it, and lm_activate is granted it.
     */
    uint32_t state;
    /** LM_KIND_*. 0: node-locked with one seat, else concurrent. */
    uint32_t kind;
    /** Seats of this machine. By lm_test_record_init: 1. */
    uint32_t seats;
    /** LM_TRUST_* that hold, with LM_STATE_UNTRUSTED. By lm_test_record_init: all. */
    uint32_t trust;
    /**
     * Where a state has several causes, which: of LM_STATE_EXPIRED, LM_ERR_EXPIRED or
     * LM_ERR_LEASE_OVER or LM_ERR_TOO_LATE; of LM_STATE_ORPHANED, LM_ERR_OBSOLETE or
     * LM_ERR_HELD_ELSEWHERE. LM_OK: the first of them.
     */
    lm_result cause;
    /** Seats that are on their way back, with LM_STATE_PENDING_RETURN. 0: all. */
    uint32_t returning;
    /** First second of the term. 0: it has begun. */
    int64_t starts_at;
    /** Last second of the term. 0: without end. */
    int64_t expires_at;
    /** End of the lease. 0: none. */
    int64_t lease_until;
    /** End of grace after it. 0: three days later. */
    int64_t grace_until;
} lm_test_record;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Fills in the defaults: an active, trusted license of one seat, without end.
 *
 * record: struct_size bytes.
 * struct_size: sizeof(lm_test_record).
 * Ownership: the test's.
 * Threads: one at a time.
 * Errors: LM_ERR_INVALID_ARGUMENT, LM_ERR_STRUCT_SIZE.
 * Since 0.1.
 */
LM_API lm_result lm_test_record_init(lm_test_record *record, size_t struct_size);

/**
 * Puts a license into the client's store, and into the pretended portal's books, in the place of
 * what they have of its activation ID. From then on the library answers as it does for a customer
 * whose license came into that state: lm_status and the others judge, and lm_activate, lm_return,
 * lm_refresh, lm_repair, lm_remove go on from there. Another client over the same storage sees it,
 * too. Sets the time marks: the clock is right now, unless LM_TRUST_TIME is missing in trust.
 *
 * record: what is wanted.
 * out_error: the failure; may be NULL.
 * Ownership: nothing is kept.
 * Threads: any.
 * Errors: LM_ERR_INVALID_ARGUMENT where the fields contradict each other, so that the library would
 *     judge another state: the message says which; LM_ERR_STRUCT_SIZE, LM_ERR_UNSUPPORTED,
 *     LM_ERR_ID_MALFORMED; LM_ERR_IN_USE while seats of the license are checked out;
 *     LM_ERR_STORAGE_NEWER after lm_test_set_storage.
 * Since 0.1.
 */
LM_API lm_result lm_test_set_record(lm_client *client, const lm_test_record *record,
                                    lm_error **out_error);

/**
 * An activation ID whose check characters fit. The same number gives the same one.
 *
 * number: any.
 * buf, buf_len: takes the ID and its NUL, 24 bytes; NULL and 0 ask for the length only.
 * out_len: the length with the NUL, also on LM_ERR_BUFFER; may be NULL.
 * Threads: any.
 * Errors: LM_ERR_BUFFER, LM_ERR_INVALID_ARGUMENT.
 * Since 0.1.
 */
LM_API lm_result lm_test_activation_id(uint32_t number, char *buf, size_t buf_len, size_t *out_len);

/* ---- Time ------------------------------------------------------------------------------------ */

/**
 * Moves the machine's clock: it shows that time, and runs on. To the portal, a move ahead is time
 * that has passed; a move back is a clock that was set back, and the portal's doesn't follow, once
 * it has answered. 0: the system's time again, for both.
 *
 * now: Unix seconds, at most 253402300799 (the end of the year 9999).
 * Threads: any. For all clients over the same storage.
 * Errors: LM_ERR_INVALID_ARGUMENT.
 * Since 0.1.
 */
LM_API lm_result lm_test_set_now(lm_client *client, int64_t now);

/* ---- Failures -------------------------------------------------------------------------------- */

/**
 * Makes the next calls fail. With a code of the network (70 to 76), of an answer (LM_ERR_SIGNATURE,
 * LM_ERR_MALFORMED, LM_ERR_TOO_LARGE, LM_ERR_VERSION, LM_ERR_MISMATCH, LM_ERR_TOO_LATE), of a
 * refusal (110 to 126) or LM_ERR_CANCELLED, the next exchanges with the portal end so. With
 * LM_ERR_BUSY, LM_ERR_PERMISSION, LM_ERR_STORAGE_READ_ONLY, LM_ERR_STORAGE_FULL or
 * LM_ERR_STORAGE_IO, the next changes of the store do. Message, hint and what stays pending are
 * those of the real failure. One call can need several: lm_refresh of all licenses has an exchange
 * for each, and an activation changes the store twice. Replaces what was ordered before.
 *
 * code: as above; LM_OK: nothing fails any more.
 * times: how many; 0: none.
 * Threads: any. For all clients over the same storage, whichever comes first.
 * Errors: LM_ERR_INVALID_ARGUMENT where code is none, LM_ERR_UNSUPPORTED for one that doesn't come
 *     about so: LM_ERR_NO_PORTAL by the options, LM_ERR_NO_FREE_SEAT by checkouts, and so on.
 * Since 0.1.
 */
LM_API lm_result lm_test_fail_next(lm_client *client, lm_result code, uint32_t times);

/**
 * What is wrong with the store, until this is called again. LM_ERR_STORAGE_DAMAGED,
 * LM_ERR_STORAGE_NEWER, LM_ERR_STORAGE_MISSING: as found on the disk; LM_ERR_STORAGE_UNSAFE,
 * LM_ERR_STORAGE_REMOTE: it is refused, by lm_client_open too; LM_ERR_PERMISSION,
 * LM_ERR_STORAGE_READ_ONLY, LM_ERR_STORAGE_FULL, LM_ERR_STORAGE_IO: it can't be changed. LM_OK:
 * nothing; one that was damaged, missing or newer is whole again, unless an activation has made a
 * new one meanwhile.
 *
 * code: as above.
 * out_error: the failure; may be NULL.
 * Threads: any. For all clients over the same storage.
 * Errors: LM_ERR_INVALID_ARGUMENT, also where there is no store yet that could be damaged: set a
 *     record first; LM_ERR_UNSUPPORTED for another code.
 * Since 0.1.
 */
LM_API lm_result lm_test_set_storage(lm_client *client, lm_result code, lm_error **out_error);

/* ---- Files ----------------------------------------------------------------------------------- */

/**
 * Lets the pretended portal answer a request file of the application's: for lm_apply_response.
 *
 * request, request_len: the bytes that lm_request_activation, lm_request_return or
 *     lm_request_repair gave.
 * out_response: the response file.
 * out_error: the failure; may be NULL.
 * Ownership: the buffer is the test's: lm_buffer_free.
 * Threads: any.
 * Errors: LM_ERR_INVALID_ARGUMENT, LM_ERR_MALFORMED. What the portal refuses, the file says; a
 *     refusal or LM_ERR_TOO_LATE that lm_test_fail_next has ordered comes with it.
 * Since 0.1.
 */
LM_API lm_result lm_test_answer(lm_client *client, const uint8_t *request, size_t request_len,
                                lm_buffer **out_response, lm_error **out_error);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* LM_TESTKIT_H */
