// history and rollback: earlier generations, as the state folder has them.

#include <array>
#include <cstdint>
#include <string>

#include "control/methods.h"
#include "control/utc.h"

namespace weft::control {
namespace {

constexpr std::uint32_t kMostListed = 1000;

Failure no_state(const char* method) {
  return refused(
      ErrorCode::not_found,
      std::string{method} + ": weftd runs without --state and keeps no history"
  );
}

Outcome<Json> history(const Call& call) {
  Fields fields{call.params, "history"};
  const auto limit = fields.number<std::uint32_t>("limit", 20, 1, kMostListed);
  if (auto failure = fields.finish()) return *failure;
  if (call.journal == nullptr) return no_state("history");
  const auto kept = call.journal->store().history(limit);
  if (!kept) return refused(ErrorCode::system_refused, kept.error().message);
  Json list = Json::array();
  for (const StoredGeneration& generation : *kept) {
    list.push_back(
        {{"generation", generation.number},
         {"at", utc_second(generation.at_ms) + "Z"},
         {"who", generation.who},
         {"what", generation.what}}
    );
  }
  return Json{{"generations", std::move(list)}};
}

Outcome<Json> rollback(const Call& call) {
  Fields fields{call.params, "rollback"};
  if (fields.is_ok() && !fields.has("generation")) fields.refuse("generation", "is required");
  const auto number = fields.number<std::uint64_t>("generation", 1, 1, INT64_MAX);
  if (auto failure = fields.finish()) return *failure;
  if (call.journal == nullptr) return no_state("rollback");
  Store& store = call.journal->store();
  const auto is_kept = store.is_kept(number);
  if (!is_kept) return refused(ErrorCode::system_refused, is_kept.error().message);
  if (!*is_kept) {
    return refused(
        ErrorCode::not_found,
        "rollback.generation: " + std::to_string(number) +
            " is not kept (history lists those that are)",
        "generation"
    );
  }
  const auto document = store.document(number);
  if (!document) return refused(ErrorCode::system_refused, document.error().message);
  return apply_document(call, *document, Scope{});
}

constexpr std::array kMethods{
    Method{"history", history},
    Method{"rollback", rollback, Effect::replaces},
};

}  // namespace

std::span<const Method> state_methods() noexcept {
  return kMethods;
}

}  // namespace weft::control
