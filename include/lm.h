/*
 * lm.h - activate, check and return a license in the application's own process.
 *
 * Made of src/ffi by cbindgen; never edited by hand. It installs as <lm/lm.h>: a plain <lm.h> is
 * Windows' LAN Manager header.
 *
 *
 * A HOST IN BRIEF
 *
 *     lm_options options;
 *     lm_client *client = NULL;
 *     lm_error *error = NULL;
 *     lm_status_info status;
 *
 *     lm_options_init(&options, sizeof options);
 *     options.product = "terra-studio";
 *     options.trust_root = TRUST_ROOT;                   (the line of the portal's trust-root)
 *     options.portal_url = "https://licenses.example.com";
 *     if (lm_client_open(&options, &client, &error) != LM_OK) ...
 *
 *     lm_activate(client, "7F3KM-Q0W2E-XT9VB-4HJN8", 1, &error);     (once, when the user asks)
 *     status.struct_size = sizeof status;
 *     if (lm_status(client, NULL, &status) == LM_OK && status.usable) ...    (whenever it matters)
 *     lm_return(client, "7F3KM-Q0W2E-XT9VB-4HJN8", 0, &error);       (when the user asks)
 *     lm_client_free(client);
 *
 *
 * CONVENTIONS
 *
 * Names. Functions and types begin with lm_, constants with LM_.
 *
 * Arguments. The object first, then inputs, then outputs, whose names begin with out_. Outputs
 * are written only on success; an lm_error ** is written only on failure and may be NULL.
 *
 * Results. Every call that can fail returns an lm_result: LM_OK is 0, errors are positive numbers
 * that never change. An outcome is not a failure: "expired" or "orphaned" is an answer of
 * lm_status, which returns LM_OK. Where an item lists its errors, LM_ERR_INVALID_ARGUMENT for a
 * NULL or an invalid argument, LM_ERR_FORKED and LM_ERR_INTERNAL go without saying for each call
 * that takes a client. After LM_ERR_INTERNAL, which a fault of the library causes, that client
 * only answers so: free it and open another.
 *
 * NULL. A NULL object is an empty one to what reads or frees it: length 0, code LM_OK, texts "".
 * Texts that the library returns are never NULL. A call that needs its client answers
 * LM_ERR_INVALID_ARGUMENT without one.
 *
 * Memory. What the library gives, its own *_free function frees, and nothing else: never free().
 * NULL is fine there, and objects may be freed in any order. All inputs are bounded; a process
 * whose memory is exhausted all the same is ended, as Rust programs are.
 *
 * Text is UTF-8 and ends in NUL, paths included, on every platform; what is longer than its
 * bound, or not UTF-8, is LM_ERR_INVALID_ARGUMENT. The bounds, in bytes without the NUL:
 * activation_id 256, feature 64, capability 64, and of the options product 64, trust_root 4096,
 * portal_url 4096, storage_dir 4096, host_identity 1024, host_label 128, proxy 4096, ca_file 4096.
 * Of text without a NUL no more is read than its bound and one byte. Bytes are a pointer and a
 * length. Messages are in English; a host that speaks other languages goes by the code.
 *
 * Numbers. Times are int64_t Unix seconds, 0 is "none". Choices and truths cross as uint32_t and
 * are checked.
 *
 * Structures begin with struct_size and only grow at their end, so that an old host runs with a
 * new library and the other way round. For one that the library fills in, set struct_size to its
 * sizeof and nothing else: the library writes as much as both sides know, zeroes the rest and
 * leaves struct_size as it is. A size smaller than that of version 0.1, or larger than 4096, is
 * LM_ERR_STRUCT_SIZE. lm_options is filled in by lm_options_init; what a library doesn't know of
 * it must be zero, else LM_ERR_UNSUPPORTED. No structure is part of another.
 *
 * Threads. Each type says how threads may use it. A client may be used by any number of threads
 * at once; a process may have any number of clients, also over the same trusted storage. The
 * library keeps no global state, changes no signal handler, prints nothing and reads no
 * environment variable but, where the options say "system", those of the proxy. It starts no
 * thread, with one exception: a name lookup under a deadline takes one short-lived thread, since
 * the system's can't be interrupted; a host that wants none gives a transport.
 *
 * Stack. A call takes at most 128 KB of the calling thread's stack. A thread that is cancelled
 * (pthread_cancel) inside a call ends after it; lm_cancel ends the call.
 *
 * fork(). In the child, calls on the parent's client answer LM_ERR_FORKED until the child opens
 * its own. The *_free functions work there and only free; they call the destroy functions of the
 * options there, too, for what the child has of the host's is its own copy. A child that doesn't
 * exec keeps the seats that its parent has checked out in use until it ends.
 *
 * The host's own functions (log, transport) take their user data first and come with a function
 * that destroys it: called once, when the client and its last seat are gone, and not when
 * lm_client_open fails. They run on the thread of the call that caused them, inside that call,
 * with no lock held. They may use other clients, not this one; they don't throw, longjmp or free
 * the client.
 *
 * Versions. "Since" says with which version of the library an item came. Nothing that this header
 * says of it changes afterwards.
 */

#ifndef LM_LICENSE_H
#define LM_LICENSE_H

#include <stddef.h>
#include <stdint.h>

/* ---- Versions -------------------------------------------------------------------------------- */

/** The version of this header; lm_version tells that of the library that runs. */
#define LM_VERSION_MAJOR 0
#define LM_VERSION_MINOR 1
#define LM_VERSION_PATCH 0
/** major x 1000000 + minor x 1000 + patch. */
#define LM_VERSION_NUMBER \
    (LM_VERSION_MAJOR * 1000000 + LM_VERSION_MINOR * 1000 + LM_VERSION_PATCH)
/** The same as text. */
#define LM_VERSION_STRING "0.1.0"

/** Before each function. Define LM_SHARED where a Windows host links the DLL. */
#if defined(_WIN32) && defined(LM_SHARED)
#    define LM_API __declspec(dllimport)
#elif defined(__GNUC__) && !defined(_WIN32)
#    define LM_API __attribute__((visibility("default")))
#else
#    define LM_API
#endif

/* ---- Results --------------------------------------------------------------------------------- */

#define LM_OK                         0  /**< Done. */

/* ---- Results 1-9: the caller ----------------------------------------------------------------- */

#define LM_ERR_INVALID_ARGUMENT       1  /**< A pointer, length, text or number is not valid. */
#define LM_ERR_STRUCT_SIZE            2  /**< struct_size is too small, or was never set. */
#define LM_ERR_BUFFER                 3  /**< The buffer is too small; out_len tells the need. */
#define LM_ERR_UNSUPPORTED            4  /**< This version of the library cannot do that. */
#define LM_ERR_FORKED                 5  /**< The client was opened in the parent process. */
#define LM_ERR_CANCELLED              6  /**< The call was cancelled. Nothing is lost. */
#define LM_ERR_NO_PORTAL              7  /**< No portal_url is set. */
#define LM_ERR_TRUST_ROOT             8  /**< The trust root is not valid. */
#define LM_ERR_INTERNAL               9  /**< The library failed: free the client, open another. */

