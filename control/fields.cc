#include "control/fields.h"

#include <algorithm>
#include <utility>

namespace weft::control {
namespace {

constexpr std::size_t kMostShown = 80;  // octets of a value that a message repeats

bool is_letter_or_digit(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

std::string shortened(std::string_view text) {
  if (text.size() <= kMostShown) return std::string{text};
  return std::string{text.substr(0, kMostShown)} + "...";
}

}  // namespace

std::string in_quotes(std::string_view text) {
  return "\"" + shortened(text) + "\"";
}

std::string shown(const Json& value) {
  if (value.is_string()) return in_quotes(value.get_ref<const std::string&>());
  if (value.is_object()) return "an object";
  if (value.is_array()) return "an array";
  return shortened(value.dump());
}

bool is_name(std::string_view text, std::size_t limit) noexcept {
  return !text.empty() && text.size() <= limit && is_letter_or_digit(text.front()) &&
         std::ranges::all_of(text, [](char c) {
           return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-';
         });
}

Fields::Fields(const Json& json, std::string object, std::string path)
    : json_{json}, object_{std::move(object)}, path_{std::move(path)} {
  if (!json_.is_object()) refuse_path(path_, shown(json_) + " is not an object");
}

const Json* Fields::find(const char* name) {
  known_.insert(name);
  if (!json_.is_object()) return nullptr;
  const auto field = json_.find(name);
  return field == json_.end() ? nullptr : &*field;
}

bool Fields::has(const char* name) const {
  return json_.is_object() && json_.contains(name);
}

bool Fields::flag(const char* name, bool fallback) {
  const Json* field = find(name);
  if (field == nullptr) return fallback;
  if (field->is_boolean()) return field->get<bool>();
  refuse(name, shown(*field) + " is neither true nor false");
  return fallback;
}

bool Fields::required_flag(const char* name) {
  if (find(name) == nullptr) refuse(name, "is required");
  return flag(name, false);
}

std::string Fields::text(const char* name, std::string_view fallback) {
  const Json* field = find(name);
  if (field == nullptr) return std::string{fallback};
  const std::string* text = string_at(*field, path_of(name));
  return text == nullptr ? std::string{fallback} : *text;
}

std::string Fields::required_text(const char* name) {
  if (find(name) == nullptr) refuse(name, "is required");
  std::string value = text(name, "");
  if (value.empty()) refuse(name, "is empty");
  return value;
}

std::string Fields::required_name(const char* name, std::size_t limit) {
  std::string value = required_text(name);
  if (is_ok() && !is_name(value, limit)) {
    refuse(
        name,
        in_quotes(value) + " is not a name: 1 to " + std::to_string(limit) +
            " characters of A-Z, a-z, 0-9, '.', '_', '-', starting with a letter or digit"
    );
  }
  return value;
}

std::optional<MacAddress> Fields::mac(const char* name) {
  const Json* field = find(name);
  if (field == nullptr) return std::nullopt;
  const std::string* text = string_at(*field, path_of(name));
  if (text == nullptr) return std::nullopt;
  const std::optional<MacAddress> mac = parse_mac(*text);
  if (!mac.has_value()) {
    refuse(name, in_quotes(*text) + " is not a MAC address like 02:00:00:00:00:01");
  } else if (mac->is_group()) {
    refuse(name, in_quotes(*text) + " is a group address, not an interface's");
  } else if (mac->is_zero()) {
    refuse(name, "must not be zero");
  } else {
    return mac;
  }
  return std::nullopt;
}

std::optional<IpAddress> Fields::address(const char* name) {
  const Json* field = find(name);
  return field == nullptr ? std::nullopt : address_at(*field, path_of(name));
}

std::vector<IpAddress> Fields::addresses(const char* name) {
  std::vector<IpAddress> result;
  for_each(name, [&](const Json& element, const std::string& path) {
    if (const auto address = address_at(element, path)) result.push_back(*address);
  });
  return result;
}

std::optional<IpPrefix> Fields::prefix(const char* name) {
  const Json* field = find(name);
  return field == nullptr ? std::nullopt : prefix_at(*field, path_of(name));
}

std::vector<IpPrefix> Fields::prefixes(const char* name) {
  std::vector<IpPrefix> result;
  for_each(name, [&](const Json& element, const std::string& path) {
    if (const auto prefix = prefix_at(element, path)) result.push_back(*prefix);
  });
  return result;
}

void Fields::refuse(const char* name, std::string_view reason) {
  refuse_path(path_of(name), reason);
}

void Fields::refuse_whole(std::string_view reason) {
  refuse_path(path_, reason);
}

void Fields::adopt(std::optional<Failure> failure) {
  if (failure.has_value() && !failure_.has_value()) failure_ = std::move(failure);
}

std::optional<Failure> Fields::finish() {
  if (failure_.has_value() || !json_.is_object()) return failure_;
  for (const auto& item : json_.items()) {
    if (known_.contains(item.key())) continue;
    refuse_path(path_of(shortened(item.key())), "there is no such parameter");
    break;
  }
  return failure_;
}

std::uint64_t Fields::integer(
    const char* name, std::uint64_t fallback, std::uint64_t low, std::uint64_t high
) {
  const Json* field = find(name);
  if (field == nullptr) return fallback;
  const bool is_negative =
      field->is_number_integer() && !field->is_number_unsigned() && field->get<std::int64_t>() < 0;
  if (!field->is_number_integer()) {
    refuse(name, shown(*field) + " is not an integer");
  } else if (is_negative || field->get<std::uint64_t>() < low) {
    refuse(name, shown(*field) + " is below the limit " + std::to_string(low));
  } else if (field->get<std::uint64_t>() > high) {
    refuse(name, shown(*field) + " is above the limit " + std::to_string(high));
  } else {
    return field->get<std::uint64_t>();
  }
  return fallback;
}

std::string Fields::path_of(std::string_view name) const {
  return path_.empty() ? std::string{name} : path_ + "." + std::string{name};
}

void Fields::refuse_path(const std::string& path, std::string_view reason) {
  if (failure_.has_value()) return;
  const std::string subject = path.empty() ? object_ : object_ + "." + path;
  failure_ = Failure{ErrorCode::bad_parameter, subject + ": " + std::string{reason}, path};
}

const std::string* Fields::string_at(const Json& json, const std::string& path) {
  if (!json.is_string()) {
    refuse_path(path, shown(json) + " is not a string");
    return nullptr;
  }
  const auto& text = json.get_ref<const std::string&>();
  // Every string ends up as a name, a path or an address, and each of those ends at a NUL.
  if (text.find('\0') != std::string::npos) {
    refuse_path(path, "contains a NUL character");
    return nullptr;
  }
  return &text;
}

std::optional<IpAddress> Fields::address_at(const Json& json, const std::string& path) {
  const std::string* text = string_at(json, path);
  if (text == nullptr) return std::nullopt;
  const std::optional<IpAddress> address = parse_ip(*text);
  if (!address.has_value()) refuse_path(path, in_quotes(*text) + " is not an IP address");
  return address;
}

std::optional<IpPrefix> Fields::prefix_at(const Json& json, const std::string& path) {
  const std::string* text = string_at(json, path);
  if (text == nullptr) return std::nullopt;
  if (const auto prefix = parse_prefix(*text)) return prefix;
  if (const auto address = parse_ip(*text)) {
    return IpPrefix{*address, static_cast<std::uint8_t>(address->is_v4() ? 32 : 128)};
  }
  refuse_path(path, in_quotes(*text) + " is not an IP address with a prefix length");
  return std::nullopt;
}

}  // namespace weft::control
