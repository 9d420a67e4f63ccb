// The C++ owner types: they free, move and tell, with and without exceptions.
#include "lm.hpp"

#include "check.h"

#include <stdexcept>
#include <type_traits>

static_assert(std::is_nothrow_move_constructible<lm::client>::value, "a client moves");
static_assert(!std::is_copy_constructible<lm::client>::value, "a client has one owner");
static_assert(!std::is_copy_constructible<lm::error>::value, "an error has one owner");
static_assert(std::is_move_assignable<lm::list>::value, "a list moves");
static_assert(std::is_nothrow_move_constructible<lm::seat>::value, "a seat moves");
static_assert(!std::is_copy_constructible<lm::seat>::value, "a seat has one owner");

static lm::options options_for(const given &all)
{
    lm::options options("terra-studio", all.trust_root);
    options.storage_dir(all.dir).host_identity("a C++ program").timeout_ms(60000);
    return options;
}

static void without_exceptions(const given &all)
{
    lm::client client;
    CHECK(!client && client.host_id().empty());
    CHECK(client.resume().code() == LM_ERR_INVALID_ARGUMENT);
    lm::error error = client.open(lm::options("terra-studio", "lm1:cut"));
    CHECK(error && error.code() == LM_ERR_TRUST_ROOT && *error.message() && *error.hint());
    CHECK(!client);

    error = client.open(options_for(all));
    CHECK(!error && client && *error.message() == '\0');
    lm::client moved = std::move(client);
    CHECK(!client && moved && moved.host_id().compare(0, 2, "H-") == 0);

    lm::status_info status;
    CHECK(!moved.status(status, all.activation_id) && !status.usable);
    CHECK(status.text() == "This machine holds no such license. Activate one.");
    error = moved.feature_status(status, "ortho");
    CHECK(error.code() == LM_ERR_FEATURE && std::string(error.message()) == "LM_ERR_FEATURE");
    CHECK(moved.remove(all.activation_id).code() == LM_ERR_NOT_FOUND);
    CHECK(moved.activate(all.activation_id, 0).code() == LM_ERR_INVALID_ARGUMENT);

    lm::seat seat;
    CHECK(!seat && seat.checkin().code() == LM_ERR_INVALID_ARGUMENT);
    error = moved.checkout(seat, "ortho");
    CHECK(error.code() == LM_ERR_FEATURE && *error.hint() && !seat);
}

// The host's functions live as long as the client, and what they throw goes no further.
static void functions_of_the_host(const given &all)
{
    int lines = 0;
    std::shared_ptr<int> kept = std::make_shared<int>(0);
    lm::client client;
    {
        lm::options options = options_for(all);
        options.portal_url("https://portal.example");
        options.log(LM_LOG_DEBUG, [&lines](std::uint32_t, const char *) { ++lines; throw 1; });
        options.transport([kept](const lm_http_request &, lm_http_response *) -> lm_result {
            if (++*kept == 1)
                throw std::runtime_error("the network stack fell over");
            return LM_ERR_TLS;
        });
        CHECK(!client.open(options));
    }
    CHECK(client.give_back(all.activation_id).code() == LM_ERR_NOT_FOUND);
    CHECK(!client.refresh() && !client.resume());
    CHECK(client.activate(all.activation_id).code() == LM_ERR_NETWORK);
    CHECK(client.activate(all.activation_id).code() == LM_ERR_TLS);
    CHECK(lines > 0 && *kept == 2 && kept.use_count() == 2);

    lm::list records;
    CHECK(!client.records(records));
    lm::report report;
    CHECK(!client.health(report) && !report.empty());
    CHECK(std::string("storage") == report[0].topic && *report[0].text);
    for (const lm_finding &finding : report)
        CHECK(finding.level >= LM_LOG_ERROR && finding.level <= LM_LOG_INFO);
    client.close();
    CHECK(kept.use_count() == 1);

    // A snapshot outlives its client.
    std::size_t rows = 0;
    for (const lm_record_info &row : records) {
        CHECK(std::string(row.activation_id) == all.activation_id);
        CHECK(row.state == LM_STATE_PENDING_ACTIVATION && *row.fulfillment_id == '\0');
        ++rows;
    }
    CHECK(rows == 1 && records.size() == 1 && records[1].activation_id == nullptr);
}

// A request is a buffer of its own; a response that is none says so.
static void files(const given &all)
{
    lm::client client;
    lm::buffer request, again;
    CHECK(client.request_activation(request, all.activation_id).code() == LM_ERR_INVALID_ARGUMENT);
    CHECK(request.empty() && request.size() == 0 && *request.data() == 0);
    CHECK(!client.open(options_for(all)));
    CHECK(!client.request_activation(request, all.activation_id));
    CHECK(!client.request_activation(again, all.activation_id));
    CHECK(request.text() == again.text() && request.text().find("BEGIN LM LICENSE REQUEST") != std::string::npos);
    lm::buffer moved = std::move(request);
    CHECK(request.empty() && !moved.empty());
    CHECK(client.request_repair(again, all.activation_id).code() == LM_ERR_NOT_ALLOWED);
    CHECK(client.apply_response(moved.text()).code() == LM_ERR_MISMATCH);
    CHECK(client.apply_response("").code() == LM_ERR_MALFORMED);
    CHECK(!client.request_return(again, all.activation_id) && again.text() != moved.text());
    client.close();
    CHECK(!again.empty());
}

static void with_exceptions(const given &all)
{
    lm::client client;
    client.open(options_for(all)).or_throw();
    try {
        client.activate("not an ID").or_throw();
        CHECK(!"it throws");
    } catch (const lm::failure &failure) {
        CHECK(failure.code() == LM_ERR_ID_MALFORMED && *failure.hint());
        CHECK(std::string(failure.what()).find(failure.hint()) != std::string::npos);
    }
}

int main(int argc, char **argv)
{
    const given all = take(argc, argv);
    without_exceptions(all);
    with_exceptions(all);
    functions_of_the_host(all);
    files(all);
    return 0;
}
