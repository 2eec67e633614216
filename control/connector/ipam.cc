#include "control/connector/ipam.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include <unistd.h>

#include "control/connector/process.h"

namespace weft::connector {
namespace {

std::optional<std::string> find_plugin(std::string_view type, std::string_view path) {
  while (!path.empty()) {
    const std::size_t end = path.find(':');
    std::string file{path.substr(0, end)};
    file.append("/").append(type);
    if (::access(file.c_str(), X_OK) == 0) return file;
    path = end == std::string_view::npos ? std::string_view{} : path.substr(end + 1);
  }
  return std::nullopt;
}

/// Ours, with the six variables of the call in place of our own.
std::vector<std::string> environment_of(const Environment& call, const char* command) {
  const std::array<std::pair<std::string_view, std::string_view>, 6> own{{
      {"CNI_COMMAND", command},
      {"CNI_CONTAINERID", call.container},
      {"CNI_NETNS", call.netns},
      {"CNI_IFNAME", call.ifname},
      {"CNI_ARGS", call.args},
      {"CNI_PATH", call.path},
  }};
  std::vector<std::string> pairs;
  for (char** pair = environ; *pair != nullptr; ++pair) {
    const std::string_view text{*pair};
    const std::string_view name = text.substr(0, text.find('='));
    const bool is_own = std::any_of(own.begin(), own.end(), [name](const auto& variable) {
      return variable.first == name;
    });
    if (!is_own) pairs.emplace_back(text);
  }
  for (const auto& [name, value] : own) {
    if (!value.empty()) pairs.push_back(std::string{name} + "=" + std::string{value});
  }
  return pairs;
}

/// What the plugin says is wrong, in its own words and with its own code.
Problem problem_of(const std::string& type, const Ended& ended) {
  const Json json = Json::parse(ended.output, nullptr, false);
  Reader reader{&json, "ipam"};
  const auto code = reader.number("code", 1, 0x7FFFFFFF);
  const auto message = reader.text("msg");
  if (json.is_object() && code && message) {
    return {
        static_cast<ProblemCode>(*code),
        "ipam " + type + ": " + *message,
        reader.text("details").value_or("")};
  }
  return {
      ProblemCode::ipam_failed,
      "ipam " + type + ": ended with status " + std::to_string(ended.status) + " and said nothing"};
}

Outcome<std::string> run_once(
    const IpamCall& call, const char* command, const std::string& config, const Deadline& deadline
) {
  if (call.environment.path.empty()) {
    return Problem{
        ProblemCode::bad_environment,
        std::string{command} + ": missing from the environment: CNI_PATH, for ipam " + call.type};
  }
  const auto file = find_plugin(call.type, call.environment.path);
  if (!file) {
    return Problem{
        ProblemCode::ipam_failed,
        "ipam.type: there is no plugin " + in_quotes(call.type) + " in " + call.environment.path};
  }
  const Program program{*file, environment_of(call.environment, command), config};
  Outcome<Ended> ended = run_program(program, deadline);
  if (!ended) return ended.error();
  if (ended->status != 0) return problem_of(call.type, ended.value());
  return std::move(ended->output);
}

Outcome<std::string> run(const IpamCall& call, const char* command, const Deadline& deadline) {
  Outcome<std::string> answer = run_once(call, command, call.config, deadline);
  if (answer || answer.error().code != ProblemCode::incompatible_version) return answer;
  Json older = Json::parse(call.config, nullptr, false);
  if (!older.is_object() || older.value("cniVersion", "") != format(SpecVersion::v1_1_0)) {
    return answer;
  }
  older["cniVersion"] = format(SpecVersion::v1_0_0);
  return run_once(call, command, older.dump(), deadline);
}

Done run_silent(const IpamCall& call, const char* command, const Deadline& deadline) {
  const Outcome<std::string> answer = run(call, command, deadline);
  if (!answer) return answer.error();
  return Ok{};
}

/// A command that older plugins have not: they say that the version or the command is not theirs, or
/// miss a container first.
Done run_if_known(const IpamCall& call, const char* command, const Deadline& deadline) {
  const Outcome<std::string> answer = run_once(call, command, call.config, deadline);
  if (answer) return Ok{};
  const ProblemCode code = answer.error().code;
  const bool is_not_known = code == ProblemCode::incompatible_version ||
                            code == ProblemCode::unknown_container ||
                            code == ProblemCode::bad_environment;
  if (is_not_known) return Ok{};
  return answer.error();
}

}  // namespace

Outcome<Made> ipam_add(const IpamCall& call, const Deadline& deadline) {
  Outcome<std::string> answer = run(call, "ADD", deadline);
  if (!answer) return answer.error();
  const Json json = Json::parse(answer.value(), nullptr, false);
  Outcome<Made> made = parse_result(json);
  if (!made) {
    return Problem{ProblemCode::ipam_failed, "ipam " + call.type + ": " + made.error().message};
  }
  return made;
}

Done ipam_del(const IpamCall& call, const Deadline& deadline) {
  return run_silent(call, "DEL", deadline);
}

Done ipam_check(const IpamCall& call, const Deadline& deadline) {
  return run_silent(call, "CHECK", deadline);
}

Done ipam_status(const IpamCall& call, const Deadline& deadline) {
  return run_if_known(call, "STATUS", deadline);
}

Done ipam_gc(const IpamCall& call, const Deadline& deadline) {
  return run_if_known(call, "GC", deadline);
}

}  // namespace weft::connector
