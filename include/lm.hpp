/*
 * lm.hpp - the C++ owner types over lm.h, header only, C++11 to C++20.
 *
 * Owners free what they hold, move and don't copy. No call throws, unless memory runs out: a call that
 * can fail returns an lm::error, which is true where it failed. A program that works with exceptions
 * ends such a call in .or_throw(), which throws an lm::failure.
 *
 *     lm::options options("terra-studio", TRUST_ROOT);
 *     options.portal_url("https://licenses.example.com");
 *
 *     lm::client client;
 *     if (lm::error error = client.open(options))
 *         std::cerr << error.message() << ' ' << error.hint() << '\n';
 *
 *     client.activate("7F3KM-Q0W2E-XT9VB-4HJN8").or_throw();     (once, when the user asks)
 *
 *     lm::status_info status;
 *     if (!client.status(status) && status.usable) ...           (whenever it matters)
 *
 * What a call does, and its errors, stand in lm.h. Everything here is inline over lm.h: no C++ crosses
 * the boundary of the library, so the compilers of host and library need not be the same.
 * Since 0.1.
 */
#ifndef LM_LICENSE_HPP
#define LM_LICENSE_HPP

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "lm.h"

#if defined(__cplusplus) && __cplusplus >= 201703L
#    define LM_NODISCARD [[nodiscard]]
#else
#    define LM_NODISCARD
#endif
#if defined(__cpp_exceptions) || defined(__EXCEPTIONS) || defined(_CPPUNWIND)
#    define LM_EXCEPTIONS 1
#endif

namespace lm {

namespace detail {

struct free_client { void operator()(lm_client *client) const noexcept { lm_client_free(client); } };
struct free_seat { void operator()(lm_seat *seat) const noexcept { lm_seat_free(seat); } };
struct free_buffer { void operator()(lm_buffer *buffer) const noexcept { lm_buffer_free(buffer); } };
struct free_error { void operator()(lm_error *error) const noexcept { lm_error_free(error); } };

/* An empty text is "not said": NULL for C. */
inline const char *or_null(const std::string &text) noexcept
{
    return text.empty() ? nullptr : text.c_str();
}

/* Asks for the length first, then for the text. */
template <typename Call>
std::string text_of(Call call)
{
    std::size_t length = 0;
    if (call(nullptr, std::size_t(0), &length) != LM_ERR_BUFFER)
        return std::string();
    std::string text(length, '\0');
    if (call(&text[0], text.size(), &length) != LM_OK)
        return std::string();
    text.resize(length - 1);
    return text;
}

} // namespace detail

/* What error::or_throw throws. */
class failure : public std::exception {
public:
    failure(lm_result code, std::string message, std::string hint)
        : code_(code), hint_(std::move(hint)), what_(std::move(message))
    {
        what_ += ' ';
        what_ += hint_;
    }
    lm_result code() const noexcept { return code_; }
    const char *hint() const noexcept { return hint_.c_str(); }
    /* What happened and what to do, as sentences. */
    const char *what() const noexcept override { return what_.c_str(); }

private:
    lm_result code_;
    std::string hint_;
    std::string what_;
};

/* How a call ended. True where it failed. Its texts are borrowed from it. Threads: one at a time. */
class LM_NODISCARD error {
public:
    error() noexcept : code_(LM_OK) {}
    explicit error(lm_result code, lm_error *object = nullptr) noexcept : code_(code), object_(object) {}

