#include "control/connector/json_read.h"

#include <algorithm>
#include <utility>

namespace weft::connector {
namespace {

constexpr std::size_t kMostShown = 80;  // octets of a value that a sentence repeats

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_same_word(std::string_view a, std::string_view b) noexcept {
  return std::ranges::equal(a, b, {}, lower, lower);
}

const Json& empty_object() {
  static const Json object = Json::object();
  return object;
}

const Json& empty_list() {
  static const Json list = Json::array();
  return list;
}

}  // namespace

const Json* find_key(const Json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  auto found = object.find(key);
  if (found == object.end()) {
    for (found = object.begin(); found != object.end(); ++found) {
      if (is_same_word(found.key(), key)) break;
    }
  }
  if (found == object.end() || found->is_null()) return nullptr;
  return &*found;
}

std::string in_quotes(std::string_view text) {
  if (text.size() <= kMostShown) return "\"" + std::string{text} + "\"";
  return "\"" + std::string{text.substr(0, kMostShown)} + "...\"";
}

std::string shown(const Json& value) {
  if (value.is_string()) return in_quotes(value.get_ref<const std::string&>());
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  return value.dump();
}

Reader::Reader(const Json* object, std::string path)
    : object_{object == nullptr ? &empty_object() : object}, path_{std::move(path)} {
  if (object_->is_object()) return;
  problem_ = Problem{ProblemCode::bad_config, path_ + ": " + shown(*object_) + " is not an object"};
  object_ = &empty_object();
}

std::optional<std::string> Reader::text(std::string_view key) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return value->get<std::string>();
  refuse(key, shown(*value) + " is not a text");
  return std::nullopt;
}

std::optional<bool> Reader::flag(std::string_view key) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  refuse(key, shown(*value) + " is neither true nor false");
  return std::nullopt;
}

std::optional<std::uint64_t> Reader::number(
    std::string_view key, std::uint64_t low, std::uint64_t high
) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  const bool is_natural = value->is_number_unsigned() ||
                          (value->is_number_integer() && value->get<std::int64_t>() >= 0);
  if (is_natural) {
    const auto number = value->get<std::uint64_t>();
    if (number >= low && number <= high) return number;
  }
  const std::string kind = value->is_number() ? " is not in " : " is not a number of ";
  refuse(key, shown(*value) + kind + std::to_string(low) + " to " + std::to_string(high));
  return std::nullopt;
}

std::vector<std::string> Reader::texts(std::string_view key) {
  std::vector<std::string> texts;
  for (const Json& element : list(key)) {
    if (element.is_string()) {
      texts.push_back(element.get<std::string>());
    } else {
      refuse(key, shown(element) + " in the list is not a text");
    }
  }
  return texts;
}

std::vector<std::string> Reader::text_or_texts(std::string_view key) {
  const Json* value = find(key);
  if (value != nullptr && value->is_string()) return {value->get<std::string>()};
  return texts(key);
}

Labels Reader::labels(std::string_view key) {
  Labels labels;
  const Json* value = find(key);
  if (value == nullptr) return labels;
  if (value->is_array()) {
    for (const Json& pair : *value) add_label(labels, key, pair);
  } else if (value->is_object()) {
    for (const auto& [name, text] : value->items()) {
      add_label(labels, key, Json{{"key", name}, {"value", text}});
    }
  } else {
    refuse(key, shown(*value) + " is neither an object nor a list of key and value");
  }
  return labels;
}

void Reader::add_label(Labels& labels, std::string_view key, const Json& pair) {
  Reader inner{&pair, path_of(key)};
  const std::optional<std::string> name = inner.text("key");
  const std::string value = inner.text("value").value_or("");
  if (!name.has_value()) inner.refuse("key", "is required");
  adopt(inner);
  if (!inner.problem()) labels.insert_or_assign(*name, value);
}

const Json* Reader::object(std::string_view key) {
  const Json* value = find(key);
  if (value == nullptr || value->is_object()) return value;
  refuse(key, shown(*value) + " is not an object");
  return nullptr;
}

const Json& Reader::list(std::string_view key) {
  const Json* value = find(key);
  if (value == nullptr) return empty_list();
  if (value->is_array()) return *value;
  refuse(key, shown(*value) + " is not a list");
  return empty_list();
}

void Reader::refuse(std::string_view key, std::string_view reason, ProblemCode code) {
  if (problem_) return;
  problem_ = Problem{code, path_of(key) + ": " + std::string{reason}};
}

void Reader::adopt(const Reader& inner) {
  if (!problem_) problem_ = inner.problem_;
}

std::string Reader::path_of(std::string_view key) const {
  return path_ + "." + std::string{key};
}

}  // namespace weft::connector
