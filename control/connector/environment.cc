#include "control/connector/environment.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

#include "control/connector/json_read.h"

namespace weft::connector {
namespace {

struct Operation {
  std::string_view name;
  Command command;
  bool has_attachment;  // CNI_CONTAINERID and CNI_IFNAME
  bool needs_netns;
  bool needs_path;
};
// CNI 1.1.0, "CNI operations". The table has CNI_PATH as optional but for GC.
constexpr std::array kOperations{
    Operation{"ADD", Command::add, true, true, false},
    Operation{"DEL", Command::del, true, false, false},
    Operation{"CHECK", Command::check, true, true, false},
    Operation{"STATUS", Command::status, false, false, false},
    Operation{"GC", Command::gc, false, false, true},
    Operation{"VERSION", Command::version, false, false, false},
};

// What IFNAMSIZ leaves for a name.
constexpr std::size_t kMaxInterfaceName = 15;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string{} : std::string{value};
}

bool is_alphanumeric(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_interface_name(std::string_view text) noexcept {
  if (text.empty() || text.size() > kMaxInterfaceName || text == "." || text == "..") return false;
  return std::ranges::all_of(text, [](char c) {
    return c > ' ' && c < 0x7F && c != '/' && c != ':' && c != '%';
  });
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

}  // namespace

Environment read_environment() {
  const std::string override_text = variable("CNI_NETNS_OVERRIDE");
  return Environment{
      variable("CNI_COMMAND"),
      variable("CNI_CONTAINERID"),
      variable("CNI_NETNS"),
      variable("CNI_IFNAME"),
      variable("CNI_ARGS"),
      variable("CNI_PATH"),
      override_text == "1" || override_text == "true",
  };
}

bool is_identifier(std::string_view text) noexcept {
  return !text.empty() && is_alphanumeric(text.front()) && std::ranges::all_of(text, [](char c) {
    return is_alphanumeric(c) || c == '_' || c == '.' || c == '-';
  });
}

Outcome<Command> checked_command(const Environment& environment) {
  const auto* const operation =
      std::ranges::find(kOperations, environment.command, &Operation::name);
  if (operation == kOperations.end()) {
    return Problem{
        ProblemCode::bad_environment,
        "CNI_COMMAND: " + in_quotes(environment.command) +
            " is none of ADD, DEL, CHECK, STATUS, GC, VERSION"};
  }
  std::vector<std::string> missing;
  std::vector<std::string> wrong;
  if (operation->has_attachment) {
    if (environment.container.empty()) {
      missing.emplace_back("CNI_CONTAINERID");
    } else if (!is_identifier(environment.container)) {
      wrong.push_back("CNI_CONTAINERID " + in_quotes(environment.container));
    }
    if (environment.ifname.empty()) {
      missing.emplace_back("CNI_IFNAME");
    } else if (!is_interface_name(environment.ifname)) {
      wrong.push_back("CNI_IFNAME " + in_quotes(environment.ifname));
    }
  }
  if (operation->needs_netns && environment.netns.empty()) missing.emplace_back("CNI_NETNS");
  if (operation->needs_path && environment.path.empty()) missing.emplace_back("CNI_PATH");
  std::string message;
  if (!missing.empty()) message = "missing from the environment: " + joined(missing);
  if (!wrong.empty())
    message += (message.empty() ? "not valid: " : "; not valid: ") + joined(wrong);
  if (!message.empty()) {
    return Problem{ProblemCode::bad_environment, std::string{operation->name} + ": " + message};
  }
  return operation->command;
}

Outcome<Args> parse_args(std::string_view text) {
  Args args;
  while (!text.empty()) {
    const std::size_t end = text.find(';');
    const std::string_view pair = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    if (equals == 0 || equals == std::string_view::npos) {
      return Problem{
          ProblemCode::bad_environment, "CNI_ARGS: " + in_quotes(pair) + " is not KEY=VALUE"};
    }
    args.insert_or_assign(std::string{pair.substr(0, equals)}, pair.substr(equals + 1));
  }
  return args;
}

}  // namespace weft::connector