    explicit operator bool() const noexcept { return code_ != LM_OK; }
    lm_result code() const noexcept { return code_; }
    /* Such as "LM_ERR_NETWORK". */
    const char *name() const noexcept { return lm_result_name(code_); }
    /* A sentence; the name where the call gives none; "" for success. */
    const char *message() const noexcept
    {
        return object_ ? lm_error_message(object_.get()) : code_ == LM_OK ? "" : name();
    }
    const char *hint() const noexcept { return lm_error_hint(object_.get()); }
    const char *detail() const noexcept { return lm_error_detail(object_.get()); }
    std::int64_t retry_at() const noexcept { return lm_error_retry_at(object_.get()); }

#ifdef LM_EXCEPTIONS
    /* Throws a failure where the call failed. */
    void or_throw() const
    {
        if (*this)
            throw failure(code_, message(), hint());
    }
#endif

private:
    lm_result code_;
    std::unique_ptr<lm_error, detail::free_error> object_;
};

/* Where a license stands: the fields of lm_status_info. */
struct status_info : lm_status_info {
    status_info() noexcept : lm_status_info() { struct_size = sizeof(lm_status_info); }
    const char *state_name() const noexcept { return lm_state_name(state); }
    /* Sentences for the person at the machine. */
    std::string text() const
    {
        return detail::text_of([this](char *buf, std::size_t buf_len, std::size_t *out_len) {
            return lm_status_text(this, buf, buf_len, out_len);
        });
    }
};

/* A snapshot: rows that borrow their texts from it. Threads: any number may read it. */
template <typename Object, typename Row, std::size_t (*Len)(const Object *),
          lm_result (*Get)(const Object *, std::size_t, Row *), void (*Free)(Object *)>
class snapshot {
public:
    std::size_t size() const noexcept { return Len(rows_.get()); }
    bool empty() const noexcept { return size() == 0; }
    /* A row; one that isn't there is all zero, its texts NULL. */
    Row operator[](std::size_t index) const noexcept
    {
        Row row = Row();
        row.struct_size = sizeof row;
        Get(rows_.get(), index, &row);
        return row;
    }

    class iterator {
    public:
        iterator(const snapshot &rows, std::size_t index) noexcept : rows_(&rows), index_(index) {}
        Row operator*() const noexcept { return (*rows_)[index_]; }
        iterator &operator++() noexcept
        {
            ++index_;
            return *this;
        }
        bool operator!=(const iterator &other) const noexcept { return index_ != other.index_; }

    private:
        const snapshot *rows_;
        std::size_t index_;
    };
    iterator begin() const noexcept { return iterator(*this, 0); }
    iterator end() const noexcept { return iterator(*this, size()); }

private:
    friend class client;
    struct free_rows { void operator()(Object *rows) const noexcept { Free(rows); } };
    std::unique_ptr<Object, free_rows> rows_;
};

/* The records on this machine. */
using list = snapshot<lm_list, lm_record_info, lm_list_len, lm_list_get, lm_list_free>;
/* What lm_health found. */
using report = snapshot<lm_report, lm_finding, lm_report_len, lm_report_get, lm_report_free>;

/* Seats of a concurrent license that are checked out: in use until it is gone, or checked in. It
 * outlives its client. Threads: one at a time. */
class seat {
public:
    explicit operator bool() const noexcept { return bool(seat_); }
    /* For calls of lm.h that aren't here. Borrowed. */
    lm_seat *get() const noexcept { return seat_.get(); }
    error checkin()
    {
        lm_error *failed = nullptr;
        lm_result code = lm_checkin(get(), &failed);
        if (code == LM_OK)
            seat_.reset();
        return error(code, failed);
    }

private:
    friend class client;
    std::unique_ptr<lm_seat, detail::free_seat> seat_;
};

/* Bytes that the library gives: a file's. Threads: any number may read it. */
class buffer {
public:
    const std::uint8_t *data() const noexcept { return lm_buffer_data(buffer_.get()); }
    std::size_t size() const noexcept { return lm_buffer_len(buffer_.get()); }
    bool empty() const noexcept { return size() == 0; }
    /* A copy. */
    std::string text() const { return std::string(reinterpret_cast<const char *>(data()), size()); }

private:
    friend class client;
    std::unique_ptr<lm_buffer, detail::free_buffer> buffer_;
};

/* How to open a client; the fields of lm_options, each text a copy. Threads: one at a time. */
class options {
public:
    /* Takes a line. */
    typedef std::function<void(std::uint32_t level, const char *message)> log_function;
    /* Carries a request, answers by lm_http_respond and returns as an lm_transport_fn does. */
    typedef std::function<lm_result(const lm_http_request &request, lm_http_response *response)>
        transport_function;

    options(std::string product, std::string trust_root)
        : product_(std::move(product)), trust_root_(std::move(trust_root))
    {
    }
    options &portal_url(std::string url) { return set(portal_url_, std::move(url)); }
    options &storage_dir(std::string dir) { return set(storage_dir_, std::move(dir)); }
    options &host_identity(std::string identity) { return set(host_identity_, std::move(identity)); }
    options &host_label(std::string label) { return set(host_label_, std::move(label)); }
    options &proxy(std::string proxy) { return set(proxy_, std::move(proxy)); }
    options &ca_file(std::string file) { return set(ca_file_, std::move(file)); }
    options &scope(std::uint32_t scope) { return set(scope_, scope); }
    options &timeout_ms(std::uint32_t timeout) { return set(timeout_ms_, timeout); }
    /* The function is called on the threads of the client's calls, until the client is gone. What it
     * throws is dropped. */
    options &log(std::uint32_t level, log_function function)
    {
        log_level_ = level;
        return set(log_, std::move(function));
    }
    /* The same; one that throws counts as LM_ERR_NETWORK. */
    options &transport(transport_function function) { return set(transport_, std::move(function)); }

private:
    friend class client;

