// RequestLog: what requests with an id were answered, so that the same id answers the same result again.
//
// Ids belong to the user who sent them. The last kKept are remembered, in the order in which they were answered, and no more
// than kMaxOctets of answers together. Of an answer of more than kMaxAnswer the list of changes is left out: only what
// lists many of them (apply, rollback) is so long.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "control/fields.h"

namespace weft::control {

class RequestLog {
 public:
  static constexpr std::size_t kKept = 10000;
  static constexpr std::size_t kMaxAnswer = std::size_t{64} * 1024;
  static constexpr std::size_t kMaxOctets = std::size_t{32} * 1024 * 1024;

  struct Answered {
    std::string fingerprint;
    std::string answer;  // JSON
  };

  /// What is remembered of a result.
  [[nodiscard]] static std::string kept_answer(const Json& result) {
    std::string answer = result.dump();
    if (answer.size() <= kMaxAnswer) return answer;
    Json rest = result;
    rest.erase("changes");
    rest["changes_omitted"] = true;
    return rest.dump();
  }

  /// nullptr: the id is new, or forgotten.
  [[nodiscard]] const Answered* find(const std::string& owner, const std::string& id) const {
    const auto found = answers_.find({owner, id});
    return found == answers_.end() ? nullptr : &found->second;
  }

  void put(const std::string& owner, const std::string& id, Answered answered) {
    const std::size_t size = answered.answer.size();
    // An id that is known was looked up before it was carried out, so it is new.
    if (size > kMaxAnswer || !answers_.emplace(Key{owner, id}, std::move(answered)).second) return;
    order_.emplace_back(owner, id);
    octets_ += size;
    while (order_.size() > kKept || octets_ > kMaxOctets) {
      const auto oldest = answers_.find(order_.front());
      octets_ -= oldest->second.answer.size();
      answers_.erase(oldest);
      order_.pop_front();
    }
  }

  /// Of a method and its parameters, the same in every process: FNV-1a, 64 bits.
  [[nodiscard]] static std::string fingerprint(std::string_view method, const Json& params) {
    constexpr std::uint64_t kPrime = 0x100000001B3;
    std::uint64_t hash = 0xCBF29CE484222325;
    const std::string text = params.dump(-1, ' ', false, Json::error_handler_t::replace);
    for (const char c : text) {
      hash = (hash ^ static_cast<unsigned char>(c)) * kPrime;
    }
    return std::string{method}.append(" ").append(std::to_string(hash));
  }

 private:
  using Key = std::pair<std::string, std::string>;

  std::map<Key, Answered> answers_;
  std::deque<Key> order_;
  std::size_t octets_{};
};

}  // namespace weft::control