/* ---- Results 20-26: here, on this machine ---------------------------------------------------- */

#define LM_ERR_NOT_FOUND             20  /**< This machine holds no such license. */
#define LM_ERR_ID_MALFORMED          21  /**< No activation ID: its check characters do not fit. */
#define LM_ERR_NOT_ALLOWED           22  /**< The license's state does not allow it. */
#define LM_ERR_IN_USE                23  /**< Seats are checked out on this machine. */
#define LM_ERR_NO_FREE_SEAT          24  /**< All seats of this machine are checked out. */
#define LM_ERR_FEATURE               25  /**< No license on this machine has the feature. */
#define LM_ERR_BUSY                  26  /**< Another process is changing the licenses here. */

/* ---- Results 40-48: trusted storage ---------------------------------------------------------- */

#define LM_ERR_PERMISSION            40  /**< This user may not change this storage. */
#define LM_ERR_STORAGE_READ_ONLY     41  /**< Trusted storage cannot be written. */
#define LM_ERR_STORAGE_FULL          42  /**< The disk is full. */
#define LM_ERR_STORAGE_IO            43  /**< The disk failed. */
#define LM_ERR_STORAGE_DAMAGED       44  /**< Trusted storage is damaged. */
#define LM_ERR_STORAGE_NEWER         45  /**< Trusted storage is of a newer format. */
#define LM_ERR_STORAGE_UNSAFE        46  /**< Its owner, its mode or a link is not as it must be. */
#define LM_ERR_STORAGE_MISSING       47  /**< Trusted storage was here and is gone. */
#define LM_ERR_STORAGE_REMOTE        48  /**< Trusted storage lies on a network file system. */

/* ---- Results 70-79: the portal was not reached. Nothing is lost, try later ------------------- */

#define LM_ERR_NETWORK               70  /**< Refused, reset, no route. */
#define LM_ERR_DNS                   71  /**< The portal's name was not resolved. */
#define LM_ERR_PROXY                 72  /**< The proxy refused or failed. */
#define LM_ERR_TLS                   73  /**< No secure connection. */
#define LM_ERR_TIMEOUT               74  /**< No answer in time. */
#define LM_ERR_HTTP                  75  /**< What answered is not the portal. */
#define LM_ERR_PORTAL_BUSY           76  /**< The portal asks to come back later. */

/* ---- Results 90-96: a message ---------------------------------------------------------------- */

#define LM_ERR_SIGNATURE             90  /**< Not signed by this application's vendor. */
#define LM_ERR_MALFORMED             91  /**< Damaged, or no license message. */
#define LM_ERR_TOO_LARGE             92  /**< Larger than a license message can be. */
#define LM_ERR_VERSION               93  /**< Of a version that this library does not know. */
#define LM_ERR_MISMATCH              94  /**< Of another request, machine or product. */
#define LM_ERR_REPLAYED              95  /**< Used before. */
#define LM_ERR_TOO_LATE              96  /**< Came after its last day. */

/* ---- Results 110-129: the portal refused ----------------------------------------------------- */

#define LM_ERR_ID_UNKNOWN           110  /**< The portal does not know the activation ID. */
#define LM_ERR_ID_INACTIVE          111  /**< The activation ID was retired. */
#define LM_ERR_NO_SEATS             112  /**< All seats of the activation ID are taken. */
#define LM_ERR_WRONG_PRODUCT        113  /**< The activation ID is for another product. */
#define LM_ERR_WRONG_KIND           114  /**< A node-locked license takes exactly one seat. */
#define LM_ERR_EXPIRED              115  /**< The license's term is over. */
#define LM_ERR_NOT_YET_VALID        116  /**< The license's term has not begun. */
#define LM_ERR_OBSOLETE             117  /**< Given back from the portal; no rights here. */
#define LM_ERR_STALE                118  /**< The portal knows a newer state than this machine. */
#define LM_ERR_HOST_REFUSED         119  /**< Not on this kind of machine (VM, container). */
#define LM_ERR_HOST_MISMATCH        120  /**< The license was issued to another machine. */
#define LM_ERR_RETURN_LIMIT         121  /**< The limit of returns is reached. */
#define LM_ERR_REHOST_LIMIT         122  /**< The limit of re-hosts is reached. */
#define LM_ERR_REPAIR_LIMIT         123  /**< The limit of repairs is reached. */
#define LM_ERR_OFFLINE_REFUSED      124  /**< Not allowed by files. */
#define LM_ERR_ABANDONED            125  /**< The request was abandoned before the portal saw it. */
#define LM_ERR_HELD_ELSEWHERE       126  /**< Held by another storage of this machine. */
#define LM_ERR_PORTAL_RESTORED      127  /**< The portal came back from a backup: ask again. */

/* ---- Results 140-143: causes, in a status ---------------------------------------------------- */

#define LM_ERR_HOST_CHANGED         140  /**< Another machine, or most of this one changed. */
#define LM_ERR_RESTORED             141  /**< Trusted storage is an older copy. */
#define LM_ERR_CLOCK                142  /**< This machine's clock was set back. */
#define LM_ERR_LEASE_OVER           143  /**< Not refreshed in time. */

/* ---- States: where a license stands on this machine ------------------------------------------ */

#define LM_STATE_ABSENT               0  /**< This machine holds no such license. */
#define LM_STATE_ACTIVE               1  /**< Work. */
#define LM_STATE_GRACE                2  /**< Work; the lease is over: refresh. */
#define LM_STATE_EXPIRED              3  /**< The term, or lease and grace, are over: see cause. */
#define LM_STATE_NOT_YET_VALID        4  /**< The term has not begun. */
#define LM_STATE_PENDING_ACTIVATION   5  /**< Activated; the portal's answer is not known yet. */
#define LM_STATE_PENDING_RETURN       6  /**< Returned; the portal's answer is not known yet. */
#define LM_STATE_ORPHANED             7  /**< Given back from the portal; no rights here. */
#define LM_STATE_UNTRUSTED            8  /**< No rights: trust or storage is broken, see cause. */

/* ---- Trust flags: a set bit is trusted ------------------------------------------------------- */

#define LM_TRUST_HOST                 1  /**< This is the machine that the license was issued to. */
#define LM_TRUST_RESTORE              2  /**< Trusted storage is no older copy. */
#define LM_TRUST_TIME                 4  /**< The clock was not set back. */

/* ---- Kinds of license ------------------------------------------------------------------------ */

#define LM_KIND_NL                    1  /**< Node-locked: one seat a machine. */
#define LM_KIND_CC                    2  /**< Concurrent: seats that are shared out. */

/* ---- Next steps: what a person does now ------------------------------------------------------ */

#define LM_NEXT_NONE                  0  /**< Nothing. */
#define LM_NEXT_ACTIVATE              1  /**< lm_activate. */
#define LM_NEXT_REFRESH               2  /**< lm_refresh, online. */
#define LM_NEXT_RESUME                3  /**< lm_resume finishes what is pending. */
#define LM_NEXT_REPAIR                4  /**< Repair; if lm_supports("repair") is 0: lm_activate. */
#define LM_NEXT_REMOVE                5  /**< lm_remove. */
#define LM_NEXT_CORRECT_CLOCK         6  /**< Set this machine's clock right. */
#define LM_NEXT_CONTACT_VENDOR        7  /**< Ask the vendor. */