    template <typename Field>
    options &set(Field &field, Field value)
    {
        field = std::move(value);
        return *this;
    }

    std::string product_, trust_root_, portal_url_, storage_dir_, host_identity_, host_label_, proxy_,
        ca_file_;
    std::uint32_t scope_ = LM_SCOPE_USER, timeout_ms_ = 0, log_level_ = LM_LOG_NONE;
    log_function log_;
    transport_function transport_;
};

/* One product's licenses on this machine. A client that isn't open answers LM_ERR_INVALID_ARGUMENT.
 * Threads: any number at once, but for open, close and moving. */
class client {
public:
    /* Opens it; one that was open is closed first. */
    error open(const options &how)
    {
        close();
        std::unique_ptr<options::log_function> log;
        std::unique_ptr<options::transport_function> transport;
        lm_options c;
        lm_options_init(&c, sizeof c);
        fill(c, how);
        if (how.log_) {
            log.reset(new options::log_function(how.log_));
            c.log = call_log;
            c.log_user_data = log.get();
            c.log_destroy = destroy<options::log_function>;
        }
        if (how.transport_) {
            transport.reset(new options::transport_function(how.transport_));
            c.transport = call_transport;
            c.transport_user_data = transport.get();
            c.transport_destroy = destroy<options::transport_function>;
        }
        lm_client *opened = nullptr;
        lm_error *failed = nullptr;
        lm_result code = lm_client_open(&c, &opened, &failed);
        if (code == LM_OK) {
            /* The client owns them now, and destroys them. */
            log.release();
            transport.release();
            client_.reset(opened);
        }
        return error(code, failed);
    }
    void close() noexcept { client_.reset(); }
    explicit operator bool() const noexcept { return bool(client_); }
    /* For calls of lm.h that aren't here. Borrowed. */
    lm_client *get() const noexcept { return client_.get(); }

    /* The three headline calls. */
    error activate(const std::string &activation_id, std::uint32_t seats = 1)
    {
        lm_error *failed = nullptr;
        lm_result code = lm_activate(get(), activation_id.c_str(), seats, &failed);
        return error(code, failed);
    }
    /* seats 0: all. ("return" is a word of the language.) */
    error give_back(const std::string &activation_id, std::uint32_t seats = 0)
    {
        lm_error *failed = nullptr;
        lm_result code = lm_return(get(), activation_id.c_str(), seats, &failed);
        return error(code, failed);
    }
    /* Of an activation ID, or NULL: of the best record. */
    error status(status_info &out, const char *activation_id = nullptr) const noexcept
    {
        return error(lm_status(get(), activation_id, &out));
    }

    error feature_status(status_info &out, const char *feature) const noexcept
    {
        return error(lm_feature_status(get(), feature, &out));
    }
    /* -1: none. */
    error feature_limit(std::int64_t &out, const char *feature) const noexcept
    {
        return error(lm_feature_limit(get(), feature, &out));
    }
    std::uint64_t change_count() const noexcept { return lm_change_count(get()); }

