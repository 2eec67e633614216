// Dispatcher: a request line in, an answer line out.
//
// Finds the handler of a method, turns its JSON parameters into typed ones (params.h), calls the
// Controller and turns what it says into JSON. The methods are tables (methods.h). A batch is one transaction: its requests
// are carried out in order, each seeing what those before it did, and all of them are in force together or none.
//
//   Dispatcher dispatcher{controller, About{.weft = "0.1.0", .dpdk = "22.11.11", .pid = 4711}};
//   Server::open({.path = "/run/weft/weft.sock"},
//                [&](std::string_view line) { return dispatcher.answer(line, Clock::now()); });
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "control/controller.h"
#include "control/failure.h"
#include "control/fields.h"
#include "control/peer.h"
#include "control/protocol.h"
#include "control/request_log.h"
#include "control/state_journal.h"

namespace weft::control {

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

  /// `controller` outlives the dispatcher.
  Dispatcher(Controller& controller, About about);

  /// From now on what is answered is durable. `journal` outlives the dispatcher.
  void keep_in(StateJournal* journal);
  /// Answers of requests with an id that an earlier process gave.
  void remember(const std::vector<StoredRequest>& requests);

  /// Carries out one line. With a journal, requests that change the document are one transaction until settle(): one
  /// commit, one publication.
  [[nodiscard]] Answer submit(std::string_view line, TimePoint now, const Peer& peer);
  /// Makes what was submitted durable, puts it in force, and completes its answers. If that is refused none of it is.
  void settle();

  /// Both at once.
  [[nodiscard]] std::string answer(std::string_view line, TimePoint now, const Peer& peer = {});

  /// The result of one method: what `answer` wraps.
  [[nodiscard]] Outcome<Json> call(
      std::string_view method, const Json& params, TimePoint now, const Peer& peer = {}
  );

  /// `apply` of the whole document (document.h).
  [[nodiscard]] Outcome<Ok> apply_document(const Json& document, TimePoint now);

  [[nodiscard]] static std::vector<std::string_view> methods();

 private:
  /// A request with an id of its own: `request_id`.
  struct RequestName {
    std::string owner;
    std::string id;
    std::string fingerprint;
  };
  /// A request that was carried out, and is not in force yet.
  struct Done {
    Json result;
    std::optional<RequestName> name;
    bool is_repeated{};  // the result is an earlier one
  };
  struct Waiting {
    Done done;
    std::string method;
    Peer peer;
    Json id;
    bool is_notification{};
    std::shared_ptr<std::string> answer;
  };

  [[nodiscard]] Answer join(const Request& request, TimePoint now, const Peer& peer);
  [[nodiscard]] Outcome<Ok> commit(
      const std::vector<Done*>& done, const std::string& who, const std::string& what
  );
  [[nodiscard]] std::string answer_batch(const Requests& batch, TimePoint now, const Peer& peer);
  [[nodiscard]] Outcome<std::vector<Done>> carry_out(
      const Requests& batch, TimePoint now, const Peer& peer
  );
  [[nodiscard]] Outcome<Done> carry_out(
      std::string_view method, const Json& params, TimePoint now, const Peer& peer
  );
  [[nodiscard]] Outcome<RequestName> name_of(
      std::string_view method, const Json& params, const Peer& peer
  ) const;
  [[nodiscard]] Outcome<std::optional<Json>> earlier_result(const RequestName& name) const;

  Controller& controller_;
  About about_;
  StateJournal* journal_{};
  RequestLog log_;
  std::vector<Waiting> waiting_;  // for settle(), in the order in which they came
};

}  // namespace weft::control
