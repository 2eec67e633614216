// Traffic: random bursts of random conversations. The same seed gives the same traffic.
//
// A conversation has two hosts, a service and a script: a TCP connection is opened (also by both sides at once),
// talks and is closed, and then perhaps opened again with the same ports. Mostly the script is followed, so
// that connections get somewhere; the rest is what a network does to it: packets lost, repeated, from the
// wrong side, with random flags; conversations whose beginning nobody saw. UDP comes in fragments too, in order or not,
// or without the first; ICMP errors quote packets of conversations and of nobody.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "tests/differential/packet.h"

namespace weft::differential {

class Traffic {
 public:
  explicit Traffic(std::uint64_t seed);

  /// 1 to `most` packets from one container, or out of the tunnel.
  [[nodiscard]] std::vector<TracePacket> burst(std::size_t most);

 private:
  struct Conversation {
    unsigned tenant{};
    unsigned client{};
    unsigned server{};
    bool is_v6{};
    Flow flow;           // of what the client sends
    std::size_t step{};  // in the script of a TCP connection
    bool is_simultaneous{};
    std::uint16_t identification{};       // of the datagram that is being sent in fragments
    std::vector<std::uint8_t> fragments;  // parts still to be sent, the next one last
    bool are_fragments_from_client{};
  };

  [[nodiscard]] std::uint32_t below(std::size_t limit) {
    return static_cast<std::uint32_t>(random_() % limit);
  }
  [[nodiscard]] bool one_in(std::uint32_t n) { return random_() % n == 0; }

  [[nodiscard]] Conversation new_conversation();
  [[nodiscard]] TracePacket next_of(unsigned tenant, unsigned from);
  [[nodiscard]] TracePacket packet_of(Conversation& conversation, bool is_client);
  [[nodiscard]] std::uint8_t tcp_flags(Conversation& conversation, bool is_client);
  void make_fragment(Conversation& conversation, TracePacket& packet, bool is_client);
  void make_error(const Conversation& conversation, TracePacket& packet);
  void make_something_else(TracePacket& packet);

  std::mt19937_64 random_;
  std::uint32_t number_{};
  std::uint16_t identification_{};
  std::vector<Conversation> conversations_;
};

}  // namespace weft::differential
