// Dispatcher: a request line in, an answer line out.
//
// Finds the handler of a method, judges whether its peer may ask for it (access/permission.h), turns its JSON parameters
// into typed ones (params.h), calls the Controller and turns what it says into JSON. The methods are tables (methods.h). A
// batch is one transaction: its requests are carried out in order, each seeing what those before it did, and all of them
// are in force together or none.
//
//   Dispatcher dispatcher{controller, About{.weft = "0.1.0", .dpdk = "22.11.11", .pid = 4711}};
//   Server::open({.path = "/run/weft/weft.sock"}, [&](std::string_view line, const Peer& peer, TimePoint arrived) {
//     return dispatcher.submit(line, arrived, peer);
//   });
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "control/access/audit.h"
#include "control/access/permission.h"
#include "control/controller.h"
#include "control/failure.h"
#include "control/fields.h"
#include "control/peer.h"
#include "control/protocol.h"
#include "control/request_log.h"
#include "control/state_journal.h"

namespace weft::control {

struct Method;

/// What `version` says.
struct About {
  std::string weft;
  std::string dpdk;
  int pid{};
};

/// What is answered to a line (both without newline): known at once, or when settle() has been called. Empty for
/// notifications, which have no answer (JSON-RPC 2.0 s4.1).
using Answer = std::shared_ptr<const std::string>;

class Dispatcher {
 public:
  using Json = control::Json;
  using Clock = std::function<TimePoint()>;

  /// `controller` outlives the dispatcher. `clock`: what deadlines are measured with.
  Dispatcher(Controller& controller, About about, Clock clock = std::chrono::steady_clock::now);
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;
  ~Dispatcher();

  /// From now on what is answered is durable. `journal` outlives the dispatcher.
  void keep_in(StateJournal* journal);
  /// From now on those who watch are told.
  void push_with(Watchers::Push push) { watchers_.push_with(std::move(push)); }
  /// From now on the audit is written there, too.
  void audit_to(Audit audit) { audit_ = std::move(audit); }
  /// Answers of requests with an id that an earlier process gave.
  void remember(const std::vector<StoredRequest>& requests);

  /// Carries out one line, which arrived at `now`. With a journal, an operator's requests that change the document are one
  /// transaction until settle(): one commit, one publication.
  [[nodiscard]] Answer submit(std::string_view line, TimePoint now, const Peer& peer);
  /// Makes what was submitted durable, puts it in force, and completes its answers. If that is refused, each of them is
  /// carried out once more by itself.
  void settle();

  /// Both at once.
  [[nodiscard]] std::string answer(std::string_view line, TimePoint now, const Peer& peer = {});

  /// The result of one method: what `answer` wraps.
  [[nodiscard]] Outcome<Json> call(
      std::string_view method, const Json& params, TimePoint now, const Peer& peer = {}
  );
  /// The daemon's own requests, as one change.
  [[nodiscard]] Outcome<Ok> carry_out(const std::vector<Request>& requests, TimePoint now);
  /// `apply` of the whole document (document.h).
  [[nodiscard]] Outcome<Ok> apply_document(const Json& document, TimePoint now);

  [[nodiscard]] static std::vector<std::string_view> methods();

 private:
  /// A request with an id of its own: `request_id`.
  struct RequestName {
    std::string owner;
    std::string id;
    std::string fingerprint;
    friend bool operator==(const RequestName&, const RequestName&) = default;
  };
  /// A request, judged: it exists and its peer may ask for it.
  struct Admitted {
    const Method* method{};
    const Guard* guard{};
    Grant grant;
    Json params;  // without what every method has
    std::optional<RequestName> name;
    std::optional<TimePoint> deadline;
    std::optional<Json> earlier;  // what the same request was answered before
  };
  /// A request that was carried out, and is not in force yet.
  struct Done {
    Json result;
    std::optional<RequestName> name;
    bool is_repeated{};  // the result is an earlier one
  };
  struct Waiting {
    Done done;
    Request request;
    Peer peer;
    TimePoint arrived;
    std::shared_ptr<std::string> answer;
  };

  [[nodiscard]] Outcome<Admitted> admit(
      std::string_view method, const Json& params, TimePoint now, const Peer& peer
  ) const;
  [[nodiscard]] std::optional<Failure> read_options(
      Admitted& admitted, const Json& params, TimePoint now, const Peer& peer
  ) const;
  [[nodiscard]] Outcome<std::optional<Json>> earlier_result(const RequestName& name) const;
  [[nodiscard]] Outcome<Done> run(const Admitted& admitted, TimePoint now, const Peer& peer);
  [[nodiscard]] Outcome<Json> run_alone(const Admitted& admitted, TimePoint now, const Peer& peer);
  [[nodiscard]] std::optional<Failure> check_deadline(const std::optional<TimePoint>& deadline
  ) const;

  [[nodiscard]] Answer join(
      const Request& request, const Admitted& admitted, TimePoint now, const Peer& peer
  );
  [[nodiscard]] Outcome<Ok> commit(
      const std::vector<Done*>& done, const std::string& who, const std::string& what
  );
  [[nodiscard]] std::string answer_batch(const Requests& batch, TimePoint now, const Peer& peer);
  [[nodiscard]] Outcome<std::vector<Done>> carry_out_batch(
      const Requests& batch, TimePoint now, const Peer& peer
  );
  void audit(std::string_view method, const Json& params, const Peer& peer, const Failure* refusal);

  Controller& controller_;
  About about_;
  Clock clock_;
  Audit audit_;
  Watchers watchers_;
  StateJournal* journal_{};
  RequestLog log_;
  std::vector<Waiting> waiting_;  // for settle(), in the order in which they came
};

}  // namespace weft::control