/* ---- Scopes: whose licenses ------------------------------------------------------------------ */

#define LM_SCOPE_USER                 0  /**< Those of the effective user. */
#define LM_SCOPE_MACHINE              1  /**< Those of all users of the machine. */

/**
 * Those of the effective user, in memory only: nothing is written, and they end with the client.
 * For hosts that want no storage, a CI machine say. Return the license before; activating anew at
 * each start takes no second seat, but counts against the repair limit.
 */
#define LM_SCOPE_MEMORY 2

/* ---- Log levels ------------------------------------------------------------------------------ */

#define LM_LOG_NONE                   0  /**< No lines. */
#define LM_LOG_ERROR                  1  /**< Something failed. */
#define LM_LOG_WARN                   2  /**< Something is not as it should be. */
#define LM_LOG_INFO                   3  /**< What a person would tell of the day. */
#define LM_LOG_DEBUG                  4  /**< Each step. */

/**
 * Bytes that the library gives: a file's. Opaque.
 *
 * Ownership: the host's, which frees it with lm_buffer_free. It outlives its client.
 * Threads: any number may read it at once; one frees it.
 * Since 0.1.
 */
typedef struct lm_buffer lm_buffer;

/* ---- Types ----------------------------------------------------------------------------------- */

/**
 * One product's licenses on this machine, for one host application. Opaque.
 *
 * Ownership: the host's, which frees it with lm_client_free.
 * Threads: any, any number at once; any number of clients in one process, also over the same
 *     trusted storage. In a child made by fork() its calls answer LM_ERR_FORKED.
 * Since 0.1.
 */
typedef struct lm_client lm_client;

/**
 * A failure: its code, a sentence, a hint, and what a program may want to know. Opaque.
 *
 * Ownership: the host's, which frees it with lm_error_free. It outlives its client.
 * Threads: any number may read it at once; one frees it.
 * Since 0.1.
 */
typedef struct lm_error lm_error;

/**
 * Where a transport puts the answer, by lm_http_respond. Opaque.
 *
 * Ownership: the library's; it lives until the transport returns.
 * Threads: one at a time.
 * Since 0.1.
 */
typedef struct lm_http_response lm_http_response;

/**
 * A snapshot of the records on this machine, sorted by activation ID. Opaque.
 *
 * Ownership: the host's, which frees it with lm_list_free. It outlives its client.
 * Threads: any number may read it at once; one frees it.
 * Since 0.1.
 */
typedef struct lm_list lm_list;

/**
 * A report of lm_health. Opaque.
 *
 * Ownership: the host's, which frees it with lm_report_free. It outlives its client.
 * Threads: any number may read it at once; one frees it.
 * Since 0.1.
 */
typedef struct lm_report lm_report;

/**
 * One checkout: seats of a concurrent license that this process uses. Opaque.
 *
 * Ownership: the host's, which frees it with lm_seat_free. It outlives its client, whose own
 *     functions (log, transport) are destroyed only when the client and its last seat are freed.
 * Threads: any; one frees it, while no other thread is inside a call on it.
 * Since 0.1.
 */
typedef struct lm_seat lm_seat;

/** What a call answers: LM_OK, or the number of an error. Since 0.1. */
typedef int32_t lm_result;

/* ---- The host's own functions ---------------------------------------------------------------- */

/**
 * Takes one log line. Lines carry no secrets.
 *
 * user_data: as it was given in lm_options.
 * level: LM_LOG_ERROR to LM_LOG_DEBUG.
 * message: English, one line, without a line break at its end.
 * Ownership: message is borrowed for the call.
 * Threads: called on the thread of the call that caused the line, inside that call, with no lock
 *     held; on several threads at once where the host calls from several.
 * Errors: none; it must not throw or longjmp. It may use other clients, not this one.
 * Since 0.1.
 */
typedef void (*lm_log_fn)(void *user_data, uint32_t level, const char *message);

/**
 * Frees what the host gave as user data.
 *
 * user_data: as it was given in lm_options.
 * Ownership: called exactly once, when the client and its last seat are gone. Not called when
 *     lm_client_open fails.
 * Threads: the thread that called lm_client_free or lm_seat_free.
 * Errors: none; it must not throw, longjmp or exit.
 * Since 0.1.
 */
typedef void (*lm_destroy_fn)(void *user_data);

/**
 * One POST that a transport is to carry out. Redirects are not to be followed.
 *
 * Ownership: everything in it is borrowed until the transport returns.
 * Since 0.1.
 */
typedef struct lm_http_request {
    /** Size of the structure, set by the library; it grows at its end only. */
    size_t struct_size;
    /** The whole address. */
    const char *url;
    /** The body's media type, for the header Content-Type. */
    const char *content_type;
    /** The body. */
    const uint8_t *body;
    /** Bytes of the body. */
    size_t body_len;
    /** Bytes that the body of the response may have at most. */
    size_t response_max;
    /** Milliseconds that the whole exchange may take. */
    uint32_t timeout_ms;
    /** 0. */
    uint32_t reserved;
} lm_http_request;

/**
 * Carries one request to the portal, in place of the library's own HTTPS: through the host's
 * network stack, its proxy, its certificates.
 *
 * user_data: as it was given in lm_options.
 * request: what to send.
 * response: for lm_http_respond.
 * Returns LM_OK once it has responded, whatever the HTTP status, else the code of 70 to 79 that
 *     fits best, or LM_ERR_CANCELLED. LM_OK without a response, and any other code, count as
 *     LM_ERR_NETWORK.
 * Ownership: request and response are borrowed for the call.
 * Threads: called on the thread of the call that needs the portal, inside that call, with no lock
 *     held; on several threads at once where the host calls from several.
 * Errors: it must not throw or longjmp. It may use other clients, not this one.
 * Since 0.1.
 */
typedef lm_result (*lm_transport_fn)(void *user_data, const lm_http_request *request,
                                     lm_http_response *response);

/* ---- Options, status, records ---------------------------------------------------------------- */

/**
 * How to open a client. Fill it with lm_options_init, then set what differs.
 *
 * Ownership: the host's. Its texts need to live only during lm_client_open; the user data as long
 *     as the client.
 * Threads: one at a time.
 * Since 0.1.
 */
