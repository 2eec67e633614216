#include "control/cli/session.h"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <utility>

#include "control/cli/flow_syntax.h"
#include "control/cli/state_files.h"

namespace weft::cli {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxLoadDepth = 8;  // a file that loads itself ends here

/// Whether JSON can carry the text.
bool is_utf8(const std::string& text) {
  try {
    static_cast<void>(Json(text).dump());
  } catch (const Json::type_error&) {
    return false;
  }
  return true;
}

bool is_number(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// Leaves in the command's list only what the user named; false when there is no such object.
bool select(const Command& command, const Json& name, Json& answer) {
  const std::string wanted = text_of(name);
  Json selected = Json::array();
  for (const Json& object : list_at(answer, command.list)) {
    const bool is_wanted =
        text_at(object, command.key) == wanted ||
        (!command.other_key.empty() && text_at(object, command.other_key) == wanted);
    if (is_wanted) selected.push_back(object);
  }
  if (selected.empty()) return false;
  answer[std::string{command.list}] = std::move(selected);
  return true;
}

/// "segments" as "segment".
std::string_view singular(std::string_view list) {
  if (list.ends_with('s')) list.remove_suffix(1);
  return list;
}

/// "-" is standard input; nullopt: the file can not be read.
std::optional<std::string> text_of_file(const std::string& path) {
  std::ifstream file;
  if (path != "-") {
    file.open(path);
    if (!file) return std::nullopt;
  }
  std::istream& text = path == "-" ? std::cin : file;
  return std::string{std::istreambuf_iterator<char>{text}, {}};
}

}  // namespace

Exit Session::run_line(std::string_view text) {
  auto split = split_line(text);
  if (const auto* complaint = std::get_if<Complaint>(&split)) return complain(*complaint);
  return run(std::get<Line>(split));
}

Exit Session::run_words(const std::vector<std::string>& words) {
  return run(join_words(words));
}

Exit Session::run_stream(std::istream& lines, const std::string& name) {
  std::string text;
  for (std::size_t number = 1; !has_quit_ && std::getline(lines, text); ++number) {
    const Exit exit = run_line(text);
    if (exit == Exit::ok) continue;
    err_ << "weft: stopped at " << name << ":" << number << "\n";
    return exit;
  }
  return Exit::ok;
}

Exit Session::run_file(const std::string& path) {
  std::ifstream file{path};
  // A directory opens but does not read.
  if (!file || (file.peek() == std::ifstream::traits_type::eof() && file.bad())) {
    return say(Exit::usage, path + ": cannot read this file");
  }
  if (load_depth_ == kMaxLoadDepth) {
    return say(Exit::usage, path + ": files load each other more than 8 deep");
  }
  ++load_depth_;
  const Exit exit = run_stream(file, path);
  --load_depth_;
  return exit;
}

Exit Session::run(const Line& line) {
  if (line.words.empty()) return Exit::ok;
  if (!is_utf8(line.text)) return say(Exit::usage, "the command is not UTF-8");
  auto read = grammar_.read(line);
  if (const auto* complaint = std::get_if<Complaint>(&read)) return complain(*complaint);
  return act(std::get<Matched>(read), line);
}

Exit Session::run_flow(const Line& line) {
  const auto read = read_flow(line);
  if (const auto* complaint = std::get_if<Complaint>(&read)) return complain(*complaint);
  const auto& request = std::get<FlowRequest>(read);
  const Answer answer = client_.call(request.method, request.params);
  const auto* result = std::get_if<Json>(&answer);
  if (result == nullptr) return report(answer);
  const View view{options_.width, false};
  const bool is_question = request.method == "rule.list" || request.method == "rule.query";
  const bool is_json = request.is_json || (options_.is_json && is_question);
  out_ << (is_json ? render_json(*result, view) : request.render(*result, view)) << std::flush;
  return Exit::ok;
}

Exit Session::act(const Matched& matched, const Line& line) {
  switch (matched.command->act) {
    case Act::call:
      return call(matched);
    case Act::call_on_uplink:
      return call_on_uplink(matched);
    case Act::call_method:
      return call_method(matched, line);
    case Act::set_verbose:
      return set_verbose(matched);
    case Act::apply_policy:
      return apply_policy(matched);
    case Act::send_document:
      return send_document(matched);
    case Act::watch:
      return watch(matched);
    case Act::state:
      return use_state(matched, line);
    case Act::flow:
      return run_flow(line);
    case Act::load:
      return run_file(text_at(matched.local, "file"));
    case Act::help:
      return show_help(matched);
    case Act::quit:
      has_quit_ = true;
      return Exit::ok;
  }
  return Exit::usage;
}

Exit Session::call(const Matched& matched) {
  Json params = matched.params;
  if (!matched.command->fixed.empty()) params.update(Json::parse(matched.command->fixed));
  Json merged = Json::object();
  for (const std::string& method : split_words(matched.command->methods)) {
    const Answer answer = client_.call(method, params);
    const auto* result = std::get_if<Json>(&answer);
    if (result == nullptr) return report(answer);
    if (result->is_object()) merged.update(*result);
    params = Json::object();
  }
  return print(matched, std::move(merged));
}

Exit Session::call_on_uplink(Matched matched) {
  const std::string number = text_at(matched.params, "name");
  if (is_number(number)) {
    const Answer answer = client_.call("port.list", Json::object());
    const auto* result = std::get_if<Json>(&answer);
    if (result == nullptr) return report(answer);
    const Json& ports = list_at(*result, "ports");
    const auto port = std::ranges::find_if(ports, [&](const Json& candidate) {
      return text_at(candidate, "port") == number;
    });
    if (port == ports.end()) return say(Exit::refused, "there is no port " + number);
    if (text_at(*port, "role") == "container") {
      return say(
          Exit::refused,
          "port " + number + " belongs to endpoint " + text_at(*port, "endpoint") +
              ": see `help detach`"
      );
    }
    matched.params["name"] = text_at(*port, "name");
  }
  return call(matched);
}

Exit Session::call_method(const Matched& matched, const Line& line) {
  constexpr std::size_t kJsonWord = 2;  // call METHOD JSON
  Json params = Json::object();
  if (matched.local.contains("params")) {
    const std::size_t column = line.words[kJsonWord].column;
    // One quoted word, as a shell wants it, or the rest of the line as it stands.
    const bool is_one_word = line.words.size() == kJsonWord + 1 && line.text[column] != '{';
    const std::string text =
        is_one_word ? line.words[kJsonWord].text : text_at(matched.local, "params");
    try {
      params = Json::parse(text);
    } catch (const Json::parse_error& error) {
      const std::size_t offset = error.byte > 0 ? error.byte - 1 : 0;
      return complain({line.text, std::min(column + offset, line.end_column()), "expected JSON"});
    }
    if (!params.is_object()) return complain({line.text, column, "expected a JSON object"});
  }
  const Answer answer = client_.call(text_at(matched.local, "method"), params);
  const auto* result = std::get_if<Json>(&answer);
  return result == nullptr ? report(answer) : print(matched, *result);
}

Exit Session::set_verbose(Matched matched) {
  const Json& level = matched.local["level"];
  matched.params["level"] = level == 0U ? "info" : level == 1U ? "debug" : "trace";
  return call(matched);
}

Exit Session::apply_policy(Matched matched) {
  const std::string path = text_at(matched.local, "file");
  std::ifstream file{path};
  if (!file) return say(Exit::usage, path + ": cannot read this file");
  Json rules = Json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!rules.is_array()) return say(Exit::usage, path + ": is not a JSON array of rules");
  matched.params["rules"] = std::move(rules);
  return call(matched);
}