    /* Of an activation ID, or NULL: of all. */
    error refresh(const char *activation_id = nullptr)
    {
        lm_error *failed = nullptr;
        lm_result code = lm_refresh(get(), activation_id, &failed);
        return error(code, failed);
    }
    error repair(const char *activation_id)
    {
        lm_error *failed = nullptr;
        lm_result code = lm_repair(get(), activation_id, &failed);
        return error(code, failed);
    }
    /* From another thread: ends the calls under way. */
    error cancel() noexcept { return error(lm_cancel(get())); }
    error remove(const std::string &activation_id)
    {
        lm_error *failed = nullptr;
        lm_result code = lm_remove(get(), activation_id.c_str(), &failed);
        return error(code, failed);
    }
    error resume()
    {
        lm_error *failed = nullptr;
        lm_result code = lm_resume(get(), &failed);
        return error(code, failed);
    }
    /* Offline: one file out, one file in. */
    error request_activation(buffer &out, const std::string &activation_id, std::uint32_t seats = 1)
    {
        lm_buffer *made = nullptr;
        lm_error *failed = nullptr;
        lm_result code = lm_request_activation(get(), activation_id.c_str(), seats, &made, &failed);
        return given(out, made, code, failed);
    }
    /* seats 0: all. */
    error request_return(buffer &out, const std::string &activation_id, std::uint32_t seats = 0)
    {
        lm_buffer *made = nullptr;
        lm_error *failed = nullptr;
        lm_result code = lm_request_return(get(), activation_id.c_str(), seats, &made, &failed);
        return given(out, made, code, failed);
    }
    error request_repair(buffer &out, const std::string &activation_id)
    {
        lm_buffer *made = nullptr;
        lm_error *failed = nullptr;
        lm_result code = lm_request_repair(get(), activation_id.c_str(), &made, &failed);
        return given(out, made, code, failed);
    }
    error apply_response(const std::string &response)
    {
        lm_error *failed = nullptr;
        const std::uint8_t *bytes = reinterpret_cast<const std::uint8_t *>(response.data());
        lm_result code = lm_apply_response(get(), bytes, response.size(), &failed);
        return error(code, failed);
    }
    error records(list &out) const
    {
        lm_list *opened = nullptr;
        lm_error *failed = nullptr;
        lm_result code = lm_list_open(get(), &opened, &failed);
        if (code == LM_OK)
            out.rows_.reset(opened);
        return error(code, failed);
    }
    error health(report &out, bool ask_portal = false) const
    {
        lm_report *made = nullptr;
        lm_error *failed = nullptr;
        lm_result code = lm_health(get(), ask_portal ? 1u : 0u, &made, &failed);
        if (code == LM_OK)
            out.rows_.reset(made);
        return error(code, failed);
    }
    /* All or none. What out had checked out before is checked in once this succeeds. */
    error checkout(seat &out, const std::string &feature, std::uint32_t seats = 1)
    {
        lm_seat *taken = nullptr;
        lm_error *failed = nullptr;
        lm_result code = lm_checkout(get(), feature.c_str(), seats, &taken, &failed);
        if (code == LM_OK)
            out.seat_.reset(taken);
        return error(code, failed);
    }
    /* "" where the client isn't open. */
    std::string host_id() const
    {
        return detail::text_of([this](char *buf, std::size_t buf_len, std::size_t *out_len) {
            return lm_host_id(get(), buf, buf_len, out_len);
        });
    }

private:
    static error given(buffer &out, lm_buffer *made, lm_result code, lm_error *failed)
    {
        if (code == LM_OK)
            out.buffer_.reset(made);
        return error(code, failed);
    }
    static void fill(lm_options &c, const options &from) noexcept
    {
        c.product = from.product_.c_str();
        c.trust_root = from.trust_root_.c_str();
        c.portal_url = detail::or_null(from.portal_url_);
        c.storage_dir = detail::or_null(from.storage_dir_);
        c.host_identity = detail::or_null(from.host_identity_);
        c.host_label = detail::or_null(from.host_label_);
        c.proxy = detail::or_null(from.proxy_);
        c.ca_file = detail::or_null(from.ca_file_);
        c.scope = from.scope_;
        c.timeout_ms = from.timeout_ms_;
        c.log_level = from.log_level_;
    }

    /* Nothing that a function of the host throws may cross the C frames of the library. */
    static void call_log(void *user_data, std::uint32_t level, const char *message)
    {
#ifdef LM_EXCEPTIONS
        try {
#endif
            (*static_cast<options::log_function *>(user_data))(level, message);
#ifdef LM_EXCEPTIONS
        } catch (...) {
        }
#endif
    }
    static lm_result call_transport(void *user_data, const lm_http_request *request,
                                    lm_http_response *response)
    {
#ifdef LM_EXCEPTIONS
        try {
#endif
            return (*static_cast<options::transport_function *>(user_data))(*request, response);
#ifdef LM_EXCEPTIONS
        } catch (...) {
            return LM_ERR_NETWORK;
        }
#endif
    }
    template <typename Function>
    static void destroy(void *user_data)
    {
        delete static_cast<Function *>(user_data);
    }

    std::unique_ptr<lm_client, detail::free_client> client_;
};

} // namespace lm

#endif /* LM_LICENSE_HPP */