typedef struct lm_options {
    /** Set by lm_options_init. */
    size_t struct_size;
    /** Required. The product: 1 to 64 of A-Z a-z 0-9 . _ -, as feature names are. */
    const char *product;
    /**
     * Required. Whom the application trusts: the line that the portal's trust-root command prints.
     * One line of ASCII, fit for a C literal: compile it in, never read it from a setting.
     */
    const char *trust_root;
    /**
     * The portal's address: https, or http to this machine only. NULL: none; a call that needs the
     * portal answers LM_ERR_NO_PORTAL.
     */
    const char *portal_url;
    /**
     * Where trusted storage lies, at most 4096 bytes: a directory of its own, on a local disk,
     * which an activation makes. NULL: the default of the scope; always so in memory.
     */
    const char *storage_dir;
    /**
     * The application's own identity of the host, for a container or a test; 1 to 1024 bytes. NULL:
     * this machine's own factors. Only a salted hash of it leaves the machine.
     */
    const char *host_identity;
    /**
     * Shown to the license's owner beside the host ID, at most 128 bytes, no control characters.
     * NULL: none.
     */
    const char *host_label;
    /** NULL: no proxy. "system": as the system is set. Else the proxy's URL. */
    const char *proxy;
    /** A PEM file of certificates to trust beside the system's. NULL: none. */
    const char *ca_file;
    /** Whose licenses: LM_SCOPE_USER, LM_SCOPE_MACHINE or LM_SCOPE_MEMORY. */
    uint32_t scope;
    /** Milliseconds that a whole call may take, at most an hour. 0: 30000. */
    uint32_t timeout_ms;
    /** Up to which level log gets lines: LM_LOG_NONE to LM_LOG_DEBUG. */
    uint32_t log_level;
    /** 0. A bit that the library doesn't know is refused: LM_ERR_UNSUPPORTED. */
    uint32_t flags;
    /** Takes log lines. NULL: nobody does. */
    lm_log_fn log;
    /** Handed to log and log_destroy. */
    void *log_user_data;
    /** Frees log_user_data. NULL: nothing to free. */
    lm_destroy_fn log_destroy;
    /** The host's own way to the portal; proxy and ca_file are then not used. NULL: HTTPS. */
    lm_transport_fn transport;
    /** Handed to transport and transport_destroy. */
    void *transport_user_data;
    /** Frees transport_user_data. NULL: nothing to free. */
    lm_destroy_fn transport_destroy;
} lm_options;

/**
 * Where a license stands on this machine. 64 bytes on a 64-bit machine. An outcome is not a
 * failure: "expired" or "orphaned" is an answer here.
 *
 * Set struct_size to sizeof(lm_status_info), nothing else; the library fills in the rest.
 * Ownership: the host's.
 * Threads: one at a time.
 * Since 0.1.
 */
typedef struct lm_status_info {
    /** Set by the host. */
    size_t struct_size;
    /** LM_STATE_*. */
    uint32_t state;
    /** 1: work. 0: don't. The one field that a host must look at. */
    uint32_t usable;
    /** LM_KIND_*; 0 until the portal has told it. */
    uint32_t kind;
    /** LM_TRUST_* bits; a set one is trusted. */
    uint32_t trust;
    /** Seats usable on this machine. */
    uint32_t seats;
    /** Seats checked out on this machine, as of the last look. */
    uint32_t seats_in_use;
    /** LM_NEXT_*: what a person does now. */
    uint32_t next_step;
    /** The LM_ERR_* behind the state, or LM_OK. */
    lm_result cause;
    /** End of the term. Unix seconds, as all times here; 0: none. */
    int64_t expires_at;
    /** Until when the rights hold without contact to the portal. */
    int64_t lease_until;
    /** End of grace. */
    int64_t grace_until;
} lm_status_info;

/**
 * A row of a list: which record, and the fields of its status.
 *
 * Set struct_size to sizeof(lm_record_info), nothing else; the library fills in the rest.
 * Ownership: the host's; its texts are borrowed from the list until lm_list_free, and never NULL.
 * Threads: one at a time.
 * Since 0.1.
 */
typedef struct lm_record_info {
    /** Set by the host. */
    size_t struct_size;
    /** In its one form, such as 7F3KM-Q0W2E-XT9VB-4HJN8. */
    const char *activation_id;
    /** "" before the portal's answer. */
    const char *fulfillment_id;
    /** The names, separated by a blank: "ortho raster". lm_feature_limit tells a limit. */
    const char *features;
    /** LM_STATE_*. */
    uint32_t state;
    /** 1: work. 0: don't. */
    uint32_t usable;
    /** LM_KIND_*; 0 until the portal has told it. */
    uint32_t kind;
    /** LM_TRUST_* bits; a set one is trusted. */
    uint32_t trust;
    /** Seats usable on this machine. */
    uint32_t seats;
    /** Seats checked out on this machine, as of the last look. */
    uint32_t seats_in_use;
    /** LM_NEXT_*: what a person does now. */
    uint32_t next_step;
    /** The LM_ERR_* behind the state, or LM_OK. */
    lm_result cause;
    /** End of the term. Unix seconds, as all times here; 0: none. */
    int64_t expires_at;
    /** Until when the rights hold without contact to the portal. */
    int64_t lease_until;
    /** End of grace. */
    int64_t grace_until;
    /** When it was activated on this machine. */
    int64_t activated_at;
    /** When the portal last answered about it. */
    int64_t contacted_at;
    /** How often the portal has issued it; 0 before its answer. */
    uint64_t generation;
} lm_record_info;

/**
 * One finding of a report.
 *
 * Set struct_size to sizeof(lm_finding), nothing else; the library fills in the rest.
 * Ownership: the host's; its texts are borrowed from the report until lm_report_free, never NULL.
 * Threads: one at a time.
 * Since 0.1.
 */
typedef struct lm_finding {
    /** Set by the host. */
    size_t struct_size;
    /**
     * What it is about, in a word: "storage", "image", "anchor", "sealer", "permission", "space",
     * "host", "clock", "license", "portal.dns", "portal.connect", "portal.tls", "portal.http".
     * Later versions know more.
     */
    const char *topic;
    /** The activation ID, path or address that it is about, or "". */
    const char *subject;
    /** A sentence. */
    const char *text;
    /** What to do, as a sentence, or "". */
    const char *hint;
    /** The numbers behind it as a JSON object, or "". Identities in it are salted hashes. */
    const char *detail;
    /**
     * LM_LOG_INFO: as it should be. LM_LOG_WARN: it works, and may soon not. LM_LOG_ERROR: it
     * doesn't.
     */
    uint32_t level;
    /** LM_NEXT_*: what a person does now. */
    uint32_t next_step;
    /** The LM_ERR_* behind it, or LM_OK. */
    lm_result code;
    /** 0. */
    uint32_t reserved;
} lm_finding;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/* ---- Open and close -------------------------------------------------------------------------- */

/**
 * Fills in the defaults: everything 0 or NULL, and the size.
 *
 * options: struct_size bytes.
 * struct_size: sizeof(lm_options).
 * Ownership: the host's.
 * Threads: one at a time.
 * Errors: LM_ERR_INVALID_ARGUMENT, LM_ERR_STRUCT_SIZE.
 * Since 0.1.
 */
LM_API lm_result lm_options_init(lm_options *options, size_t struct_size);

/**
 * Opens a client. Touches no network and makes no storage. A storage that is missing, damaged,
 * read-only or of a newer format is no failure: lm_status says which, and what to do.
 *
 * options: filled in by lm_options_init, then by the host.
 * out_client: the client.
 * out_error: the failure; may be NULL.
 * Ownership: the client is the host's: lm_client_free. From now on the library owns what the
 *     options' destroy functions free; where this call fails it stays the host's.
 * Threads: any.
 * Errors: LM_ERR_INVALID_ARGUMENT, LM_ERR_STRUCT_SIZE, LM_ERR_UNSUPPORTED for flags or fields of
 *     a newer version, LM_ERR_TRUST_ROOT, and for a storage that may not be read
 *     LM_ERR_PERMISSION, LM_ERR_STORAGE_UNSAFE, LM_ERR_STORAGE_REMOTE, LM_ERR_STORAGE_IO, and
 *     LM_ERR_BUSY where other processes change it all the time: call again.
 * Since 0.1.
 */
