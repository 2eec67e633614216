#include "control/connector/plugin.h"

#include <iostream>
#include <utility>

#include "control/connector/call.h"

namespace weft::connector {
namespace {

std::string line(const Json& json) {
  // Whatever octets a sentence repeats: what is no UTF-8 is replaced.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

/// The version for an error object: the caller's when it is one of ours.
std::string_view version_for_errors(const Json& config) {
  const Json* text = find_key(config, "cniVersion");
  if (text == nullptr) return format(config.is_object() ? SpecVersion::v0_1_0 : kNewest);
  if (!text->is_string()) return format(kNewest);
  return format(parse_version(text->get_ref<const std::string&>()).value_or(kNewest));
}

Printed failed(const Problem& problem, std::string_view version) {
  return {1, line(to_json(problem, version))};
}

/// Any version that we are asked with is answered; what else stdin holds does not matter.
Printed print_versions(const std::string& input) {
  const Json config = Json::parse(input, nullptr, false);
  const bool has_version = config.is_object() && find_key(config, "cniVersion") != nullptr;
  Json json{{"cniVersion", has_version ? version_for_errors(config) : format(kNewest)}};
  for (const SpecVersion version : kVersions) json["supportedVersions"].push_back(format(version));
  return {0, line(json)};
}

Done check_known(const Environment& environment, Command command, SpecVersion version) {
  const bool is_known =
      command == Command::check
          ? has_check(version)
          : (command != Command::status && command != Command::gc) || has_status(version);
  if (is_known) return Ok{};
  return Problem{
      ProblemCode::incompatible_version,
      environment.command + " is not in version " + std::string{format(version)} + " of CNI"};
}

Outcome<std::string> carry_out(Call& call, Command command) {
  Done done = Ok{};
  switch (command) {
    case Command::add: {
      Outcome<Json> result = run_add(call);
      if (!result) return result.error();
      return line(result.value());
    }
    case Command::del:
      run_del(call);
      break;
    case Command::check:
      done = run_check(call);
      break;
    case Command::status:
      done = run_status(call);
      break;
    case Command::gc:
      done = run_gc(call);
      break;
    case Command::version:
      break;
  }
  if (!done) return done.error();
  return std::string{};
}

}  // namespace

Printed run_plugin(const Environment& environment, const std::string& input, std::uint64_t start) {
  const Outcome<Command> command = checked_command(environment);
  if (command && command.value() == Command::version) return print_versions(input);
  Outcome<Json> config = parse_config(input);
  const std::string_view version = version_for_errors(config ? config.value() : Json{});
  if (!command) return failed(command.error(), version);
  if (!config) return failed(config.error(), version);
  const Outcome<Basics> basics = read_basics(config.value());
  if (!basics) return failed(basics.error(), version);
  const Done known = check_known(environment, command.value(), basics->version);
  if (!known) return failed(known.error(), version);
  Call call{environment, input, std::move(config.value()), basics.value(), start};
  const Outcome<std::string> output = carry_out(call, command.value());
  if (!output) return failed(output.error(), version);
  return {0, output.value()};
}

std::string about(const std::string& version) {
  std::string text = "weft-cni " + version + ": attaches containers to Weft. CNI versions:";
  for (const SpecVersion each : kVersions) text += " " + std::string{format(each)};
  return text + '\n';
}

void note(const std::string& sentence) {
  std::cerr << "weft-cni: " << sentence << '\n';
}

}  // namespace weft::connector
