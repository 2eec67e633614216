// What a tenant says about L7 classes, as plain values: parsed by control/, compiled by l7.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace weft::classifier {

enum class L7Protocol : std::uint8_t { any, tcp, udp };

/// Which way octets go: the client is who opened the flow.
enum class L7Direction : std::uint8_t { both, to_server, to_client };

struct L7Pattern {
  enum class Kind : std::uint8_t {
    builtin,  // `text` is "name" or "name:argument", see l7_builtin.h
    regex     // `text` is a PCRE expression in the subset that Hyperscan knows
  };
  std::string name;  // for messages and `show l7`
  Kind kind{Kind::builtin};
  std::string text;
  // Only packets like these are considered. A built-in knows by itself what it applies to; here it
  // can be narrowed.
  L7Protocol protocol{L7Protocol::any};
  L7Direction direction{L7Direction::both};
  // Regular expressions only. Octets, never UTF-8: payload need not be valid.
  bool is_caseless{};
  bool dot_matches_newline{};
  bool is_multiline{};  // ^ and $ match at line ends, too
  friend bool operator==(const L7Pattern&, const L7Pattern&) = default;
};

/// A packet is of the class if any of the patterns matches.
struct L7Class {
  /// 1-254, not used twice in a set. Flows keep the number: control leaves a name its id as long as
  /// the name exists, so that a changed set does not rename the classes of live flows.
  std::uint8_t id{};
  std::string name;
  std::vector<L7Pattern> patterns;
  friend bool operator==(const L7Class&, const L7Class&) = default;
};

/// How far into a flow is looked. Octets are kept in units of kL7BudgetUnit.
struct L7Budget {
  std::uint16_t packets = 4;    // 1 to kMaxL7Packets payload packets
  std::uint16_t octets = 2048;  // kL7BudgetUnit to kMaxL7Octets, a multiple of kL7BudgetUnit
  friend bool operator==(const L7Budget&, const L7Budget&) = default;
};

/// All classes of a tenant, most important first.
struct L7Set {
  std::vector<L7Class> classes;
  L7Budget budget;
  friend bool operator==(const L7Set&, const L7Set&) = default;
};

inline constexpr std::uint8_t kL7Unknown = 0;  // not known yet: scan the next packet
inline constexpr std::uint8_t kL7None = 255;   // scanned, and of no class
inline constexpr std::size_t kMaxL7Classes = 254;
inline constexpr std::size_t kMaxL7Patterns = 1024;  // in one set
inline constexpr std::size_t kMaxL7TextOctets = 1024;
inline constexpr std::uint16_t kMaxL7Packets = 7;
inline constexpr std::uint16_t kL7BudgetUnit = 128;
inline constexpr std::uint16_t kMaxL7Octets = 31 * kL7BudgetUnit;

/// A set that can not be compiled: a sentence for the operator, and which pattern it is about.
struct L7Failure {
  static constexpr std::size_t kWholeSet = static_cast<std::size_t>(-1);
  std::string message;
  std::size_t class_index = kWholeSet;
  std::size_t pattern_index = kWholeSet;  // kWholeSet: about the class itself
};

}  // namespace weft::classifier