LM_API lm_result lm_client_open(const lm_options *options, lm_client **out_client,
                                lm_error **out_error);

/**
 * Closes a client and frees it. What is pending stays so and is finished another time. Waits for
 * nothing and writes nothing.
 *
 * client: may be NULL.
 * Ownership: lists, seats and errors outlive it. Calls the destroy functions of the options, unless
 *     a seat is still there: then freeing the last one does.
 * Threads: any, once, while no other thread is inside a call on this client, and not inside one
 *     of its callbacks.
 * Since 0.1.
 */
LM_API void lm_client_free(lm_client *client);

/* ---- The three headline calls ---------------------------------------------------------------- */

/**
 * Makes this machine hold seats of an activation ID in total. Asks the portal unless this machine
 * holds them already: called twice it takes them once; asked for more, it takes the difference;
 * asked for fewer, it changes nothing. After any crash, calling again ends in the same record.
 *
 * activation_id: as it was typed: any case, spaces and hyphens anywhere.
 * seats: how many in all; 1 for a node-locked license.
 * out_error: the failure; may be NULL.
 * Ownership: nothing is kept.
 * Threads: any. Blocks, for the options' timeout_ms in all its exchanges and again at most so long
 *     for another process that changes the storage (LM_ERR_BUSY); lm_status never waits for it.
 *     A return waits 120 ms before it is sent, until every process has seen it.
 * Errors: LM_ERR_INVALID_ARGUMENT (seats 0), LM_ERR_ID_MALFORMED, LM_ERR_NO_PORTAL, LM_ERR_BUSY,
 *     those of trusted storage (40 to 48), of the network (70 to 79), of the answer (90 to 96),
 *     and the portal's refusals (110 to 129), each with its own number: LM_ERR_NO_SEATS says who
 *     holds them (lm_error_detail). Whatever fails after the request was made durable, a
 *     transport's LM_ERR_CANCELLED too, leaves the record LM_STATE_PENDING_ACTIVATION (or, where
 *     there is a record, as it was) and loses nothing: call again, or lm_resume.
 * Since 0.1.
 */
LM_API lm_result lm_activate(lm_client *client, const char *activation_id, uint32_t seats,
                             lm_error **out_error);

/**
 * Gives seats of an activation ID back to the portal. They are out of use here, durably, before
 * the portal hears of it; so no crash and no lost message loses a seat or makes two of one. The
 * activation ID stays valid, here and on any other machine. An orphaned record is cleaned up
 * without credit.
 *
 * activation_id: as for lm_activate.
 * seats: how many; 0: all.
 * out_error: the failure; may be NULL.
 * Ownership: nothing is kept.
 * Threads: any. Blocks, as lm_activate does.
 * Errors: LM_ERR_NOT_FOUND, LM_ERR_INVALID_ARGUMENT (more than are held), LM_ERR_ID_MALFORMED,
 *     LM_ERR_NO_PORTAL, LM_ERR_IN_USE (seats that would go are checked out; nothing overrides it;
 *     lm_error_detail says who uses them, as for lm_checkout), LM_ERR_BUSY, those of trusted
 *     storage (40 to 48), of the network (70 to 79: the record is LM_STATE_PENDING_RETURN, never
 *     lost; lm_resume or the next call for it finishes the return), of the answer (90 to 96), and
 *     the portal's refusals, such as LM_ERR_RETURN_LIMIT (110 to 129: nothing has changed).
 * Since 0.1.
 */
LM_API lm_result lm_return(lm_client *client, const char *activation_id, uint32_t seats,
                           lm_error **out_error);

/**
 * Tells where a license stands. Call it whenever it matters: it takes tens of nanoseconds, from a
 * table in this process: no network, no write, no elevated right, no lock, no allocation. At most
 * once in 100 ms one caller looks at trusted storage, so what another process changed is seen
 * within that time. Nobody waits for a call that is under way.
 *
 * activation_id: as for lm_activate; NULL: the best record of the product: usable before not,
 *     then the later end, then more seats, then the ID.
 * out_status: struct_size set.
 * Ownership: the host's.
 * Threads: any.
 * Errors: LM_ERR_INVALID_ARGUMENT, LM_ERR_STRUCT_SIZE, LM_ERR_ID_MALFORMED, LM_ERR_FORKED,
 *     LM_ERR_INTERNAL. An ID that this machine doesn't hold is LM_OK with LM_STATE_ABSENT; any
 *     state is LM_OK.
 * Since 0.1.
 */
LM_API lm_result lm_status(const lm_client *client, const char *activation_id,
                           lm_status_info *out_status);

/* ---- More checks ----------------------------------------------------------------------------- */

/**
 * Tells where the best record that has a feature stands. As fast as lm_status.
 *
 * feature: its name, without a limit.
 * out_status: struct_size set.
 * Ownership: the host's.
 * Threads: any.
 * Errors: LM_ERR_FEATURE where no record has it; else as lm_status.
 * Since 0.1.
 */
LM_API lm_result lm_feature_status(const lm_client *client, const char *feature,
                                   lm_status_info *out_status);

/**
 * Tells the limit of a feature, such as the 16 of "tiles=16"; what it limits is up to the host.
 *
 * feature: its name, without the limit.
 * out_limit: the limit; -1: it has none.
 * Ownership: the host's.
 * Threads: any.
 * Errors: LM_ERR_FEATURE where no record has it; LM_ERR_INVALID_ARGUMENT, LM_ERR_FORKED,
 *     LM_ERR_INTERNAL.
 * Since 0.1.
 */
LM_API lm_result lm_feature_limit(const lm_client *client, const char *feature, int64_t *out_limit);

/**
 * Puts a status into words for the person at the machine: state, cause, next step and dates, in
 * English, one to three sentences.
 *
 * status: as lm_status or lm_feature_status filled it in.
 * buf, buf_len: where the text and its NUL go.
 * out_len: how many bytes both are, also on LM_ERR_BUFFER; may be NULL. Ask with NULL and 0
 *     first, or give 512 bytes, which hold every one of them.
 * Ownership: the host's buffer, left alone unless the call succeeds.
 * Threads: any; needs no client.
 * Errors: LM_ERR_BUFFER, LM_ERR_STRUCT_SIZE, LM_ERR_INVALID_ARGUMENT for fields that no status
 *     has.
 * Since 0.1.
 */
LM_API lm_result lm_status_text(const lm_status_info *status, char *buf, size_t buf_len,
                                size_t *out_len);

/**
 * A number that rises when an answer of lm_status may have changed: a host that keeps menus or
 * lists asks here, for nothing, whether to draw them again. Time alone, such as the end of a term,
 * does not raise it.
 *
 * client: may be NULL: 0.
 * Threads: any.
 * Errors: 0 in a child made by fork(), and after LM_ERR_INTERNAL.
 * Since 0.1.
 */
