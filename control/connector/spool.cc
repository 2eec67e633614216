#include "control/connector/spool.h"

#include <filesystem>
#include <string_view>
#include <utility>

#include <unistd.h>

#include "control/connector/durable_file.h"

namespace weft::connector {
namespace {

constexpr std::string_view kSuffix = ".json";
constexpr std::uint64_t kMostAttempts = 0xFFFFFFFF;

}  // namespace

Json to_json(const Departure& departure) {
  Json json{
      {"container", departure.attachment.container},
      {"ifname", departure.attachment.ifname},
      {"socket", departure.socket},
      {"attempts", departure.attempts},
  };
  if (!departure.ipam) return json;
  json["ipam"] = {
      {"type", departure.ipam->type},
      {"netns", departure.ipam->environment.netns},
      {"args", departure.ipam->environment.args},
      {"path", departure.ipam->environment.path},
      {"config", departure.ipam->config},
  };
  return json;
}

std::optional<Departure> parse_departure(const Json& json) {
  Reader reader{&json, "spool"};
  Departure departure;
  departure.attachment.container = reader.text("container").value_or("");
  departure.attachment.ifname = reader.text("ifname").value_or("");
  departure.socket = reader.text("socket").value_or("");
  departure.attempts =
      static_cast<unsigned>(reader.number("attempts", 0, kMostAttempts).value_or(0));
  if (const Json* object = reader.object("ipam")) {
    Reader inner{object, "spool.ipam"};
    IpamCall call;
    call.type = inner.text("type").value_or("");
    call.environment.container = departure.attachment.container;
    call.environment.ifname = departure.attachment.ifname;
    call.environment.netns = inner.text("netns").value_or("");
    call.environment.args = inner.text("args").value_or("");
    call.environment.path = inner.text("path").value_or("");
    call.config = inner.text("config").value_or("");
    reader.adopt(inner);
    departure.ipam = std::move(call);
  }
  if (reader.problem() || departure.attachment.container.empty()) return std::nullopt;
  return departure;
}

Done Spool::put(const Departure& departure) const {
  if (Done made = make_folder(folder_); !made) return made;
  return write_durably(path_of(departure.attachment), to_json(departure).dump());
}

std::optional<Departure> Spool::find(const Attachment& attachment) const {
  const auto text = read_file(path_of(attachment));
  if (!text) return std::nullopt;
  auto departure = parse_departure(Json::parse(*text, nullptr, false));
  if (!departure || departure->attachment != attachment) {
    remove(attachment);
    return std::nullopt;
  }
  return departure;
}

std::vector<Attachment> Spool::list(std::size_t limit) const {
  namespace fs = std::filesystem;
  std::vector<Attachment> found;
  std::error_code error;
  for (fs::directory_iterator at{folder_, error}, end; !error && at != end; at.increment(error)) {
    if (found.size() == limit) break;
    std::string name = at->path().filename().string();
    const std::size_t colon = name.find(':');
    if (!name.ends_with(kSuffix) || colon == std::string::npos) continue;
    name.resize(name.size() - kSuffix.size());
    found.push_back({name.substr(0, colon), name.substr(colon + 1)});
  }
  return found;
}

void Spool::remove(const Attachment& attachment) const {
  ::unlink(path_of(attachment).c_str());
}

std::string Spool::path_of(const Attachment& attachment) const {
  return folder_ + "/" + attachment.file_name() + std::string{kSuffix};
}

}  // namespace weft::connector
