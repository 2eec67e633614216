#include "control/access/audit.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>

#include <spdlog/sinks/rotating_file_sink.h>

#include "control/utc.h"

namespace weft::control {
namespace {

/// What a request is about: the parameters that name something. Never the rest, which may be long.
Json object_of(const Json& params) {
  constexpr std::array kNaming{
      "tenant",
      "segment",
      "container",
      "ifname",
      "endpoint",
      "port",
      "vtep",
      "class",
      "name",
      "generation",
      "request_id"};
  constexpr std::size_t kMaxText = 128;
  Json object = Json::object();
  if (!params.is_object()) return object;
  for (const char* key : kNaming) {
    const auto field = params.find(key);
    if (field == params.end()) continue;
    if (field->is_string()) {
      object[key] = field->get_ref<const std::string&>().substr(0, kMaxText);
    } else if (field->is_number_integer()) {
      object[key] = *field;
    }
  }
  return object;
}

/// To the millisecond.
std::string now() {
  using std::chrono::milliseconds;
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  const std::int64_t at_ms = std::chrono::duration_cast<milliseconds>(since_1970).count();
  return fmt::format("{}.{:03}Z", utc_second(at_ms), at_ms % 1000);
}

}  // namespace

Result<Audit> Audit::open(const std::string& folder) {
  const std::string path = (std::filesystem::path{folder} / "audit.jsonl").string();
  try {
    auto sink = std::make_shared<spdlog::sinks::rotating_file_sink_st>(path, kMaxFile, kMaxFiles);
    Audit audit;
    audit.file_ = std::make_shared<spdlog::logger>("audit", std::move(sink));
    audit.file_->set_pattern("%v");
    audit.file_->flush_on(spdlog::level::info);
    return audit;
  } catch (const spdlog::spdlog_ex& error) {
    return Error{"audit " + path + ": " + error.what()};
  }
}

void Audit::write(const Audited& audited) {
  Json line{
      {"at", now()},
      {"uid", audited.peer.uid},
      {"pid", audited.peer.pid},
      {"role", audited.role},
      {"method", audited.method},
      {"object", object_of(audited.params)},
      {"result", audited.refused == nullptr ? "accepted" : "refused"}};
  if (audited.refused == nullptr) {
    line["generation"] = audited.generation;
  } else {
    line["code"] = static_cast<int>(audited.refused->code);
    line["message"] = audited.refused->message;
  }
  if (file_ != nullptr) {
    file_->info("{}", line.dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  kept_.push_back(std::move(line));
  if (kept_.size() > kKept) kept_.pop_front();
}

Json Audit::last(std::size_t limit) const {
  Json list = Json::array();
  const std::size_t count = std::min(limit, kept_.size());
  for (std::size_t i = 0; i < count; ++i) list.push_back(kept_[kept_.size() - 1 - i]);
  return list;
}

}  // namespace weft::control