LM_API uint64_t lm_change_count(const lm_client *client);

/* ---- Upkeep ---------------------------------------------------------------------------------- */

/**
 * Asks the portal for a new lease and today's terms. A host calls it routinely, at start or once a
 * day: while the portal is away it honors a back-off and answers the last network code at once,
 * with the time of the next try (lm_error_retry_at).
 *
 * activation_id: as for lm_activate; NULL: all records: one failure stops no other, and the first
 *     is returned.
 * out_error: the failure; may be NULL.
 * Ownership: nothing is kept.
 * Threads: any. Blocks, as lm_activate does.
 * Errors: LM_ERR_NOT_FOUND, LM_ERR_ID_MALFORMED, LM_ERR_NO_PORTAL, LM_ERR_BUSY, those of trusted
 *     storage (40 to 48), of the network (70 to 79: the license works on as before), of the
 *     answer (90 to 96), and the portal's refusals (110 to 129): LM_ERR_OBSOLETE says that the
 *     record is orphaned now.
 * Since 0.1.
 */
LM_API lm_result lm_refresh(lm_client *client, const char *activation_id, lm_error **out_error);

/**
 * Restores trust in a record whose storage was put back from a backup, on the machine that it was
 * issued to, by its evidence; never on another. The same fulfillment, no second seat. The portal
 * counts it against the repair limit, unless the record turns out to be the current one.
 *
 * activation_id: as for lm_activate.
 * out_error: the failure; may be NULL.
 * Ownership: nothing is kept.
 * Threads: any. Blocks, as lm_activate does.
 * Errors: LM_ERR_NOT_FOUND, LM_ERR_ID_MALFORMED, LM_ERR_NO_PORTAL, LM_ERR_BUSY, LM_ERR_CANCELLED,
 *     those of trusted storage (40 to 48), of the network (70 to 79), of the answer (90 to 96),
 *     and the portal's refusals (110 to 129), after which the record is as it was, such as
 *     LM_ERR_HOST_MISMATCH and LM_ERR_REPAIR_LIMIT; the licenses' owner can re-host it then.
 * Since 0.1.
 */
LM_API lm_result lm_repair(lm_client *client, const char *activation_id, lm_error **out_error);

/**
 * Takes a record that has no rights any more out of this machine's storage: an orphaned one, one
 * whose term is over, one that belongs to another machine. Asks no portal and credits no seat.
 *
 * activation_id: as for lm_activate.
 * out_error: the failure; may be NULL.
 * Ownership: nothing is kept.
 * Threads: any.
 * Errors: LM_ERR_NOT_FOUND, LM_ERR_ID_MALFORMED, LM_ERR_NOT_ALLOWED where it would strand a seat:
 *     lm_return gives that back; LM_ERR_BUSY, those of trusted storage (40 to 48).
 * Since 0.1.
 */
LM_API lm_result lm_remove(lm_client *client, const char *activation_id, lm_error **out_error);

/**
 * Finishes what a crash or an absent portal left pending, in all records. Nothing pending: LM_OK,
 * without asking the portal.
 *
 * out_error: the failure; may be NULL.
 * Ownership: nothing is kept.
 * Threads: any. Blocks, as lm_activate does.
 * Errors: those of lm_activate and lm_return; one failure stops no other record, and the first is
 *     returned.
 * Since 0.1.
 */
LM_API lm_result lm_resume(lm_client *client, lm_error **out_error);

/**
 * Ends the calls that are under way on this client, for a button or before lm_client_free. They
 * return soon: with LM_ERR_CANCELLED, or as they would have where they were done already. What
 * they began is pending; the same call again, or lm_resume, finishes it, and no seat is lost.
 * Later calls are not ended. A host's own transport is not interrupted: it ends its exchange
 * itself, with LM_ERR_CANCELLED.
 *
 * Ownership: nothing is kept.
 * Threads: any, while others are inside calls. Waits for none of them. Not in a signal handler.
 * Errors: LM_ERR_INVALID_ARGUMENT, LM_ERR_FORKED.
 * Since 0.1.
 */
LM_API lm_result lm_cancel(lm_client *client);

/* ---- Offline: one file out, one file in ------------------------------------------------------ */

/**
 * Makes the request file by which lm_activate is asked of the portal without a network, also on
 * a machine that never had one. The host saves its bytes; a person takes the file to the portal
 * (its page "Offline", or `lm-portal offline answer`), and the response file back to
 * lm_apply_response. The file is text of some kilobytes that survives mail. Several request
 * files may be joined, one after the other, in one; the response serves them all.
 *
 * The record is LM_STATE_PENDING_ACTIVATION until then. Asked again, the call gives the same
 * bytes; a response that was lost is issued again from them. What was begun by a file may be
 * finished over the network, and the other way round. Where this machine holds as many seats
 * already, the request asks for a new lease instead, and nothing is pending in the meantime.
 *
 * activation_id: as for lm_activate.
 * seats: how many in all; 1 for a node-locked license.
 * out_request: the file's bytes.
 * out_error: the failure; may be NULL.
 * Ownership: the buffer is the host's: lm_buffer_free.
 * Threads: any. Touches no network; options.portal_url may be NULL. Waits, as lm_activate does,
 *     for another process that changes the storage.
 * Errors: LM_ERR_INVALID_ARGUMENT (seats 0), LM_ERR_ID_MALFORMED, LM_ERR_WRONG_KIND,
 *     LM_ERR_NOT_ALLOWED (another operation of this ID waits for its answer), LM_ERR_BUSY, those
 *     of trusted storage (40 to 48).
 * Since 0.1.
 */
LM_API lm_result lm_request_activation(lm_client *client, const char *activation_id, uint32_t seats,
                                       lm_buffer **out_request, lm_error **out_error);

/**
 * Makes the request file that proves a return. The seats are out of use here, durably, before
 * the file is given out; they are credited once the portal has answered it, and once only,
 * however often it is. The response file then cleans the record up; nothing but a response that
 * says so (a limit of returns, say) makes it usable again.
 *
 * activation_id: as for lm_activate.
 * seats: how many; 0: all.
 * out_request: the file's bytes, the same when asked again.
 * out_error: the failure; may be NULL.
 * Ownership: the buffer is the host's: lm_buffer_free.
 * Threads: any. Touches no network. Waits 120 ms until every process has seen it.
 * Errors: LM_ERR_NOT_FOUND, LM_ERR_INVALID_ARGUMENT (more than are held), LM_ERR_ID_MALFORMED,
 *     LM_ERR_IN_USE (seats are checked out), LM_ERR_OBSOLETE (orphaned: nothing to give back, see
 *     lm_remove), LM_ERR_NOT_ALLOWED (another operation of this ID waits for its answer),
 *     LM_ERR_BUSY, those of trusted storage (40 to 48).
 * Since 0.1.
 */
LM_API lm_result lm_request_return(lm_client *client, const char *activation_id, uint32_t seats,
                                   lm_buffer **out_request, lm_error **out_error);