Exit Session::watch(const Matched& matched) {
  const bool is_json = matched.local.contains("json") || options_.is_json;
  const bool has_end = matched.local.contains("count");
  std::uint64_t left = has_end ? matched.local["count"].get<std::uint64_t>() : 0;
  const Answer ended = client_.watch(matched.params, [&](const Json& event) {
    out_ << (is_json ? event.dump() + "\n" : render_event(event)) << std::flush;
    return !has_end || --left > 0;
  });
  return report(ended);
}

Exit Session::use_state(const Matched& matched, const Line& line) {
  const std::string folder = text_at(matched.local, "folder");
  const std::string& verb = line.words[1].text;
  std::string name;
  std::string text;
  if (verb == "import") {
    name = text_at(matched.local, "file");
    auto read = text_of_file(name);
    if (!read.has_value()) return say(Exit::usage, name + ": cannot read this file");
    text = std::move(*read);
  }
  const auto said = verb == "check"    ? check_state(folder)
                    : verb == "export" ? export_state(folder)
                                       : import_state(folder, name, text);
  if (!said) return say(Exit::refused, said.error().message);
  out_ << *said << std::flush;
  return Exit::ok;
}

Exit Session::send_document(Matched matched) {
  const std::string path = text_at(matched.local, "file");
  const auto text = text_of_file(path);
  if (!text.has_value()) return say(Exit::usage, path + ": cannot read this file");
  Json document = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) return say(Exit::usage, path + ": is not a JSON object");
  matched.params["document"] = std::move(document);
  return call(matched);
}

Exit Session::show_help(const Matched& matched) {
  std::vector<std::string> topic;
  for (const Json& word : list_at(matched.local, "topic")) topic.push_back(text_of(word));
  const bool is_flow = !topic.empty() && topic.front() == "flow";
  const std::string text =
      is_flow ? std::string{flow_usage()} : grammar_.help(topic, options_.width);
  if (text.empty()) return say(Exit::usage, "no command has these words; `help` lists them all");
  out_ << text;
  return Exit::ok;
}

Exit Session::print(const Matched& matched, Json answer) {
  const Command& command = *matched.command;
  const auto name = matched.local.find("name");
  const bool is_single = name != matched.local.end() && *name != "all";
  if (is_single && !select(command, *name, answer)) {
    return say(
        Exit::refused, "there is no " + std::string{singular(command.list)} + " " + text_of(*name)
    );
  }
  const bool is_show = command.pattern.starts_with("show ");
  const bool is_json = matched.local.contains("json") || (options_.is_json && is_show);
  const View view{options_.width, is_single};
  out_ << (is_json ? render_json(answer, view) : command.render(answer, view)) << std::flush;
  return Exit::ok;
}

Exit Session::report(const Answer& answer) {
  if (const auto* refusal = std::get_if<Refusal>(&answer)) {
    return say(Exit::refused, refusal->message);
  }
  if (const auto* unreachable = std::get_if<Unreachable>(&answer)) {
    return say(Exit::unreachable, unreachable->message);
  }
  return Exit::ok;
}

Exit Session::complain(const Complaint& complaint) {
  err_ << format(complaint);
  return Exit::usage;
}

Exit Session::say(Exit exit, std::string_view sentence) {
  err_ << "weft: " << printable(sentence) << "\n";
  return exit;
}

}  // namespace weft::cli