/**
 * Makes the request file by which lm_repair is asked of the portal. Its response brings the
 * portal's time, too, and so heals LM_TRUST_TIME after a clock that ran ahead.
 *
 * activation_id: as for lm_activate.
 * out_request: the file's bytes, the same when asked again.
 * out_error: the failure; may be NULL.
 * Ownership: the buffer is the host's: lm_buffer_free.
 * Threads: any. Touches no network.
 * Errors: LM_ERR_NOT_FOUND, LM_ERR_ID_MALFORMED, LM_ERR_NOT_ALLOWED (another operation of this ID
 *     waits for its answer), LM_ERR_BUSY, those of trusted storage (40 to 48).
 * Since 0.1.
 */
LM_API lm_result lm_request_repair(lm_client *client, const char *activation_id,
                                   lm_buffer **out_request, lm_error **out_error);

/**
 * Applies this machine's part of a response file, which is verified as an answer over the
 * network is. What the portal decided is the result, as for lm_activate, lm_return and
 * lm_repair. Several parts
 * for this machine: one failure stops no other, and the first is returned.
 *
 * response, response_len: the file's bytes, at most 16 MiB, as they came: text in UTF-8 or
 *     UTF-16, with any line ends, also with a mail around it.
 * out_error: the failure; may be NULL.
 * Ownership: nothing is kept.
 * Threads: any. Touches no network. Waits, as lm_activate does, for another process that changes
 *     the storage.
 * Errors: LM_ERR_MALFORMED (no license file, or cut or damaged), LM_ERR_TOO_LARGE,
 *     LM_ERR_VERSION, LM_ERR_SIGNATURE, LM_ERR_MISMATCH (another machine's, product's or
 *     request's, or a request file), LM_ERR_REPLAYED (it was applied before), LM_ERR_CLOCK (it is
 *     dated after this machine's clock: nothing was applied, correct the clock), LM_ERR_TOO_LATE
 *     (after its apply-by date: make a new request), LM_ERR_BUSY, those of trusted storage (40 to
 *     48), and the portal's refusals (110 to 129), LM_ERR_OFFLINE_REFUSED among them. After a code
 *     below 96, what was pending still is.
 * Since 0.1.
 */
LM_API lm_result lm_apply_response(lm_client *client, const uint8_t *response, size_t response_len,
                                   lm_error **out_error);

/**
 * The bytes of a buffer. A NUL that isn't counted stands behind them.
 *
 * buffer: may be NULL: an empty one.
 * Ownership: borrowed from the buffer until lm_buffer_free; never NULL.
 * Threads: any.
 * Since 0.1.
 */
LM_API const uint8_t *lm_buffer_data(const lm_buffer *buffer);

/**
 * How many bytes a buffer has.
 *
 * buffer: may be NULL: 0.
 * Threads: any.
 * Since 0.1.
 */
LM_API size_t lm_buffer_len(const lm_buffer *buffer);

/**
 * Frees a buffer.
 *
 * buffer: may be NULL. Its bytes are gone with it.
 * Threads: any, once.
 * Since 0.1.
 */
LM_API void lm_buffer_free(lm_buffer *buffer);

/* ---- Lists ----------------------------------------------------------------------------------- */

/**
 * Takes a snapshot of the records on this machine. No network, no write.
 *
 * out_list: the list; it may be empty.
 * out_error: the failure; may be NULL.
 * Ownership: the list is the host's: lm_list_free.
 * Threads: any.
 * Errors: LM_ERR_INVALID_ARGUMENT, LM_ERR_FORKED, LM_ERR_INTERNAL, those of trusted storage (40
 *     to 48) where it can't be read.
 * Since 0.1.
 */
LM_API lm_result lm_list_open(const lm_client *client, lm_list **out_list, lm_error **out_error);

/**
 * How many rows a list has.
 *
 * list: may be NULL: 0.
 * Threads: any.
 * Since 0.1.
 */
LM_API size_t lm_list_len(const lm_list *list);

/**
 * Tells one row.
 *
 * list: may be NULL: a list without rows.
 * index: from 0.
 * out_record: struct_size set.
 * Ownership: the host's; its texts are borrowed from the list until lm_list_free.
 * Threads: any.
 * Errors: LM_ERR_INVALID_ARGUMENT (no such row), LM_ERR_STRUCT_SIZE.
 * Since 0.1.
 */
LM_API lm_result lm_list_get(const lm_list *list, size_t index, lm_record_info *out_record);

/**
 * Frees a list.
 *
 * list: may be NULL. The texts of its rows are gone with it.
 * Threads: any, once.
 * Since 0.1.
 */
LM_API void lm_list_free(lm_list *list);

/* ---- Concurrent seats ------------------------------------------------------------------------ */

/**
 * Takes seats of a concurrent (CC) license for this process, out of those that this machine holds:
 * all its processes share them. They come from the best usable record that has the feature and so
 * many free seats; several at once from one record, all or none. No network, no write to trusted
 * storage; whoever may read it may check out. Never waits for a seat to become free.
 *
 * A seat is in use until it is checked in or freed, or the process ends, however it ends: the
 * system sees to it. A child made by fork() without exec keeps its parent's seats in use until it
 * ends or execs, also after the parent has died. Each checkout keeps one file descriptor open; who
 * closes descriptors that it did not open gives up its seats without knowing.
 *
 * While seats are in use, lm_return refuses to give them back. A seat is no right by itself: what
 * lm_status says of the license still holds, and it may end while a seat is in use. lm_status
 * counts the seats in use at its looks, more rarely where there are very many; a list counts them
 * anew.
 *
 * feature: its name, without a limit.
 * seats: how many.
 * out_seat: the checkout.
 * out_error: the failure; may be NULL.
 * Ownership: the seat is the host's: lm_seat_free.
 * Threads: any. Takes microseconds, or some milliseconds where others take seats at the same time;
 *     waits only for a process that is just changing the storage (LM_ERR_BUSY).
 * Errors: LM_ERR_NO_FREE_SEAT (lm_error_detail says who uses them: {"seats_in_use", "holders":
 *     [{"seats", "pid", "program"}]}, pid and program where known), LM_ERR_FEATURE where no record
 *     has it, LM_ERR_WRONG_KIND where only node-locked ones have it, the cause of its status where
 *     none of them is usable, LM_ERR_NOT_ALLOWED where all seats are on their way back,
 *     LM_ERR_INVALID_ARGUMENT (seats 0), LM_ERR_UNSUPPORTED where the system has no such locks,
 *     those of trusted storage (40 to 48).
 * Since 0.1.
 */
LM_API lm_result lm_checkout(lm_client *client, const char *feature, uint32_t seats,
                             lm_seat **out_seat, lm_error **out_error);

/**
 * Ends the use: the seats are free for other processes. The object still has to be freed. One that
 * is checked in already stays so: LM_OK.
 *
 * seat: as lm_checkout gave it.
 * out_error: the failure; may be NULL.
 * Ownership: nothing is kept.
 * Threads: any.
 * Errors: LM_ERR_INVALID_ARGUMENT, LM_ERR_FORKED: a child can't end its parent's use.
 * Since 0.1.
 */
LM_API lm_result lm_checkin(lm_seat *seat, lm_error **out_error);

/**
 * Frees a seat, and checks it in where it isn't. In a child made by fork() it only frees: the
 * parent's use goes on.
 *
 * seat: may be NULL.
 * Ownership: where it is the last of a client that is freed, calls the destroy functions of the
 *     options.
 * Threads: any, once, while no other thread is inside a call on it.
 * Since 0.1.
 */
LM_API void lm_seat_free(lm_seat *seat);

/* ---- Health ---------------------------------------------------------------------------------- */

/**
 * Reports on the health of this machine's licenses, before something fails: trusted storage, its
 * images and anchors, permissions and free space, the machine's identity and how much of it each
 * license still finds, the clock, each license's lease; and, where asked, the way to the portal,
 * step by step. Changes nothing. What is broken is a finding of the report, and LM_OK.
 *
 * ask_portal: 0: only what is here, without the network. 1: the portal is asked, too, who it is;
 *     that shows a name that isn't known, a connection, a certificate and an answer apart, and how
 *     far the clock is from the portal's.
 * out_report: the report; it always has findings.
 * out_error: the failure; may be NULL.
 * Ownership: the report is the host's: lm_report_free.
 * Threads: any. Reads files, some milliseconds at most; with ask_portal it blocks until the portal
 *     answers, up to timeout_ms. lm_cancel ends that.
 * Errors: LM_ERR_INVALID_ARGUMENT, LM_ERR_CANCELLED.
 * Since 0.1.
 */
LM_API lm_result lm_health(lm_client *client, uint32_t ask_portal, lm_report **out_report,
                           lm_error **out_error);

/**
 * How many findings a report has.
 *
 * report: may be NULL: 0.
 * Threads: any.
 * Since 0.1.
 */
LM_API size_t lm_report_len(const lm_report *report);

/**
 * Tells one finding.
 *
 * report: may be NULL: a report without findings.
 * index: from 0. First trusted storage, then the machine, each license, the clock, the portal.
 * out_finding: struct_size set.
 * Ownership: the host's; its texts are borrowed from the report until lm_report_free.
 * Threads: any.
 * Errors: LM_ERR_INVALID_ARGUMENT (no such finding), LM_ERR_STRUCT_SIZE.
 * Since 0.1.
 */
LM_API lm_result lm_report_get(const lm_report *report, size_t index, lm_finding *out_finding);

/**
 * Frees a report.
 *
 * report: may be NULL. The texts of its findings are gone with it.
 * Threads: any, once.
 * Since 0.1.
 */
LM_API void lm_report_free(lm_report *report);

/* ---- Errors ---------------------------------------------------------------------------------- */

/**
 * Which error.
 *
 * error: may be NULL: LM_OK.
 * Threads: any.
 * Since 0.1.
 */
LM_API lm_result lm_error_code(const lm_error *error);

/**
 * What happened: a sentence in English for the person at the machine.
 *
 * error: may be NULL: "".
 * Ownership: borrowed from the error until lm_error_free; never NULL.
 * Threads: any.
 * Since 0.1.
 */
LM_API const char *lm_error_message(const lm_error *error);

/**
 * What to do next: a sentence in English for the person at the machine.
 *
 * error: may be NULL: "".
 * Ownership: borrowed from the error until lm_error_free; never NULL.
 * Threads: any.
 * Since 0.1.
 */
LM_API const char *lm_error_hint(const lm_error *error);

/**
 * For programs: "" or a JSON document, for example which machines hold the seats.
 *
 * error: may be NULL: "".
 * Ownership: borrowed from the error until lm_error_free; never NULL.
 * Threads: any.
 * Since 0.1.
 */
LM_API const char *lm_error_detail(const lm_error *error);

/**
 * When trying again makes sense: Unix seconds; 0: at will.
 *
 * error: may be NULL: 0.
 * Threads: any.
 * Since 0.1.
 */
LM_API int64_t lm_error_retry_at(const lm_error *error);

/**
 * Frees an error.
 *
 * error: may be NULL. Its texts are gone with it.
 * Threads: any, once.
 * Since 0.1.
 */
LM_API void lm_error_free(lm_error *error);

/* ---- Inside a transport ---------------------------------------------------------------------- */

/**
 * Gives the answer of the portal to the library; only inside a transport. A second answer replaces
 * the first.
 *
 * response: as the transport got it.
 * http_status: 100 to 599.
 * body, body_len: the body without any transfer encoding; NULL and 0 where there is none.
 * Ownership: the body is copied; the host keeps its own memory.
 * Threads: that of the transport's call, or one that it waits for.
 * Errors: LM_ERR_INVALID_ARGUMENT; LM_ERR_TOO_LARGE where the body has more than response_max
 *     bytes, and the call that waits for it fails with the same code.
 * Since 0.1.
 */
LM_API lm_result lm_http_respond(lm_http_response *response, uint32_t http_status,
                                 const uint8_t *body, size_t body_len);

/* ---- About this machine and the library ------------------------------------------------------ */

/**
 * The host ID: what the portal knows this machine by. Or that of the options' host_identity.
 *
 * buf, buf_len: where the text and its NUL go.
 * out_len: how many bytes both are, also on LM_ERR_BUFFER; may be NULL. Ask with NULL and 0
 *     first, or give 64 bytes, which hold it.
 * Ownership: the host's buffer, left alone unless the call succeeds.
 * Threads: any.
 * Errors: LM_ERR_BUFFER, LM_ERR_INVALID_ARGUMENT, LM_ERR_FORKED, LM_ERR_INTERNAL.
 * Since 0.1.
 */
LM_API lm_result lm_host_id(const lm_client *client, char *buf, size_t buf_len, size_t *out_len);

/**
 * The name of a result, such as "LM_ERR_NETWORK".
 *
 * result: any number; one that this version doesn't know: "?".
 * Ownership: the library's, for ever; never NULL.
 * Threads: any.
 * Since 0.1.
 */
LM_API const char *lm_result_name(lm_result result);

/**
 * The name of a state without its prefix, such as "ACTIVE".
 *
 * state: any number; one that this version doesn't know: "?".
 * Ownership: the library's, for ever; never NULL.
 * Threads: any.
 * Since 0.1.
 */
LM_API const char *lm_state_name(uint32_t state);

/**
 * The version of the library that runs, as LM_VERSION_NUMBER is that of this header: major x
 * 1000000 + minor x 1000 + patch.
 *
 * Threads: any.
 * Since 0.1.
 */
LM_API uint32_t lm_version(void);

/**
 * The same as text, such as "0.1.0".
 *
 * Ownership: the library's, for ever; never NULL.
 * Threads: any.
 * Since 0.1.
 */
LM_API const char *lm_version_string(void);

/**
 * Whether the library that runs can do something; a plugin that finds another version in its host
 * asks before it relies on it.
 *
 * capability: "https" (a way of its own to the portal), "transport", "log", "host_identity",
 *     "user_scope", "machine_scope", "memory_scope", "repair", "cancel", "checkout", "offline",
 *     "health". Later versions know more. NULL or an unknown one: 0.
 * Returns 1 or 0.
 * Threads: any.
 * Since 0.1.
 */
LM_API int32_t lm_supports(const char *capability);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* LM_LICENSE_H */
